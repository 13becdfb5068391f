"""After the gateway stopped: what it booked is what the provider reported."""

import pytest


@pytest.fixture(scope="module")
def calls(stage) -> list[dict]:
    return stage.run("calls", "--org", stage.organization)["data"]


@pytest.fixture(scope="module")
def usage(stage) -> list[dict]:
    return stage.run("usage", "--org", stage.organization)["data"]


@pytest.fixture(scope="module")
def book(stage) -> dict:
    return stage.provider_book()


def total(rows: list[dict], field: str) -> int:
    return sum(row[field] or 0 for row in rows)


def test_every_call_that_reached_the_provider_is_booked_once(calls, book):
    assert len(book["requests"]) > 0
    assert len(calls) == len(book["requests"])
    assert len({call["id"] for call in calls}) == len(calls)


def test_each_reported_call_has_the_providers_own_counts(calls, book):
    reported = [call for call in calls if call["source"] == "reported"]
    booked = sorted((call["input_tokens"], call["output_tokens"]) for call in reported)
    assert booked == sorted(map(tuple, book["reported"]))


def test_the_usage_totals_are_the_providers_totals(usage, book):
    assert total(usage, "requests") == len(book["requests"])
    estimated = total(usage, "estimated_tokens") + total(usage, "interrupted_tokens")
    reported = sum(prompt + completion for prompt, completion in book["reported"])
    assert total(usage, "total_tokens") - estimated == reported


@pytest.mark.parametrize("by", ["key", "model", "day", "hour", "day,model"])
def test_every_grouping_adds_up_to_the_same(stage, usage, by):
    grouped = stage.run("usage", "--org", stage.organization, "--by", by)["data"]
    for field in ("requests", "errors", "input_tokens", "output_tokens", "total_tokens"):
        assert total(grouped, field) == total(usage, field), field


def test_errors_are_the_calls_not_answered_2xx(usage, calls):
    assert total(usage, "errors") == sum(not 200 <= call["status"] < 300 for call in calls)


def test_the_calls_add_up_to_the_usage(usage, calls):
    for field in ("input_tokens", "output_tokens", "total_tokens"):
        assert total(calls, field) == total(usage, field), field

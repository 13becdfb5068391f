"""After the gateway stopped: nothing it left behind holds a secret."""

import base64

import pytest

import leaks
from provider import ANSWER
from stage import PROMPT


@pytest.fixture(scope="module")
def places(stage) -> dict[str, bytes]:
    found = leaks.files_under(stage.data_dir) | leaks.files_under(stage.traces) | {"log": stage.log.read_bytes()}
    if stage.database:
        found["dump"] = leaks.postgres_dump(stage.database)
    return found


def test_the_search_finds_what_is_there(stage, places):
    assert leaks.holding(stage.organization, places), "not even the organisation's name is found"


@pytest.mark.parametrize("coded", [
    str.encode,
    lambda secret: secret.encode().hex().encode(),
    lambda secret: base64.b64encode(f"user:{secret}".encode()),
    lambda secret: base64.b64encode(f"Bearer {secret}".encode()),
])
def test_the_search_finds_a_planted_secret(coded):
    secret = "sk-0123456789abcdefghijklmnopqrstuvwxyz"
    assert leaks.holding(secret, {"log": b"before " + coded(secret) + b" after"}) == ["log"]


def test_the_provider_did_get_its_credential(stage):
    sent = {r["headers"].get("authorization") or r["headers"].get("Authorization")
            for r in stage.provider_book()["requests"]}
    assert sent == {f"Bearer {stage.provider_credential}"}


def test_no_client_key_is_left(stage, places):
    assert stage.secrets()
    assert [leaks.holding(secret, places) for secret in stage.secrets()] == [[]] * len(stage.secrets())


def test_no_provider_credential_is_left(stage, places):
    assert leaks.holding(stage.provider_credential, places) == []


@pytest.mark.parametrize("text", [PROMPT.split(":")[0], ANSWER.split(":")[0]])
def test_no_prompt_and_no_answer_is_left(places, text):
    assert leaks.holding(text, places) == []


def test_no_client_key_reached_the_provider(stage):
    sent = "\n".join(str(r["headers"]) for r in stage.provider_book()["requests"])
    assert [secret for secret in stage.secrets() if secret in sent] == []

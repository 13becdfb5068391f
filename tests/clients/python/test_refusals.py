"""Every refusal raises the exception that the SDK keeps for it, and tells what to do."""

import time

import openai
import pytest

from stage import MESSAGES

WRONG_KEY = "sk-" + "Z" * 48


def refused(client, exception, model="mock-chat", **more):
    with pytest.raises(exception) as caught:
        client.chat.completions.create(model=model, messages=MESSAGES, **more)
    assert type(caught.value) is exception
    assert caught.value.request_id
    return caught.value


@pytest.mark.parametrize("secret", [WRONG_KEY, "nonsense", "sk-"])
def test_a_wrong_key_is_an_authentication_error_and_not_retried(client_of, secret):
    client, statuses = client_of(secret)
    error = refused(client, openai.AuthenticationError)
    assert error.code == "invalid_api_key"
    assert statuses == [401]


def test_a_disabled_key_is_an_authentication_error(stage, client_of):
    key = stage.make_key("python-disabled")
    client, statuses = client_of(key["secret"])
    client.chat.completions.create(model="mock-chat", messages=MESSAGES)
    stage.run("key", "disable", key["id"])
    wait_until_refused(client, within=5)
    before = len(statuses)
    assert refused(client, openai.AuthenticationError).code == "key_disabled"
    assert statuses[before:] == [401]


def wait_until_refused(client, within):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            client.models.list()
        except openai.AuthenticationError:
            return
    pytest.fail(f"the key still works after {within} s")


def test_an_expired_key_is_an_authentication_error(stage, client_of):
    key = stage.make_key("python-expired", "--expires", "1ms")
    client, statuses = client_of(key["secret"])
    assert refused(client, openai.AuthenticationError).code == "key_expired"
    assert statuses == [401]


def test_a_deleted_key_is_unknown(stage, client_of):
    key = stage.make_key("python-deleted")
    stage.run("key", "delete", key["id"])
    client, _ = client_of(key["secret"])
    assert refused(client, openai.AuthenticationError).code == "invalid_api_key"


def test_a_suspended_organisation_is_denied_permission(stage, client_of):
    stage.run("org", "create", "Suspended")
    key = stage.make_key("python-suspended", organization="Suspended")
    stage.run("org", "update", "Suspended", "--status", "suspended")
    client, statuses = client_of(key["secret"])
    assert refused(client, openai.PermissionDeniedError).code == "organization_suspended"
    assert statuses == [403]


def test_a_model_that_nobody_serves_and_one_not_allowed_look_the_same(stage, client_of):
    key = stage.make_key("python-one-model", "--models", "mock-chat")
    client, statuses = client_of(key["secret"])
    unknown = refused(client, openai.NotFoundError, model="nobody-serves-this")
    forbidden = refused(client, openai.NotFoundError, model="mock-text")
    assert unknown.code == forbidden.code == "model_not_found"
    assert unknown.param == forbidden.param == "model"
    assert unknown.body["message"].replace("nobody-serves-this", "X") == \
        forbidden.body["message"].replace("mock-text", "X")
    assert statuses == [404, 404]


@pytest.mark.parametrize("value", [-1, "many", 1.5, 2**63, True])
def test_a_bad_max_tokens_is_a_bad_request(client, value):
    error = refused(client, openai.BadRequestError, max_tokens=value)
    assert (error.code, error.param) == ("invalid_value", "max_tokens")


def test_an_exhausted_quota_is_not_retried(stage, client_of):
    key = stage.make_key("python-quota", "--quota", "1000", "--quota-period", "none")
    client, statuses = client_of(key["secret"])
    client.chat.completions.create(model="mock-big", messages=MESSAGES, max_tokens=64)
    reached = stage.reached("mock-big")
    error = refused(client, openai.RateLimitError, model="mock-big")
    assert (error.code, error.type) == ("insufficient_quota", "insufficient_quota")
    assert statuses == [200, 429]
    assert stage.reached("mock-big") == reached


def test_a_quota_of_nothing_is_refused_at_once(stage, client_of):
    key = stage.make_key("python-no-quota", "--quota", "0", "--quota-period", "month")
    client, statuses = client_of(key["secret"])
    assert refused(client, openai.RateLimitError).code == "insufficient_quota"
    assert statuses == [429]


def test_a_rate_limited_call_succeeds_by_the_sdks_own_retry(stage, client_of):
    key = stage.make_key("python-rate", "--rpm", "20")
    patient, statuses = client_of(key["secret"])
    hasty = patient.with_options(max_retries=0)
    for _ in range(40):
        try:
            hasty.chat.completions.create(model="mock-chat", messages=MESSAGES)
        except openai.RateLimitError as error:
            assert error.code == "rate_limit_exceeded"
            assert 1 <= int(error.response.headers["retry-after"]) <= 3
            break
    before = len(statuses)
    assert patient.chat.completions.create(model="mock-chat", messages=MESSAGES).choices
    assert statuses[before:] == [429, 200]


@pytest.mark.parametrize(("flag", "code"), [
    ("--rpm", "rate_limit_exceeded"), ("--concurrency", "concurrency_limit_exceeded"),
])
def test_a_limit_of_nothing_is_not_retried(stage, client_of, flag, code):
    client, statuses = client_of(stage.make_key(f"python{flag}", flag, "0")["secret"])
    assert refused(client, openai.RateLimitError).code == code
    assert statuses == [429]


def test_a_body_that_is_too_large_is_told_so(client):
    body = {"padding": "x" * (33 * 2**20)}
    error = refused(client, openai.APIStatusError, extra_body=body)
    assert (error.status_code, error.code) == (413, "request_too_large")


def test_the_rate_limit_is_told_in_the_headers(stage, client_of):
    key = stage.make_key("python-headers", "--rpm", "50", "--quota", "100000", "--quota-period", "day")
    client, _ = client_of(key["secret"], max_retries=0)
    answer = client.chat.completions.with_raw_response.create(model="mock-chat", messages=MESSAGES)
    assert answer.headers["x-ratelimit-limit-requests"] == "50"
    assert answer.headers["x-ratelimit-remaining-requests"] == "49"
    assert answer.headers["x-ratelimit-reset-requests"].endswith("s")
    assert 0 < int(answer.headers["x-tollgate-quota-remaining"]) < 100_000


def test_the_providers_500_is_an_internal_server_error(client):
    error = refused(client, openai.InternalServerError, model="mock-fail-500")
    assert (error.status_code, error.code) == (502, "upstream_error")


def test_the_providers_401_is_the_operators_problem_and_not_retried(stage, key, client_of):
    client, statuses = client_of(key["secret"])
    error = refused(client, openai.InternalServerError, model="mock-fail-401")
    assert error.code == "upstream_unavailable"
    assert statuses == [503]


def test_the_providers_429_is_told_apart_from_the_keys_own(client):
    error = refused(client, openai.RateLimitError, model="mock-fail-429")
    assert error.code == "upstream_rate_limited"
    assert error.response.headers["retry-after"] == "7"


def test_the_providers_400_arrives_as_it_was(client):
    error = refused(client, openai.BadRequestError, model="mock-fail-400")
    assert (error.code, error.body["message"]) == ("mock_refused", "The mock was told to fail.")


def test_a_provider_that_never_answers_is_a_timeout_and_not_retried(key, client_of):
    client, statuses = client_of(key["secret"])
    error = refused(client, openai.InternalServerError, model="hang")
    assert (error.status_code, error.code) == (504, "upstream_timeout")
    assert statuses == [504]

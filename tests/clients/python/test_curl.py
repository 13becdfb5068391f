"""The same by curl: credentials in every header that may carry one."""

import json
import subprocess

import pytest

from stage import MESSAGES
from test_refusals import WRONG_KEY

BODY = json.dumps({"model": "mock-chat", "messages": MESSAGES})


@pytest.fixture
def curl(stage):
    def run(*headers: str, body: str = BODY) -> tuple[int, dict, dict]:
        command = ["curl", "-sS", "-i", "--max-time", "30", f"{stage.base_url}/chat/completions"]
        command += ["-H", "Content-Type: application/json", "--data-binary", body]
        for header in headers:
            command += ["-H", header]
        raw = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        head, _, answer = raw.replace("\r\n", "\n").partition("\n\n")
        status, *lines = head.split("\n")
        fields = {name.lower(): value.strip() for name, _, value in (l.partition(":") for l in lines)}
        return int(status.split()[1]), fields, json.loads(answer)

    return run


def assert_refused(answer: tuple[int, dict, dict], code: str) -> None:
    status, headers, body = answer
    assert status == 401
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert (body["error"]["type"], body["error"]["code"]) == ("invalid_request_error", code)
    assert headers["www-authenticate"].startswith("Bearer")
    assert headers["x-should-retry"] == "false"
    assert headers["x-request-id"] == headers["request-id"]
    assert headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("header", [
    "Authorization: Bearer {}", "authorization: bearer {}", "Authorization: BEARER {}",
    "x-api-key: {}", "api-key: {}",
])
def test_a_key_works_in_every_header(curl, key, header):
    status, headers, body = curl(header.format(key["secret"]))
    assert (status, body["object"]) == (200, "chat.completion")
    assert headers["x-request-id"] == headers["request-id"]


def test_a_stream_is_sent_by_curl(stage, key):
    command = ["curl", "-sS", "-N", f"{stage.base_url}/chat/completions", "--data-binary",
               json.dumps({"model": "mock-chat", "messages": MESSAGES, "stream": True}),
               "-H", f"Authorization: Bearer {key['secret']}", "-H", "Content-Type: application/json"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    events = out.strip().split("\n\n")
    assert all(event.startswith("data: ") for event in events)
    assert events[-1] == "data: [DONE]"


def test_no_key_and_a_wrong_key_have_one_body(curl):
    answers = [curl(), curl(f"Authorization: Bearer {WRONG_KEY}"), curl("Authorization: Basic eDp5")]
    for answer in answers:
        assert_refused(answer, "invalid_api_key")
    assert answers[0][2] == answers[1][2] == answers[2][2]


def test_a_disabled_key_is_told_so(curl, stage):
    key = stage.make_key("curl-disabled")
    stage.run("key", "disable", key["id"])
    assert_refused(curl(f"Authorization: Bearer {key['secret']}"), "key_disabled")


def test_two_different_keys_conflict(curl, key):
    bearer = f"Authorization: Bearer {key['secret']}"
    assert curl(bearer, f"x-api-key: {key['secret']}")[0] == 200
    status, _, body = curl(bearer, f"x-api-key: {WRONG_KEY}")
    assert (status, body["error"]["code"]) == (400, "conflicting_credentials")


@pytest.mark.parametrize("body", [
    '{"model":"mock-chat","model":"mock-text","messages":[]}',
    '{"model":"mock-text","model":"mock-chat","messages":[]}',
    '{"model":"mock-chat","mod\\u0065l":"mock-text","messages":[]}',
])
def test_a_model_named_twice_is_refused_before_the_provider(curl, stage, key, body):
    before = len(stage.provider_book()["requests"])
    status, _, answer = curl(f"Authorization: Bearer {key['secret']}", body=body)
    assert (status, answer["error"]["code"]) == (400, "duplicate_field")
    assert len(stage.provider_book()["requests"]) == before


def test_clients_headers_stay_here(curl, stage, key):
    curl(f"Authorization: Bearer {key['secret']}", "Cookie: a=b", "OpenAI-Organization: org-x",
         "X-Forwarded-For: 10.0.0.1", "Connection: close, X-Hop", "X-Hop: 1")
    sent = {name.lower() for name in stage.provider_book()["requests"][-1]["headers"]}
    assert not sent & {"cookie", "openai-organization", "x-forwarded-for", "x-hop", "x-api-key"}

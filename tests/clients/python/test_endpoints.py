"""Completions, embeddings and the list of models."""

import time
import uuid

import openai
import pytest

from provider import ANSWER
from stage import PROMPT


def test_a_completion_is_answered(client):
    answer = client.completions.create(model="mock-text", prompt=PROMPT)
    assert answer.choices[0].text == ANSWER
    assert uuid.UUID(answer._request_id)


def test_a_completion_is_streamed_without_the_usage_chunk(client):
    chunks = list(client.completions.create(model="mock-text", prompt=PROMPT, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks).strip() == ANSWER
    assert all(chunk.usage is None for chunk in chunks)


@pytest.mark.parametrize("form", [{}, {"encoding_format": "float"}, {"encoding_format": "base64"}])
def test_embeddings_arrive_in_the_form_asked_for(client, form):
    answer = client.embeddings.create(model="mock-embedding", input=[PROMPT, "two"], **form)
    vectors = [item.embedding for item in answer.data]
    expected = [0.25, -0.5, 1.0] if form.get("encoding_format") != "base64" else vectors[0]
    assert vectors == [expected, expected]
    assert answer.usage.total_tokens == answer.usage.prompt_tokens > 0


def test_the_models_of_the_provider_are_listed(client):
    deadline = time.monotonic() + 10
    listed: set[str] = set()
    while not {"fast", "mock-chat", "mock-embedding"} <= listed and time.monotonic() < deadline:
        listed = {model.id for model in client.models.list()}
    assert {"fast", "mock-chat", "mock-embedding"} <= listed


def test_a_model_is_retrieved(client):
    assert client.models.retrieve("fast").id == "fast"


def test_a_key_sees_only_the_models_it_may_call(stage, client_of):
    key = stage.make_key("python-models", "--models", "fast")
    client, _ = client_of(key["secret"], max_retries=0)
    assert [model.id for model in client.models.list()] == ["fast"]
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("mock-chat")
    assert caught.value.code == "model_not_found"


def test_what_is_not_served_says_so(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.create(model="mock-chat", input=PROMPT)
    assert caught.value.code == "not_found"
    assert "/v1/chat/completions" in caught.value.message

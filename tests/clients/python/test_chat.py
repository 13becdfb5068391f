"""Chat completions, whole answers."""

import asyncio
import json
import uuid

from pydantic import BaseModel

from provider import ANSWER
from stage import MESSAGES

TOOLS = [{
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}]
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def test_an_answer_arrives_with_its_usage(client):
    answer = client.chat.completions.create(model="mock-chat", messages=MESSAGES)
    assert answer.choices[0].message.content == ANSWER
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_an_alias_is_served_by_the_model_behind_it(client, stage):
    before = stage.reached("mock-chat")
    assert client.chat.completions.create(model="fast", messages=MESSAGES).choices
    assert (stage.reached("mock-chat"), stage.reached("fast")) == (before + 1, 0)


def test_an_answer_has_a_request_id(client):
    answer = client.chat.completions.create(model="mock-chat", messages=MESSAGES)
    assert uuid.UUID(answer._request_id).version == 7


def test_a_tool_is_called_and_its_result_taken(client):
    first = client.chat.completions.create(model="mock-chat", messages=MESSAGES, tools=TOOLS)
    call = first.choices[0].message.tool_calls[0]
    assert first.choices[0].finish_reason == "tool_calls"
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Utrecht"})

    result = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
    turn = [*MESSAGES, first.choices[0].message.model_dump(exclude_none=True), result]
    second = client.chat.completions.create(model="mock-chat", messages=turn, tools=TOOLS)
    assert second.choices[0].message.content == ANSWER


def test_structured_output_is_parsed(client):
    class Weather(BaseModel):
        city: str
        degrees: int
        warnings: list[str]

    answer = client.chat.completions.parse(
        model="mock-chat", messages=MESSAGES, response_format=Weather
    )
    assert answer.choices[0].message.parsed == Weather(city="Utrecht", degrees=42, warnings=["Utrecht"])


def test_an_image_reaches_the_provider(client):
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    answer = client.chat.completions.create(
        model="mock-chat", messages=[{"role": "user", "content": parts}]
    )
    assert answer.choices[0].message.content == "1 image(s) seen"


def test_unknown_fields_reach_the_provider(client, stage):
    client.chat.completions.create(
        model="mock-chat", messages=MESSAGES, seed=11, extra_body={"a_field_of_tomorrow": {"x": [1]}}
    )
    body = stage.provider_book()["requests"][-1]["body"]
    assert (body["seed"], body["a_field_of_tomorrow"]) == (11, {"x": [1]})


def test_a_long_prompt_is_answered(client):
    long = [{"role": "user", "content": "Utrecht " * 40_000}]
    assert client.chat.completions.create(model="mock-chat", messages=long).choices


def test_the_async_client_is_answered(async_client):
    async def call():
        async with async_client as client:
            return await client.chat.completions.create(model="mock-chat", messages=MESSAGES)

    assert asyncio.run(call()).choices[0].message.content == ANSWER


def test_40_parallel_calls_are_answered(async_client):
    async def calls():
        async with async_client as client:
            one = lambda: client.chat.completions.create(model="mock-chat", messages=MESSAGES)
            return await asyncio.gather(*(one() for _ in range(40)))

    answers = asyncio.run(calls())
    assert len({answer._request_id for answer in answers}) == 40
    assert all(answer.choices[0].message.content == ANSWER for answer in answers)

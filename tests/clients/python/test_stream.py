"""Chat completions, streamed."""

import asyncio

import openai
import pytest

from provider import ANSWER
from stage import MESSAGES
from test_chat import TOOLS

WITH_USAGE = {"include_usage": True}


def text_of(chunks) -> str:
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices).strip()


def test_a_stream_without_usage_has_no_chunk_without_choices(client, stage):
    chunks = list(client.chat.completions.create(model="mock-chat", messages=MESSAGES, stream=True))
    assert text_of(chunks) == ANSWER
    assert all(chunk.choices for chunk in chunks)
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"
    asked = stage.provider_book()["requests"][-1]["body"]["stream_options"]
    assert asked == {"include_usage": True}


def test_a_stream_with_usage_ends_with_the_usage(client, stage):
    chunks = list(client.chat.completions.create(
        model="mock-chat", messages=MESSAGES, stream=True, stream_options=WITH_USAGE
    ))
    *content, last = chunks
    assert text_of(content) == ANSWER
    assert all(chunk.choices and chunk.usage is None for chunk in content)
    assert last.choices == []
    reported = stage.provider_book()["reported"][-1]
    assert [last.usage.prompt_tokens, last.usage.completion_tokens] == reported


def test_usage_refused_in_words_stays_hidden(client):
    chunks = list(client.chat.completions.create(
        model="mock-chat", messages=MESSAGES, stream=True, stream_options={"include_usage": False}
    ))
    assert all(chunk.choices for chunk in chunks)


def test_the_stream_helper_sees_a_whole_answer(client):
    with client.chat.completions.stream(model="mock-chat", messages=MESSAGES) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content.strip() == ANSWER


def test_tool_calls_are_streamed(client):
    chunks = client.chat.completions.create(
        model="mock-chat", messages=MESSAGES, tools=TOOLS, stream=True
    )
    calls = [call for c in chunks for call in c.choices[0].delta.tool_calls or []]
    assert [call.function.name for call in calls] == ["weather"]


def test_the_async_client_streams(async_client):
    async def call():
        async with async_client as client:
            stream = await client.chat.completions.create(
                model="mock-chat", messages=MESSAGES, stream=True
            )
            return [chunk async for chunk in stream]

    assert text_of(asyncio.run(call())) == ANSWER


def test_40_parallel_streams_arrive_whole(async_client):
    async def one(client):
        stream = await client.chat.completions.create(
            model="mock-chat", messages=MESSAGES, stream=True, stream_options=WITH_USAGE
        )
        return [chunk async for chunk in stream]

    async def calls():
        async with async_client as client:
            return await asyncio.gather(*(one(client) for _ in range(40)))

    streams = asyncio.run(calls())
    assert [text_of(chunks) for chunks in streams] == [ANSWER] * 40
    assert len({(c[-1].usage.prompt_tokens, c[-1].usage.completion_tokens) for c in streams}) > 1


def test_a_stream_that_the_provider_cuts_raises(client):
    stream = client.chat.completions.create(model="mock-cut-stream", messages=MESSAGES, stream=True)
    with pytest.raises(openai.APIError) as caught:
        list(stream)
    assert caught.value.type == "server_error"

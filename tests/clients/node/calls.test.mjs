// What works: chat, streams, tools, structured output, images, embeddings, models.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { all, ANSWER, clientOf, makeKey, MESSAGES, PROMPT, providerBook } from "./stage.mjs";

const model = "mock-chat";
const tools = [
  {
    type: "function",
    function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
  },
];
const textOf = (chunks) => chunks.map((c) => c.choices[0]?.delta.content ?? "").join("").trim();

let client;
before(() => {
  ({ client } = clientOf(makeKey("node").secret, { maxRetries: 0 }));
});

test("an answer arrives with its usage and a request id", async () => {
  const answer = await client.chat.completions.create({ model, messages: MESSAGES });
  assert.equal(answer.choices[0].message.content, ANSWER);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  assert.match(answer._request_id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
});

test("a stream without usage has no chunk without choices", async () => {
  const chunks = await all(await client.chat.completions.create({ model, messages: MESSAGES, stream: true }));
  assert.equal(textOf(chunks), ANSWER);
  assert.ok(chunks.every((chunk) => chunk.choices.length === 1 && !chunk.usage));
});

test("a stream with usage ends with the usage", async () => {
  const chunks = await all(
    await client.chat.completions.create({
      model,
      messages: MESSAGES,
      stream: true,
      stream_options: { include_usage: true },
    }),
  );
  const last = chunks.pop();
  assert.ok(chunks.every((chunk) => chunk.choices.length === 1 && !chunk.usage));
  assert.deepEqual(last.choices, []);
  const { reported } = await providerBook();
  const { prompt_tokens: prompt, completion_tokens: completion } = last.usage;
  assert.ok(reported.some((counts) => counts[0] === prompt && counts[1] === completion));
});

test("the stream helper sees a whole answer", async () => {
  const final = await client.chat.completions.stream({ model, messages: MESSAGES }).finalContent();
  assert.equal(final.trim(), ANSWER);
});

test("a tool is called and its result taken", async () => {
  const first = await client.chat.completions.create({ model, messages: MESSAGES, tools });
  const message = first.choices[0].message;
  assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: "Utrecht" });
  const result = { role: "tool", tool_call_id: message.tool_calls[0].id, content: "rain" };
  const second = await client.chat.completions.create({ model, messages: [...MESSAGES, message, result], tools });
  assert.equal(second.choices[0].message.content, ANSWER);
});

test("structured output is parsed", async () => {
  const Weather = z.object({ city: z.string(), degrees: z.number() });
  const answer = await client.chat.completions.parse({
    model,
    messages: MESSAGES,
    response_format: zodResponseFormat(Weather, "weather"),
  });
  assert.deepEqual(answer.choices[0].message.parsed, { city: "Utrecht", degrees: 42 });
});

test("an image reaches the provider", async () => {
  const content = [
    { type: "text", text: "What is this?" },
    { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
  ];
  const answer = await client.chat.completions.create({ model, messages: [{ role: "user", content }] });
  assert.equal(answer.choices[0].message.content, "1 image(s) seen");
});

test("40 parallel calls are answered", async () => {
  const call = () => client.chat.completions.create({ model, messages: MESSAGES });
  const answers = await Promise.all(Array.from({ length: 40 }, call));
  assert.equal(new Set(answers.map((answer) => answer._request_id)).size, 40);
});

test("embeddings, completions and models are served", async () => {
  const embeddings = await client.embeddings.create({ model: "mock-embedding", input: PROMPT });
  assert.deepEqual([...embeddings.data[0].embedding], [0.25, -0.5, 1]);
  const completion = await client.completions.create({ model: "mock-text", prompt: PROMPT });
  assert.equal(completion.choices[0].text, ANSWER);
  assert.equal((await client.models.retrieve("fast")).id, "fast");
  assert.ok((await all(client.models.list())).some((listed) => listed.id === "fast"));
});

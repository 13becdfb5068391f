// What does not: each refusal is the error class that the SDK keeps for it.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import OpenAI from "openai";
import { all, clientOf, makeKey, MESSAGES, run } from "./stage.mjs";

const model = "mock-chat";
let key;
before(() => {
  key = makeKey("node-refusals");
});

/** Calls, and answers the error, which is exactly of this class. */
async function refused(client, kind, body = {}) {
  const call = client.chat.completions.create({ model, messages: MESSAGES, ...body });
  const error = await call.then(
    () => assert.fail("it was answered"),
    (caught) => caught,
  );
  assert.equal(error.constructor, kind, String(error));
  assert.ok(error.requestID);
  return error;
}

test("a wrong key is an authentication error and not retried", async () => {
  const { client, statuses } = clientOf(`sk-${"Z".repeat(48)}`);
  assert.equal((await refused(client, OpenAI.AuthenticationError)).code, "invalid_api_key");
  assert.deepEqual(statuses, [401]);
});

test("a disabled and an expired key are authentication errors", async () => {
  const disabled = makeKey("node-disabled");
  run("key", "disable", disabled.id);
  const expired = makeKey("node-expired", "--expires", "1ms");
  const codes = [];
  for (const { secret } of [disabled, expired]) {
    codes.push((await refused(clientOf(secret).client, OpenAI.AuthenticationError)).code);
  }
  assert.deepEqual(codes, ["key_disabled", "key_expired"]);
});

test("a model that the key may not use is not found", async () => {
  const { client } = clientOf(makeKey("node-models", "--models", "fast").secret);
  const error = await refused(client, OpenAI.NotFoundError);
  assert.deepEqual([error.code, error.param], ["model_not_found", "model"]);
});

test("a bad max_tokens is a bad request", async () => {
  const error = await refused(clientOf(key.secret).client, OpenAI.BadRequestError, { max_tokens: -1 });
  assert.deepEqual([error.code, error.param], ["invalid_value", "max_tokens"]);
});

test("an exhausted quota is not retried", async () => {
  const limited = makeKey("node-quota", "--quota", "1000", "--quota-period", "none");
  const { client, statuses } = clientOf(limited.secret);
  await client.chat.completions.create({ model: "mock-big", messages: MESSAGES, max_tokens: 64 });
  const error = await refused(client, OpenAI.RateLimitError);
  assert.deepEqual([error.code, error.type], ["insufficient_quota", "insufficient_quota"]);
  assert.deepEqual(statuses, [200, 429]);
});

test("a rate-limited call succeeds by the SDK's own retry", async () => {
  const { client: patient, statuses } = clientOf(makeKey("node-rate", "--rpm", "20").secret);
  const hasty = patient.withOptions({ maxRetries: 0 });
  const call = (client) => client.chat.completions.create({ model, messages: MESSAGES });
  for (let calls = 0; calls < 40 && statuses.at(-1) !== 429; calls += 1) {
    await call(hasty).catch((error) => assert.equal(error.code, "rate_limit_exceeded"));
  }
  const before = statuses.length;
  assert.ok((await call(patient)).choices.length);
  assert.deepEqual(statuses.slice(before), [429, 200]);
});

test("the provider's failures are told apart", async () => {
  const { client, statuses } = clientOf(key.secret, { maxRetries: 0 });
  const codes = [];
  for (const [name, kind] of [
    ["mock-fail-500", OpenAI.InternalServerError],
    ["mock-fail-401", OpenAI.InternalServerError],
    ["mock-fail-429", OpenAI.RateLimitError],
    ["mock-fail-400", OpenAI.BadRequestError],
  ]) {
    codes.push((await refused(client, kind, { model: name })).code);
  }
  assert.deepEqual(codes, ["upstream_error", "upstream_unavailable", "upstream_rate_limited", "mock_refused"]);
  assert.deepEqual(statuses, [502, 503, 429, 400]);
});

test("a stream that the provider cuts throws", async () => {
  const { client } = clientOf(key.secret, { maxRetries: 0 });
  const stream = await client.chat.completions.create({
    model: "mock-cut-stream",
    messages: MESSAGES,
    stream: true,
  });
  await assert.rejects(all(stream), OpenAI.APIError);
});

// What the tests need of the running gateway: its address, keys, the provider's book.

import { execFileSync } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import OpenAI from "openai";

const facts = JSON.parse(readFileSync(process.env.CLIENT_STAGE, "utf8"));
const { CLIENT_STAGE, ...environment } = process.env;

export const PROMPT = "canary-prompt-9b3e7a: how is the weather in Utrecht?";
export const ANSWER = "canary-answer-5d1f0c: all of it is made up";
export const MESSAGES = [{ role: "user", content: PROMPT }];
export const baseURL = `${facts.url}/v1`;

/** One command of the gateway, its answer parsed. */
export function run(...args) {
  const [binary, ...options] = facts.cli;
  const out = execFileSync(binary, [...options, ...args], { env: environment, encoding: "utf8" });
  return JSON.parse(out || "{}");
}

/** A new key; its secret is kept for the search for secrets. */
export function makeKey(name, ...flags) {
  const key = run("key", "create", "--org", facts.organization, "--name", name, ...flags);
  appendFileSync(facts.secrets, `${key.secret}\n`);
  return key;
}

/** A client of its own, and the list of the statuses that it was answered. */
export function clientOf(apiKey, options = {}) {
  const statuses = [];
  const counted = async (...args) => {
    const answer = await fetch(...args);
    statuses.push(answer.status);
    return answer;
  };
  return { client: new OpenAI({ baseURL, apiKey, fetch: counted, ...options }), statuses };
}

/** `requests` that reached the provider and the counts it `reported`. */
export async function providerBook() {
  return (await fetch(`${facts.provider}/control`)).json();
}

/** All that an async iterable gives. */
export async function all(iterable) {
  const items = [];
  for await (const item of iterable) items.push(item);
  return items;
}

// A running installation and what people do in it, for the tests of the real pages.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import AxeBuilder from "@axe-core/playwright";
import { start } from "./server.mjs";

export const PASSWORD = "correct horse battery staple";
export const HOSTILE = ["<script>alert(1)</script>", "\"quoted\" & 'single' </title>", "مفتاح abc", "{{7*7}} ${7*7}", "=cmd|' /C calc'!A0"];
export const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 375, height: 812 } };
export const LOOKS = Object.entries(SIZES).flatMap(([size, viewport]) => ["light", "dark"].map((theme) => ({ size, viewport, theme })));

const PICTURES = process.env.PICTURES;

// `tollgate dev`, entered by its link; the owner chose a password.
export async function house() {
  const stage = await start(process.env.TOLLGATE);
  const owner = await visitor(stage);
  await owner.goto(stage.link);
  await owner.getByRole("button", { name: "Go on" }).click();
  await owner.waitForURL(/\/orgs\//);
  const org = new URL(owner.url()).pathname.split("/")[2];
  await owner.goto(`${stage.base}/account`);
  await owner.getByLabel("New password").fill(PASSWORD);
  await owner.getByRole("button", { name: "Change password" }).click();
  await said(owner, "The password is changed");
  return { ...stage, owner, org, at: (place = "") => `${stage.base}/orgs/${org}${place}` };
}

// Someone with a browser of their own. Whatever goes wrong in a page fails the test.
export async function visitor(stage, options = {}) {
  const context = await stage.browser.newContext({ viewport: SIZES.wide, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on("pageerror", (error) => { throw error; });
  page.on("dialog", (dialog) => (dialog.type() === "beforeunload" ? dialog.accept() : dialog.dismiss()));
  return page;
}

export async function signIn(stage, page, email = "dev@localhost", password = PASSWORD) {
  await page.goto(`${stage.base}/sign-in`);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

// Makes a key by the form; `more` fills other fields in. Answers its secret, still on the page that shows it.
export async function create(stage, page, name, more = async () => {}) {
  await page.goto(stage.at("/keys/new"));
  await page.getByLabel("Name", { exact: true }).fill(name);
  await more();
  await page.getByRole("button", { name: "Create key" }).click();
  return page.getByLabel("Secret").inputValue();
}

// Leaves the page that shows a secret.
export async function stored(page) {
  await page.getByLabel("I stored it in a safe place").check();
  await page.getByRole("button", { name: "Done" }).click();
}

// What just happened, as it is said to all: in the region that screen readers read out.
export async function said(page, text) {
  await page.locator('[role="status"][aria-live="polite"]').getByText(text).first().waitFor();
}

// Fills in what a question asks to be typed, and answers it.
export async function confirm(page, text, button) {
  const question = page.locator("dialog[open], .confirm");
  await question.getByLabel(/^Type .* to confirm$/).fill(text);
  await question.getByRole("button", { name: button }).click();
}

// An invitation's link, made by the form.
export async function invite(stage, page, email, role) {
  await page.goto(stage.at("/members"));
  await page.getByRole("link", { name: "Invite" }).click();
  const dialog = page.locator("#dialog-invite");
  await dialog.getByLabel("E-mail").fill(email);
  await dialog.getByLabel(role).check();
  await dialog.getByRole("button", { name: "Make the link" }).click();
  return page.getByLabel("The invitation's link").inputValue();
}

// A new person, who came by a link.
export async function joined(stage, link, name) {
  const page = await visitor(stage);
  await page.goto(link);
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Join" }).click();
  await page.waitForURL(/\/orgs\//);
  return page;
}

// Fails unless calls with `key` are refused within so long.
export async function refusedWithin(stage, key, ms) {
  const end = Date.now() + ms;
  while (await stage.call(key) === 200) assert.ok(Date.now() < end, `the key still works after ${ms} ms`);
}

// What a management token does.
export async function api(stage, token, method, place, body) {
  const answer = await fetch(`${stage.base}/api/v1${place}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json().catch(() => null) };
}

// A management token, made by the form; it is left on the page that shows it.
export async function token(stage, page, name, role = "Admin") {
  await page.goto(stage.at("/tokens"));
  await page.getByRole("link", { name: "Create token" }).first().click();
  // Where no token is yet, the way leads to a page of its own.
  const question = page.locator("dialog[open], .confirm").first();
  await question.getByLabel("Name").fill(name);
  await question.getByLabel(role).check();
  await question.getByRole("button", { name: "Create token" }).click();
  return page.getByLabel("Secret").inputValue();
}

// Nothing serious for axe, nothing that stands outside. A picture is left where one is wanted.
export async function looked(page, name, { size, theme }) {
  const findings = [];
  const isWide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  if (isWide) findings.push(`${name} ${size} ${theme}: scrolls sideways`);
  if (PICTURES) {
    await mkdir(PICTURES, { recursive: true });
    const isOpen = await page.locator("dialog[open]").count() > 0;
    await page.screenshot({ path: path.join(PICTURES, `real-${name}-${size}-${theme}.png`), fullPage: !isOpen });
  }
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  findings.push(...serious.map(({ id, nodes }) => `${name} ${size} ${theme}: ${id} ${nodes[0].html.slice(0, 160)}`));
  return findings;
}

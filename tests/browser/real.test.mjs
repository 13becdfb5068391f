// What people do in the dashboard of the real binary, one thing after the other.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import AxeBuilder from "@axe-core/playwright";
import { start } from "./server.mjs";

const PASSWORD = "correct horse battery staple";
const PICTURES = process.env.PICTURES;
const HOSTILE = ["<script>alert(1)</script>", "\"quoted\" & 'single' </title>", "مفتاح\u202eabc", "{{7*7}} ${7*7}", "=cmd|' /C calc'!A0"];

let stage, owner, org;
before(async () => { stage = await start(process.env.TOLLGATE); });
after(() => stage.close());

async function visitor(options = {}) {
  const context = await stage.browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on("pageerror", (error) => { throw error; });
  page.on("dialog", (dialog) => (dialog.type() === "beforeunload" ? dialog.accept() : dialog.dismiss()));
  return page;
}

async function signIn(page, email = "dev@localhost") {
  await page.goto(`${stage.base}/sign-in`);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/\/orgs\//);
}

async function create(page, name) {
  await page.goto(`${stage.base}/orgs/${org}/keys/new`);
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Create key" }).click();
  return page.getByLabel("Secret").inputValue();
}

async function stored(page) {
  await page.getByLabel("I stored it in a safe place").check();
  await page.getByRole("button", { name: "Done" }).click();
}

async function refusedWithin(key, ms) {
  const end = Date.now() + ms;
  while (await stage.call(key) === 200) assert.ok(Date.now() < end, `the key still works after ${ms} ms`);
}

test("the printed link signs in once, and a password does from then on", async () => {
  owner = await visitor();
  await owner.goto(stage.link);
  await owner.getByRole("button", { name: "Go on" }).click();
  await owner.waitForURL(/\/orgs\//);
  org = new URL(owner.url()).pathname.split("/")[2];
  const other = await visitor();
  await other.goto(stage.link);
  await other.getByRole("button", { name: "Go on" }).click();
  await other.getByText("This link works no more").first().waitFor();
  await owner.goto(`${stage.base}/account`);
  await owner.getByLabel("New password").fill(PASSWORD);
  await owner.getByRole("button", { name: "Change password" }).click();
  await owner.getByText("The password is changed").waitFor();
  await signIn(other);
  await other.context().close();
});

test("a key made in the page calls at once and is shown this once", async () => {
  const secret = await create(owner, "Production");
  assert.equal(await stage.call(secret), 200);
  const shows = async () => (await owner.content()).includes(secret);
  assert.ok(await shows());
  await owner.reload();
  assert.equal(await shows(), false);
  await owner.goBack();
  assert.equal(await shows(), false);
  await owner.goForward();
  assert.equal(await shows(), false);
  await owner.goto(`${stage.base}/orgs/${org}/keys`);
  await owner.getByRole("link", { name: "Production" }).waitFor();
  assert.equal(await owner.getByRole("link", { name: "Production" }).count(), 1);
});

test("a disabled key stops within a second, and works again when it is enabled", async () => {
  const secret = await create(owner, "Stopped");
  await stored(owner);
  assert.equal(await stage.call(secret), 200);
  await owner.getByRole("link", { name: "Disable" }).click();
  await owner.locator("#dialog-disable").getByRole("button", { name: "Disable" }).click();
  await owner.getByText("Disabled. Calls are refused").waitFor();
  await refusedWithin(secret, 1000);
  await owner.getByRole("button", { name: "Enable" }).click();
  await owner.getByText("Enabled.").waitFor();
});

test("a rotated key has a new secret, and a deleted one is gone after its name is typed", async () => {
  const before = await create(owner, "Rotated");
  await stored(owner);
  await owner.getByRole("link", { name: "Rotate" }).click();
  await owner.getByLabel("The old secret stops").selectOption("3600");
  await owner.locator("#dialog-rotate").getByRole("button", { name: "Rotate" }).click();
  const now = await owner.getByLabel("Secret").inputValue();
  assert.notEqual(now, before);
  assert.deepEqual([await stage.call(before), await stage.call(now)], [200, 200]);
  await stored(owner);
  await owner.locator("#previous-secret").waitFor();
  await owner.getByRole("link", { name: "Delete" }).click();
  const dialog = owner.locator("#dialog-delete");
  assert.ok(await dialog.getByRole("button", { name: "Delete for good" }).isDisabled());
  await dialog.getByLabel("Type Rotated to confirm").fill("Rotated");
  await dialog.getByRole("button", { name: "Delete for good" }).click();
  await owner.getByText("Deleted.").waitFor();
  await refusedWithin(now, 1000);
});

test("names are text, whatever they look like", async () => {
  let asked = 0;
  owner.on("dialog", (dialog) => { if (dialog.type() !== "beforeunload") asked += 1; });
  for (const name of HOSTILE) await create(owner, name);
  await owner.goto(`${stage.base}/orgs/${org}/keys`);
  const names = await owner.locator(".row-link").allTextContents();
  for (const name of HOSTILE) assert.ok(names.includes(name), name);
  assert.equal(asked, 0);
});

test("a limit that is not a number is said beside its field", async () => {
  await owner.goto(`${stage.base}/orgs/${org}/keys/new`);
  await owner.getByLabel("Name").fill("Wrong");
  await owner.getByLabel("Token quota").fill("many");
  await owner.getByRole("button", { name: "Create key" }).click();
  await owner.locator("#error-quota").waitFor();
  assert.equal(await owner.getByLabel("Name").inputValue(), "Wrong");
});

test("an invited viewer looks and changes nothing", async () => {
  await owner.goto(`${stage.base}/orgs/${org}/members`);
  await owner.getByRole("link", { name: "Invite" }).click();
  await owner.locator("#dialog-invite").getByLabel("E-mail").fill("viewer@example.com");
  await owner.locator("#dialog-invite").getByLabel("Role").selectOption("viewer");
  await owner.getByRole("button", { name: "Make the link" }).click();
  const link = await owner.getByLabel("The invitation's link").inputValue();
  const viewer = await visitor();
  await viewer.goto(link);
  await viewer.getByLabel("Your name").fill("Vera");
  await viewer.getByLabel("Password").fill(PASSWORD);
  await viewer.getByRole("button", { name: "Join" }).click();
  await viewer.waitForURL(/\/orgs\//);
  await viewer.goto(`${stage.base}/orgs/${org}/keys`);
  await viewer.getByRole("link", { name: "Production" }).waitFor();
  assert.equal(await viewer.getByRole("link", { name: "Create key" }).count(), 0);
  for (const way of ["Members", "Tokens", "Audit", "Organisations"]) {
    assert.equal(await viewer.locator(".sidebar").getByRole("link", { name: way }).count(), 0, way);
  }
  for (const hidden of [`/orgs/${org}/keys/new`, `/orgs/${org}/members`, "/operator/orgs"]) {
    assert.equal((await viewer.goto(stage.base + hidden)).status(), 403, hidden);
  }
  await viewer.context().close();
});

test("a form of another site changes nothing", async () => {
  const target = `${stage.base}/orgs/${org}/projects/new`;
  const html = `<form method="post" action="${target}"><input name="name" value="Planted"><button>Go</button></form>`;
  const foreign = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(html)).listen(0, "127.0.0.1");
  await new Promise((resolve) => foreign.once("listening", resolve));
  const page = await owner.context().newPage();
  // Another port is the same site to cookies: they are sent, and refused by their origin.
  await page.goto(`http://127.0.0.1:${foreign.address().port}/`);
  const [answer] = await Promise.all([page.waitForResponse(target), page.getByRole("button", { name: "Go" }).click()]);
  assert.equal(answer.status(), 403);
  foreign.close();
  await page.goto(`${stage.base}/orgs/${org}/projects`);
  assert.equal(await page.getByText("Planted").count(), 0);
  await page.close();
});

test("without scripts one signs in, creates, edits, disables and deletes", async () => {
  const page = await visitor({ javaScriptEnabled: false });
  await signIn(page);
  const secret = await create(page, "Plain");
  assert.equal(await stage.call(secret), 200);
  await stored(page);
  await page.getByRole("link", { name: "Settings" }).last().click();
  await page.getByLabel("Requests a minute").fill("30");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  assert.equal(await page.getByLabel("Requests a minute").inputValue(), "30");
  await page.getByRole("link", { name: "Disable" }).click();
  await page.getByRole("button", { name: "Disable" }).click();
  await page.getByText("Disabled. Calls are refused").waitFor();
  await refusedWithin(secret, 1000);
  await page.getByRole("link", { name: "Delete" }).click();
  await page.getByLabel("Type Plain to confirm").fill("Plain");
  await page.getByRole("button", { name: "Delete for good" }).click();
  await page.getByText("Deleted.").waitFor();
  await page.context().close();
});

test("usage as CSV holds no formula", async () => {
  await owner.goto(`${stage.base}/orgs/${org}/usage?by=key`);
  const file = await owner.getByRole("link", { name: "CSV" }).getAttribute("href");
  const answer = await owner.request.get(stage.base + file);
  assert.equal(answer.status(), 200);
  for (const line of (await answer.text()).split("\n")) {
    for (const cell of line.split(",")) assert.doesNotMatch(cell, /^"?[=+@\t]/, line);
  }
});

test("every page is accessible and complete, wide and on a phone, light and dark", async () => {
  const key = (await (async () => {
    await owner.goto(`${stage.base}/orgs/${org}/keys`);
    return owner.getByRole("link", { name: "Production" }).getAttribute("href");
  })());
  const places = {
    overview: `/orgs/${org}`, keys: `/orgs/${org}/keys`, "key-new": `/orgs/${org}/keys/new`, key, "key-limits": `${key}/limits`,
    "key-calls": `${key}/calls`, "key-refusals": `${key}/refusals`, "key-settings": `${key}/settings`, "key-delete": `${key}/delete`,
    usage: `/orgs/${org}/usage`, projects: `/orgs/${org}/projects`, "project-new": `/orgs/${org}/projects/new`,
    members: `/orgs/${org}/members`, tokens: `/orgs/${org}/tokens`, audit: `/orgs/${org}/audit`, settings: `/orgs/${org}/settings`,
    account: "/account", organisations: "/operator/orgs", "organisation-new": "/operator/orgs/new", providers: "/operator/providers",
  };
  const state = await owner.context().storageState();
  const findings = [];
  for (const [size, viewport] of Object.entries({ wide: { width: 1440, height: 900 }, phone: { width: 375, height: 812 } })) {
    for (const theme of ["light", "dark"]) {
      const page = await visitor({ viewport, colorScheme: theme, storageState: state });
      page.on("console", (message) => { if (message.type() === "error") findings.push(`${page.url()} ${message.text()}`); });
      for (const [name, place] of Object.entries(places)) {
        const answer = await page.goto(stage.base + place);
        if (answer.status() !== 200) { findings.push(`${name}: ${answer.status()}`); continue; }
        await page.waitForLoadState("load");
        const isWide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
        if (isWide) findings.push(`${name} ${size} ${theme}: scrolls sideways`);
        if (PICTURES) {
          await mkdir(PICTURES, { recursive: true });
          await page.screenshot({ path: path.join(PICTURES, `real-${name}-${size}-${theme}.png`), fullPage: true });
        }
        if (size === "phone" && theme === "light") continue; // as dark, in colours that the wide ones show
        const { violations } = await new AxeBuilder({ page }).analyze();
        const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
        findings.push(...serious.map(({ id, nodes }) => `${name} ${size} ${theme}: ${id} ${nodes[0].html.slice(0, 120)}`));
      }
      await page.context().close();
    }
  }
  assert.deepEqual(findings, []);
});

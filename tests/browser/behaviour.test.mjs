// What the dashboard's scripts do, and that nothing is lost without them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open } from "./stage.mjs";

let stage;
before(async () => { stage = await open(process.env.GALLERY); });
after(() => stage.close());

async function visit(name, options = {}) {
  const context = await stage.browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  await page.goto(stage.base + stage.pages.get(name));
  return page;
}

test("the theme that was chosen stays and leaves the system's alone until then", async () => {
  const page = await visit("keys", { colorScheme: "light" });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.locator(".sidebar").getByRole("button", { name: "Dark" }).click();
  assert.notEqual(await ground(), light);
  await page.goto(stage.base + stage.pages.get("overview"));
  assert.notEqual(await ground(), light);
  assert.equal(await page.locator(".sidebar").getByRole("button", { name: "Dark" }).getAttribute("aria-pressed"), "true");
  await page.context().close();
});

test("a secret is copied whole and leaving without it asks first", async () => {
  const page = await visit("key-secret", { permissions: ["clipboard-read", "clipboard-write"] });
  await page.locator(".copy-field").getByRole("button", { name: "Copy" }).click();
  await page.getByText("Copied", { exact: true }).waitFor();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^sk-EXAMPLE-not-a-real-secret-0+$/);
  const asked = page.waitForEvent("dialog");
  page.locator(".sidebar").getByRole("link", { name: "Keys" }).click().catch(() => {});
  const dialog = await asked;
  assert.equal(dialog.type(), "beforeunload");
  await dialog.dismiss();
  await page.getByLabel("I stored it in a safe place").check();
  await page.getByRole("button", { name: "Done" }).click();
  await page.waitForURL(`**${stage.pages.get("keys")}*`);
  await page.context().close();
});

test("neither a reload nor the history shows a secret again", async () => {
  const page = await visit("key-secret");
  const secret = () => page.evaluate(() => document.documentElement.outerHTML.includes("sk-EXAMPLE-not-a-real"));
  assert.ok(await secret());
  await page.getByLabel("I stored it in a safe place").check();
  await page.reload();
  assert.equal(new URL(page.url()).pathname, stage.pages.get("keys"));
  assert.equal(await secret(), false);
  await page.goto(stage.base + stage.pages.get("overview"));
  await page.goBack();
  assert.equal(await secret(), false);
  await page.context().close();
});

test("a deletion is armed by the whole name only and Escape leaves all as it was", async () => {
  const page = await visit("key-usage");
  await page.getByRole("link", { name: "Delete" }).click();
  const button = page.getByRole("button", { name: "Delete for good" });
  await page.keyboard.type("Productio");
  assert.ok(await button.isDisabled());
  await page.keyboard.type("n");
  assert.ok(await button.isEnabled());
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("dialog[open]").count(), 0);
  assert.equal(page.url(), stage.base + stage.pages.get("key-usage"));
  await page.context().close();
});

test("models are found while typing and those that are ticked stay so", async () => {
  const page = await visit("key-new");
  const shown = () => page.locator(".model-list li:visible").count();
  const all = await shown();
  const ticked = await page.locator(".model-list :checked").count();
  await page.getByLabel("Search models").fill("claude");
  assert.equal(await shown(), 3);
  await page.getByLabel("Search models").fill("no such model");
  await page.getByText("No model has this in its name").waitFor();
  await page.getByLabel("Search models").fill("");
  assert.equal(await shown(), all);
  assert.equal(await page.locator(".model-list :checked").count(), ticked);
  await page.getByLabel("All models").check();
  assert.equal(await page.locator(".model-list").isVisible(), false);
  await page.context().close();
});

test("a day is asked only when the key ends on a day", async () => {
  const page = await visit("key-new");
  assert.equal(await page.getByLabel("Last day").isVisible(), false);
  await page.getByLabel("Expires").selectOption("on");
  assert.ok(await page.getByLabel("Last day").isVisible());
  await page.context().close();
});

test("ticked keys are counted and can be acted on", async () => {
  const page = await visit("keys");
  assert.equal(await page.locator(".bulk").isVisible(), false);
  await page.getByLabel("Tick Production").check();
  await page.getByLabel("Tick CI").check();
  await page.getByText("2 keys ticked").waitFor();
  assert.ok(await page.getByRole("button", { name: "Disable" }).isVisible());
  await page.context().close();
});

test("times are the viewer's and keep UTC for a second look", async () => {
  const page = await visit("audit", { timezoneId: "Asia/Tokyo", locale: "en-GB" });
  const time = page.locator("tbody time").first();
  const at = new Date(await time.getAttribute("datetime"));
  const there = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Tokyo", dateStyle: "medium", timeStyle: "medium" });
  assert.equal(await time.textContent(), there.format(at));
  assert.ok((await time.getAttribute("title")).includes(`${at.toISOString().slice(0, 10)} ${at.toISOString().slice(11, 19)} UTC`));
  await page.context().close();
});

test("a chart is drawn from the table behind it, in both themes", async () => {
  const page = await visit("overview", { colorScheme: "dark" });
  const picture = () => page.evaluate(() => document.querySelector("canvas").toDataURL());
  await page.waitForFunction(() => window.Chart?.getChart(document.querySelector("canvas")));
  const dark = await picture();
  const [drawn, table] = await page.evaluate(() => [
    window.Chart.getChart(document.querySelector("canvas")).data.datasets[0].data,
    [...document.querySelectorAll(".chart tbody tr")].map((row) => Number(row.cells[1].dataset.value)),
  ]);
  assert.deepEqual(drawn, table);
  await page.locator(".sidebar").getByRole("button", { name: "Light" }).click();
  assert.notEqual(await picture(), dark);
  await page.context().close();
});

test("live parts refresh, but not under someone's hands", async () => {
  const page = await visit("key-calls");
  const isAsked = () => page.evaluate(() => new Promise((resolve) => {
    const part = document.querySelector("#calls");
    part.addEventListener("htmx:afterRequest", () => resolve(true), { once: true });
    window.htmx.ajax("GET", location.href, { source: part, target: part, select: "#calls", swap: "outerHTML" });
    setTimeout(() => resolve(false), 1500);
  }));
  await page.locator("#calls a").first().focus();
  assert.equal(await isAsked(), false);
  await page.evaluate(() => document.activeElement.blur());
  assert.equal(await isAsked(), true);
  await page.locator("#calls tbody tr").first().waitFor();
  await page.context().close();
});

test("all of it is reached by keyboard, and the first stop skips to the content", async () => {
  const page = await visit("keys");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "content");
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.name), "q");
  await page.context().close();
});

test("without scripts every form is there and what needs one is not", async () => {
  for (const name of ["sign-in", "key-new", "key-settings", "key-delete", "key-usage", "overview", "members"]) {
    const page = await visit(name, { javaScriptEnabled: false });
    assert.equal(await page.locator("[data-needs-script]:visible").count(), 0, name);
    for (const form of await page.locator("main form[method=post]:visible").all()) {
      assert.ok(await form.locator("button:visible").count(), name);
    }
    await page.context().close();
  }
  const page = await visit("overview", { javaScriptEnabled: false });
  assert.ok(await page.locator(".chart-table table").isVisible());
  await page.context().close();
});

test("a page weighs less than 100 KB and Chart.js comes only with a chart", async () => {
  for (const [name, path] of stage.pages) {
    const html = await (await fetch(stage.base + path)).text();
    assert.ok(Buffer.byteLength(html) < 100_000, name);
    assert.equal(html.includes("/chart.js"), html.includes("data-chart="), name);
  }
});

// Every page of the real binary with much on it: nothing serious for axe, nothing outside, light and
// small. Leaves pictures.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LOOKS, SIZES, api, create, house, looked, token, visitor } from "./house.mjs";

// More on a page than this, with the assets kept, is too much.
const HEAVIEST = 100_000;

// A key or a token as only its owner has it.
const SECRET = /\b[sm]k-[0-9A-Za-z]{32}/;

let stage, owner, key, slowKey;
before(async () => {
  stage = await house();
  owner = stage.owner;
  await fill();
});
after(() => stage.close());

// As much as pages show at once: keys, calls, refusals, changes.
async function fill() {
  const secret = await token(stage, owner, "Seeds");
  const limits = { quota: { amount: 1_000_000, period: "month" }, requests_per_minute: 600 };
  const make = (name, own) => api(stage, secret, "POST", `/orgs/${stage.org}/keys`, { name, models: ["sandbox-*"], limits: own });
  const { body } = await make("Production", limits);
  const page = ({ key: made, id }) => `/orgs/${stage.org}/keys/${made?.id ?? id}`;
  key = page(body);
  const ended = await Promise.all(Array.from({ length: 54 }, () => stage.call(body.secret)));
  assert.ok(ended.every((status) => status === 200));
  for (let number = 0; number < 54; number += 1) await make(`Service ${number}`, { ...limits, requests_per_minute: 1 });
  const slow = (await make("Slow", { requests_per_minute: 1 })).body;
  slowKey = page(slow);
  for (let call = 0; call < 8; call += 1) await stage.call(slow.secret);
  const near = (await make("Nearly used up", { quota: { amount: 500 } })).body;
  for (let call = 0; call < 8; call += 1) await stage.call(near.secret, { max_tokens: 60 });
  const end = Date.now() + 10_000;
  do {
    assert.ok(Date.now() < end, "all calls are booked");
    await owner.goto(`${stage.base}${key}/calls`);
  } while (await owner.getByRole("link", { name: "Next" }).count() === 0);
}

function places() {
  const org = `/orgs/${stage.org}`;
  return {
    overview: org, keys: `${org}/keys`, "keys-none": `${org}/keys?q=nothing`, "key-new": `${org}/keys/new`, key,
    "key-limits": `${key}/limits`, "key-calls": `${key}/calls`, "key-refusals": `${slowKey}/refusals`, "key-settings": `${key}/settings`,
    "key-delete": `${key}/delete`, usage: `${org}/usage?by=key`, "usage-none": `${org}/usage?from=2020-01-01&to=2020-01-31`,
    projects: `${org}/projects`, "project-new": `${org}/projects/new`,
    members: `${org}/members`, tokens: `${org}/tokens`, audit: `${org}/audit`, settings: `${org}/settings`,
    account: "/account", organisations: "/operator/orgs", "organisation-new": "/operator/orgs/new", providers: "/operator/providers",
    "not-there": `${org}/keys/0199a1b2-c3d4-7e5f-8a9b-000000000001`,
  };
}

// A form that was saved after someone else had saved it.
async function overtaken(page, place) {
  const other = await page.context().newPage();
  for (const one of [page, other]) await one.goto(stage.base + place);
  const save = async (one, name) => {
    await one.getByLabel("Name", { exact: true }).fill(name);
    await one.getByRole("button", { name: "Save" }).click();
  };
  await save(other, `Ours ${Date.now()}`);
  await other.getByText("Saved.").waitFor();
  await other.close();
  if (await page.getByLabel("Token quota").count()) await page.getByLabel("Token quota").fill("2500000");
  await save(page, `Theirs ${"long ".repeat(12)}${Date.now()}`);
  await page.getByRole("heading", { name: /^Someone else changed this/ }).waitFor();
}

// Signed in as the owner, in a browser that says what it does not like.
async function looker({ viewport, theme }, findings) {
  const state = await owner.context().storageState();
  const page = await visitor(stage, { viewport, colorScheme: theme, storageState: state });
  page.on("console", (message) => {
    const isOurs = message.type() === "error" && !/404|412/.test(message.text());
    if (isOurs) findings.push(`${page.url()} ${message.text()}`);
  });
  return page;
}

for (const look of LOOKS) {
  test(`every page is accessible and complete, ${look.size} and ${look.theme}`, async () => {
    const findings = [];
    const page = await looker(look, findings);
    for (const [name, place] of Object.entries(places())) {
      const answer = await page.goto(stage.base + place);
      if (answer.status() !== (name === "not-there" ? 404 : 200)) findings.push(`${name}: ${answer.status()}`);
      await page.waitForLoadState("load");
      if (SECRET.test(await page.content())) findings.push(`${name}: shows a secret`);
      findings.push(...await looked(page, name, look));
    }
    // Why a call was refused, and what a change was.
    await page.goto(`${stage.at()}`);
    await page.getByText("Why?").first().click();
    findings.push(...await looked(page, "overview-why", look));
    await page.goto(stage.at("/audit"));
    await page.getByText("What changed").first().click();
    findings.push(...await looked(page, "audit-open", look));
    for (const [place, names] of [[key, ["Disable", "Rotate", "Delete"]], [stage.at("/members").slice(stage.base.length), ["Invite"]], [stage.at("/tokens").slice(stage.base.length), ["Create token"]]]) {
      for (const name of names) {
        await page.goto(stage.base + place);
        await page.getByRole("link", { name, exact: true }).click();
        await page.locator("dialog[open]").waitFor();
        findings.push(...await looked(page, `dialog-${name.toLowerCase().replace(" ", "-")}`, look));
      }
    }
    for (const [name, place] of Object.entries({ "key-overtaken": `${key}/settings`, "organisation-overtaken": stage.at("/settings").slice(stage.base.length) })) {
      await overtaken(page, place);
      findings.push(...await looked(page, name, look));
    }
    await create(stage, page, "Shown once");
    assert.match(await page.content(), SECRET);
    findings.push(...await looked(page, "key-secret", look));
    await page.context().close();
    const stranger = await visitor(stage, { viewport: look.viewport, colorScheme: look.theme });
    await stranger.goto(`${stage.base}/sign-in`);
    findings.push(...await looked(stranger, "sign-in", look));
    await stranger.goto(stage.link);
    findings.push(...await looked(stranger, "link", look));
    await stranger.context().close();
    assert.deepEqual(findings, []);
  });
}

test("every way of the menu leads somewhere on a phone, also by touch", async () => {
  const page = await visitor(stage, { viewport: SIZES.phone, hasTouch: true, isMobile: true, storageState: await owner.context().storageState() });
  await page.goto(stage.at());
  for (const way of ["Keys", "Usage", "Projects", "Members", "Tokens", "Audit", "Settings", "Organisations", "Providers"]) {
    await page.getByLabel("Menu", { exact: true }).tap();
    await page.getByRole("navigation", { name: "Main, small" }).getByRole("link", { name: way }).tap();
    await page.getByRole("heading", { level: 1, name: way === "Tokens" ? "Management tokens" : way }).waitFor();
  }
  await page.context().close();
});

test("every page is light over the wire once the assets are kept", async (context) => {
  const page = await visitor(stage, { storageState: await owner.context().storageState() });
  const wire = await page.context().newCDPSession(page);
  await wire.send("Network.enable");
  let bytes = 0;
  wire.on("Network.loadingFinished", (finished) => { bytes += finished.encodedDataLength; });
  const weights = [];
  const [answers, paints] = [[], []];
  const heaviest = (rows, unit) => rows.sort((one, next) => next[1] - one[1]).slice(0, 5).map(([name, number]) => `${name} ${number} ${unit}`).join(", ");
  await page.goto(stage.at()); // keeps all assets, Chart.js too
  await page.waitForLoadState("networkidle");
  for (const [name, place] of Object.entries(places())) {
    bytes = 0;
    await page.goto(stage.base + place);
    await page.waitForLoadState("networkidle");
    weights.push([name, bytes]);
    const [answer, paint] = await page.evaluate(() => [
      performance.getEntriesByType("navigation")[0].responseEnd, performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    ]);
    answers.push([name, Math.round(answer)]);
    if (paint) paints.push([name, Math.round(paint)]);
  }
  context.diagnostic(`over the wire, assets kept: ${heaviest(weights, "bytes")}`);
  const middle = (rows) => rows.map(([, ms]) => ms).sort((one, next) => one - next)[Math.floor(rows.length / 2)];
  context.diagnostic(`the page is there: median ${middle(answers)} ms; latest ${heaviest(answers, "ms")}`);
  context.diagnostic(`first paint: median ${middle(paints)} ms; latest ${heaviest(paints, "ms")}`);
  for (const [name, weight] of weights) assert.ok(weight > 0 && weight < HEAVIEST, `${name}: ${weight} bytes`);
  await page.context().close();
});

test("nothing moves for those who asked for that", async () => {
  const moves = (page) => page.evaluate(() => {
    document.querySelector("[data-dialog=rotate]").click();
    const parts = [document.querySelector("dialog[open]"), document.querySelector(".button"), document.querySelector(".live i") ?? document.body];
    return parts.map((part) => getComputedStyle(part)).some((style) => style.animationName !== "none" || parseFloat(style.transitionDuration) > 0);
  });
  for (const [reducedMotion, expected] of [["reduce", false], ["no-preference", true]]) {
    const page = await visitor(stage, { reducedMotion, storageState: await owner.context().storageState() });
    await page.goto(`${stage.base}${key}/limits`);
    assert.equal(await moves(page), expected, reducedMotion);
    await page.context().close();
  }
});

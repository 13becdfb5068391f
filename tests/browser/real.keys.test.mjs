// Keys in the real binary: made, shown once, used, watched, changed and ended.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { HOSTILE, api, confirm, create, house, refusedWithin, said, signIn, stored, token, visitor } from "./house.mjs";

let stage, owner;
before(async () => {
  stage = await house();
  owner = stage.owner;
});
after(() => stage.close());

const keyPage = async (name) => {
  await owner.goto(stage.at("/keys"));
  await owner.getByRole("link", { name, exact: true }).click();
  await owner.getByRole("heading", { level: 1, name }).waitFor();
  return new URL(owner.url()).pathname;
};

test("a key made in the page works in curl at once and is shown this once", async () => {
  const secret = await create(stage, owner, "Production");
  const line = await owner.locator("#code-curl").textContent();
  assert.ok(line.includes(`${stage.base}/v1/chat/completions`) && line.includes(secret));
  const answer = JSON.parse(execFileSync("bash", ["-c", `${line} --silent`], { encoding: "utf8" }));
  assert.equal(answer.object, "chat.completion");
  for (const language of ["Python", "Node", "PowerShell", "cmd"]) {
    await owner.getByRole("tab", { name: language }).click();
    const code = await owner.locator(`[data-tab="${language}"] code`).textContent();
    assert.ok(code.includes(stage.base) && code.includes(secret), language);
  }
  const shows = async () => (await owner.content()).includes(secret);
  assert.ok(await shows());
  await owner.reload();
  assert.equal(await shows(), false);
  await owner.goBack();
  assert.equal(await shows(), false);
  await owner.goForward();
  assert.equal(await shows(), false);
  await owner.goto(stage.at("/keys"));
  assert.equal(await owner.getByRole("link", { name: "Production" }).count(), 1);
});

test("a second click does not cost the secret", async () => {
  let sent = 0;
  await owner.route(/\/keys\/new$/, async (route) => {
    if (route.request().method() === "POST" && ++sent) await new Promise((done) => setTimeout(done, 500));
    await route.continue().catch(() => {}); // the first of two is given up
  });
  await owner.goto(stage.at("/keys/new"));
  await owner.getByLabel("Name", { exact: true }).fill("Twice");
  await owner.getByRole("button", { name: "Create key" }).evaluate((button) => {
    button.click();
    setTimeout(() => button.click(), 200);
  });
  const secret = await owner.getByLabel("Secret").inputValue();
  await owner.unroute(/\/keys\/new$/);
  assert.equal(sent, 1);
  assert.equal(await stage.call(secret), 200);
  await stored(owner);
});

test("the page with a secret is kept by nobody and asks before it is left", async () => {
  await owner.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const answered = owner.waitForResponse((answer) => answer.request().method() === "POST");
  const secret = await create(stage, owner, "Copied");
  assert.equal((await answered).headers()["cache-control"], "no-store");
  await owner.locator(".copy-field").getByRole("button", { name: "Copy" }).click();
  await said(owner, "Copied to the clipboard.");
  assert.equal(await owner.evaluate(() => navigator.clipboard.readText()), secret);
  const asked = owner.waitForEvent("dialog");
  owner.locator(".sidebar").getByRole("link", { name: "Keys" }).click().catch(() => {});
  assert.equal((await asked).type(), "beforeunload");
  await owner.waitForURL(/\/keys$/);
});

test("every field of the form is kept as it was filled in", async () => {
  await create(stage, owner, "Limited", async () => {
    await owner.getByLabel("Expires").selectOption("90d");
    await owner.getByLabel("Token quota").fill("1,000,000");
    await owner.getByLabel("Quota period").selectOption("week");
    await owner.locator("#field-budget").fill("$25.00");
    await owner.getByLabel("Requests a minute").fill("600");
    await owner.getByLabel("Tokens a minute").fill("90000");
    await owner.getByLabel("Requests a day").fill("5000");
    await owner.getByLabel("Calls at once").fill("8");
    await owner.getByLabel("Only some").check();
    await owner.getByLabel("Search models").fill("fast");
    assert.equal(await owner.locator(".model-list li:visible").count(), 1);
    await owner.locator(".model-list").getByLabel("sandbox-fast").check();
    await owner.getByLabel("Patterns").fill("gpt-*");
  });
  await stored(owner);
  await owner.getByRole("link", { name: "Settings", exact: true }).last().click();
  const values = {
    "Token quota": "1000000", "Quota period": "week", "Requests a minute": "600", "Tokens a minute": "90000",
    "Requests a day": "5000", "Calls at once": "8", Patterns: "gpt-*",
  };
  for (const [label, value] of Object.entries(values)) {
    assert.equal(await owner.getByLabel(label).inputValue(), value, label);
  }
  assert.match(await owner.locator("#field-budget").inputValue(), /^25(\.0+)?$/);
  assert.match(await owner.getByLabel("Last day").inputValue(), /^\d{4}-\d\d-\d\d$/);
  assert.ok(await owner.getByLabel("sandbox-fast").isChecked());
  assert.equal(await owner.getByLabel("sandbox-slow").isChecked(), false);
});

test("an edit is saved, and one of a key that someone else changed is not", async () => {
  await keyPage("Limited");
  await owner.getByRole("link", { name: "Settings", exact: true }).last().click();
  const other = await owner.context().newPage();
  await other.goto(owner.url());
  await owner.getByLabel("Name", { exact: true }).fill("Edited");
  await owner.getByLabel("Requests a minute").fill("30");
  await owner.getByRole("button", { name: "Save" }).click();
  await said(owner, "Saved.");
  assert.equal(await owner.getByLabel("Requests a minute").inputValue(), "30");
  await other.getByLabel("Name", { exact: true }).fill("Late");
  await other.getByRole("button", { name: "Save" }).click();
  await other.getByRole("heading", { name: "Someone else changed this key meanwhile" }).waitFor();
  await other.getByRole("link", { name: "Discard mine" }).click();
  assert.equal(await other.getByLabel("Name", { exact: true }).inputValue(), "Edited");
  await other.close();
});

for (const javaScriptEnabled of [true, false]) {
  test(`what was typed outlives someone else's change, and is saved over it or not${javaScriptEnabled ? "" : ", without scripts"}`, async () => {
    const name = javaScriptEnabled ? "Overtaken" : "Overtaken plainly";
    await create(stage, owner, name, async () => { await owner.getByLabel("Token quota").fill("1000"); });
    await stored(owner);
    const settings = new URL(owner.url()).pathname.replace(/(\/keys\/[^/]+).*/, "$1/settings");
    const late = await visitor(stage, { javaScriptEnabled, storageState: await owner.context().storageState() });
    const change = async (page, label, value) => {
      await page.goto(stage.base + settings);
      await page.getByLabel(label).fill(value);
    };
    const overtake = async (requests) => {
      await change(owner, "Requests a minute", requests);
      await owner.getByRole("button", { name: "Save" }).click();
      await said(owner, "Saved.");
    };
    await change(late, "Token quota", "2,000,000");
    await overtake("30");
    await late.getByRole("button", { name: "Save" }).click();
    await late.getByRole("heading", { name: "Someone else changed this key meanwhile" }).waitFor();
    const told = await late.locator(".conflict tbody tr").evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent)));
    assert.deepEqual(told, [["Token quota", "1,000 tokens a month", "2,000,000 tokens a month"], ["Requests a minute", "30", "No limit"]]);
    assert.equal(await late.getByLabel("Token quota").inputValue(), "2,000,000");
    // What it says stands in sight, and is what a reader begins with.
    assert.ok(await late.locator(".conflict").evaluate((part) => part.getBoundingClientRect().top >= 0 && document.activeElement === part));
    await late.getByRole("link", { name: "Requests a minute" }).click();
    await late.getByLabel("Requests a minute").fill("30");
    // Yet another change: it is asked again.
    await overtake("40");
    await late.getByRole("button", { name: "Save anyway" }).last().click();
    const asked = late.locator(".conflict").getByRole("row", { name: "Requests a minute" });
    assert.deepEqual(await asked.getByRole("cell").allTextContents(), ["40", "30"]);
    await late.getByRole("button", { name: "Save anyway" }).first().click();
    await said(late, "Saved.");
    await owner.goto(stage.base + settings);
    assert.equal(await owner.getByLabel("Token quota").inputValue(), "2000000");
    assert.equal(await owner.getByLabel("Requests a minute").inputValue(), "30");
    await late.context().close();
  });
}

test("a limit that is not a number is said beside its field", async () => {
  await owner.goto(stage.at("/keys/new"));
  await owner.getByLabel("Name", { exact: true }).fill("Wrong");
  await owner.getByLabel("Token quota").fill("many");
  await owner.getByRole("button", { name: "Create key" }).click();
  await owner.locator("#error-quota").waitFor();
  assert.equal(await owner.getByLabel("Name", { exact: true }).inputValue(), "Wrong");
  assert.equal(await owner.getByLabel("Token quota").getAttribute("aria-describedby"), "error-quota");
});

test("a disabled key stops within a second, and works again when it is enabled", async () => {
  const secret = await create(stage, owner, "Stopped");
  await stored(owner);
  assert.equal(await stage.call(secret), 200);
  await owner.getByRole("link", { name: "Disable" }).click();
  await owner.locator("#dialog-disable").getByRole("button", { name: "Disable" }).click();
  await said(owner, "Disabled. Calls are refused");
  await refusedWithin(stage, secret, 1000);
  await owner.getByRole("button", { name: "Enable" }).click();
  await said(owner, "Enabled.");
  const end = Date.now() + 1000;
  while (await stage.call(secret) !== 200) assert.ok(Date.now() < end, "the key works again within a second");
});

test("a rotated key has a new secret, counts calls with the old one, and is deleted by its name", async () => {
  const old = await create(stage, owner, "Rotated");
  await stored(owner);
  await owner.getByRole("link", { name: "Rotate" }).click();
  await owner.getByLabel("The old secret stops").selectOption("3600");
  await owner.locator("#dialog-rotate").getByRole("button", { name: "Rotate" }).click();
  const now = await owner.getByLabel("Secret").inputValue();
  assert.notEqual(now, old);
  assert.deepEqual([await stage.call(old), await stage.call(now), await stage.call(old)], [200, 200, 200]);
  await stored(owner);
  // The count comes by itself.
  await owner.locator("#previous-secret").getByText("2 calls").waitFor({ timeout: 20_000 });
  await owner.getByRole("link", { name: "Delete" }).click();
  const button = owner.locator("#dialog-delete").getByRole("button", { name: "Delete for good" });
  assert.ok(await button.isDisabled());
  await confirm(owner, "Rotated", "Delete for good");
  await said(owner, "Deleted.");
  await refusedWithin(stage, now, 1000);
  await refusedWithin(stage, old, 1000);
});

test("names are text, whatever they look like, also in CSV", async () => {
  let asked = 0;
  owner.on("dialog", (dialog) => { if (dialog.type() !== "beforeunload") asked += 1; });
  for (const name of HOSTILE) {
    const secret = await create(stage, owner, name);
    assert.equal(await stage.call(secret), 200);
  }
  await owner.goto(stage.at("/keys"));
  const names = await owner.locator(".row-link").allTextContents();
  for (const name of HOSTILE) assert.ok(names.includes(name), name);
  for (const name of HOSTILE) {
    await owner.goto(stage.at("/keys"));
    await owner.locator(".row-link").filter({ hasText: name }).click();
    assert.equal(await owner.getByRole("heading", { level: 1 }).textContent(), name);
  }
  for (const place of ["/usage?by=key", "/audit"]) {
    await owner.goto(stage.at(place));
    assert.ok((await owner.locator("main").textContent()).includes(HOSTILE[0]), place);
  }
  await owner.goto(stage.at("/usage?by=key"));
  const csv = await owner.getByRole("link", { name: "CSV" }).getAttribute("href");
  const text = await (await owner.request.get(stage.base + csv)).text();
  assert.ok(text.includes("cmd|") && text.includes("<script>"));
  for (const line of text.split("\n")) {
    for (const cell of line.split(",")) assert.doesNotMatch(cell, /^"?[=+@\t\r]/, line);
  }
  assert.equal(asked, 0);
});

test("several keys are disabled at once, and deleted after the question", async () => {
  const secrets = [];
  for (const name of ["One", "Two"]) secrets.push(await create(stage, owner, name));
  const tick = async () => {
    await owner.goto(stage.at("/keys"));
    await owner.getByLabel("Tick One").check();
    await owner.getByLabel("Tick Two").check();
    await owner.getByText("2 keys ticked").waitFor();
  };
  await tick();
  await owner.getByRole("button", { name: "Disable" }).click();
  await said(owner, "Disabled. Calls are refused");
  for (const secret of secrets) await refusedWithin(stage, secret, 1000);
  await tick();
  await owner.getByRole("button", { name: "Delete…" }).click();
  await owner.getByRole("heading", { name: "Delete 2 keys?" }).waitFor();
  assert.ok(await owner.getByRole("button", { name: "Delete for good" }).isDisabled());
  await confirm(owner, "2 keys", "Delete for good");
  await said(owner, "Deleted.");
  for (const name of ["One", "Two"]) assert.equal(await owner.getByRole("link", { name, exact: true }).count(), 0);
});

test("a long list is searched, filtered, sorted and paged", async () => {
  const secret = await token(stage, owner, "Seeds");
  for (let number = 0; number < 60; number += 1) {
    const made = await api(stage, secret, "POST", `/orgs/${stage.org}/keys`, { name: `seed ${String(number).padStart(2, "0")}` });
    assert.equal(made.status, 201);
  }
  const names = () => owner.locator(".row-link").allTextContents();
  await owner.goto(stage.at("/keys"));
  await owner.getByLabel("Search keys").fill("SEED");
  await owner.keyboard.press("Enter");
  await owner.waitForURL(/q=SEED/);
  await owner.getByRole("link", { name: "Name" }).click();
  assert.equal(await owner.locator("th[aria-sort]").getAttribute("aria-sort"), "ascending");
  const first = await names();
  await owner.getByRole("link", { name: "Next" }).click();
  await owner.waitForURL(/cursor=/);
  const second = await names();
  const all = Array.from({ length: 60 }, (_, number) => `seed ${String(number).padStart(2, "0")}`);
  assert.deepEqual([...first, ...second], all);
  await owner.getByRole("link", { name: "First" }).click();
  assert.deepEqual(await names(), first);
  await owner.getByRole("link", { name: "Name" }).click();
  await owner.waitForURL(/sort=-name/);
  assert.equal((await names())[0], "seed 59");

  await owner.goto(stage.at("/keys"));
  await owner.getByRole("list", { name: "Filters" }).getByRole("link", { name: "Disabled" }).click();
  await owner.waitForURL(/status=disabled/);
  await owner.getByText("No key is like this.").waitFor();
  await owner.goto(stage.at("/keys?q=Stopped"));
  await owner.getByRole("link", { name: "Stopped" }).click();
  await owner.getByRole("link", { name: "Disable" }).click();
  await owner.locator("#dialog-disable").getByRole("button", { name: "Disable" }).click();
  await owner.goto(stage.at("/keys?status=disabled"));
  assert.deepEqual(await names(), ["Stopped"]);
  for (const [chip, has, hasNot] of [["Without limit", "seed 00", "Edited"], ["Without expiry", "seed 00", "Edited"], ["Active", "seed 00", "Stopped"]]) {
    await owner.getByRole("list", { name: "Filters" }).getByRole("link", { name: chip }).click();
    await owner.getByLabel("Search keys").fill(has);
    await owner.keyboard.press("Enter");
    await owner.getByRole("link", { name: has }).waitFor();
    await owner.getByLabel("Search keys").fill(hasNot);
    await owner.keyboard.press("Enter");
    await owner.getByText("No key is like this.").waitFor();
    await owner.goto(stage.at("/keys"));
  }
});

test("quota bars and the call log come up to date by themselves", async () => {
  const secret = await create(stage, owner, "Watched", async () => {
    await owner.getByLabel("Token quota").fill("100000");
    await owner.getByLabel("Requests a minute").fill("60");
  });
  assert.equal(await stage.call(secret), 200);
  const key = await keyPage("Watched");
  const context = owner.context();
  const open = async (place, part) => {
    const page = await context.newPage();
    await page.goto(stage.base + place);
    await page.evaluate(() => { window.wasNotReloaded = true; });
    return { page, part: page.locator(part), place };
  };
  const bar = "svg.bar >> nth=0";
  const watched = await Promise.all([
    open(`${key}/limits`, `#limits ${bar}`), open(`${key}/settings`, `#head-quota ${bar}`),
    open(`/orgs/${stage.org}/keys?q=Watched`, `#keys ${bar}`), open(`/orgs/${stage.org}`, `#near ${bar}`),
  ]);
  const calls = await open(`${key}/calls`, "#calls tbody tr");
  const before = await Promise.all(watched.map(({ part }) => part.getAttribute("aria-label")));
  assert.equal(await calls.part.count(), 1);
  assert.equal(await stage.call(secret), 200);
  const end = Date.now() + 25_000;
  for (const [at, { page, part, place }] of watched.entries()) {
    while (await part.getAttribute("aria-label") === before[at]) assert.ok(Date.now() < end, `${place} shows the call`);
    assert.ok(await page.evaluate(() => window.wasNotReloaded), place);
  }
  await calls.part.nth(1).waitFor({ timeout: 15_000 });
  assert.ok(await calls.page.evaluate(() => window.wasNotReloaded));
  for (const { page } of [...watched, calls]) await page.close();
});

test("the call log is filtered by model and by how calls ended, and is paged", async () => {
  const secret = await create(stage, owner, "Busy");
  const ended = await Promise.all(Array.from({ length: 54 }, () => stage.call(secret)));
  assert.ok(ended.every((status) => status === 200));
  const key = await keyPage("Busy");
  const rows = owner.locator("#calls tbody tr");
  await owner.goto(`${stage.base}${key}/calls`);
  const end = Date.now() + 10_000;
  while (await owner.getByRole("link", { name: "Next" }).count() === 0) {
    assert.ok(Date.now() < end, "all calls are booked");
    await owner.reload();
  }
  assert.equal(await rows.count(), 50);
  await owner.getByRole("link", { name: "Next" }).click();
  await owner.waitForURL(/cursor=/);
  const rest = await rows.count();
  assert.ok(rest > 0 && rest <= 4);
  await owner.goto(`${stage.base}${key}/calls`);
  await owner.getByRole("list", { name: "Filters" }).getByRole("link", { name: "Failed" }).click();
  await owner.getByText("No call is like this.").waitFor();
  await owner.getByRole("list", { name: "Filters" }).getByRole("link", { name: "Answered" }).click();
  await owner.waitForURL(/status=2xx/);
  assert.equal(await rows.count(), 50);
  await owner.getByLabel("Model").fill("another-model");
  await owner.keyboard.press("Enter");
  await owner.getByText("No call is like this.").waitFor();
});

test("each refusal says which rule stood in the way, its value, and when it frees up", async () => {
  const secret = await create(stage, owner, "Slow", async () => { await owner.getByLabel("Requests a minute").fill("1"); });
  assert.deepEqual([await stage.call(secret), await stage.call(secret)], [200, 429]);
  assert.equal(await stage.call(secret, { model: "no-such-model" }), 404);
  const key = await keyPage("Slow");
  const refusal = owner.locator(".refusals li").filter({ hasText: "rate_limit_exceeded" });
  const end = Date.now() + 10_000;
  do {
    assert.ok(Date.now() < end, "the refusals are shown");
    await owner.goto(`${stage.base}${key}/refusals`);
  } while (await owner.locator(".refusals li").count() < 2);
  await refusal.getByText("Why?").click();
  for (const text of ["Requests a minute, of the key", "Frees up", "Request id"]) await refusal.getByText(text).waitFor();
  assert.equal(await refusal.locator("dt", { hasText: "Its value" }).locator("+ dd").textContent(), "1");
  await owner.goto(stage.at());
  await owner.locator(".refusals li").filter({ hasText: "Slow" }).first().waitFor();
});

test("without scripts one signs in, creates, edits, disables, rotates and deletes", async () => {
  const page = await visitor(stage, { javaScriptEnabled: false });
  await signIn(stage, page);
  const secret = await create(stage, page, "Plain");
  assert.equal(await page.getByRole("button", { name: "Copy" }).count(), 0, "nothing would happen");
  assert.equal(await stage.call(secret), 200);
  await stored(page);
  await page.getByRole("link", { name: "Settings", exact: true }).last().click();
  await page.getByLabel("Requests a minute").fill("30");
  await page.getByRole("button", { name: "Save" }).click();
  await said(page, "Saved.");
  assert.equal(await page.getByLabel("Requests a minute").inputValue(), "30");
  await page.getByRole("link", { name: "Rotate" }).click();
  await page.getByLabel("The old secret stops").selectOption("0");
  await page.getByRole("button", { name: "Rotate" }).click();
  const rotated = await page.getByLabel("Secret").inputValue();
  await refusedWithin(stage, secret, 1000);
  await stored(page);
  await page.getByRole("link", { name: "Disable" }).click();
  await page.getByRole("button", { name: "Disable" }).click();
  await said(page, "Disabled. Calls are refused");
  await refusedWithin(stage, rotated, 1000);
  await page.getByRole("link", { name: "Delete" }).click();
  await confirm(page, "Plain", "Delete for good");
  await said(page, "Deleted.");
  await page.context().close();
});

test("with the keyboard alone one signs in, makes a key and looks at a question", async () => {
  const page = await visitor(stage);
  await page.goto(`${stage.base}/sign-in`);
  // Typing goes where one begins.
  await page.keyboard.type("dev@localhost");
  await page.keyboard.press("Tab");
  await page.keyboard.type("correct horse battery staple");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/orgs\//);
  const to = async (name) => {
    for (let step = 0; step < 80; step += 1) {
      await page.keyboard.press("Tab");
      const here = await page.evaluate(() => {
        const { activeElement: own } = document;
        const ring = getComputedStyle(own);
        const isSeen = ring.outlineStyle !== "none" || own.matches("label:has(:focus-visible) *, input[type=checkbox], input[type=radio]");
        return { name: own.getAttribute("aria-label") ?? own.labels?.[0]?.textContent.trim() ?? own.textContent.trim(), isSeen };
      });
      assert.ok(here.isSeen, `${here.name} shows that it has the focus`);
      if (here.name === name) return;
    }
    assert.fail(`${name} is reached by keyboard`);
  };
  await to("Keys");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/keys$/);
  await to("Create key");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/keys\/new$/);
  // Chromium drops what is typed before a page is first painted.
  await page.evaluate(() => new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted))));
  await page.keyboard.type("By keyboard");
  await page.keyboard.press("Enter");
  await page.getByLabel("Secret").waitFor();
  await to("I stored it in a safe place");
  await page.keyboard.press("Space");
  await to("Done");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "By keyboard" }).waitFor();
  await to("Rotate");
  await page.keyboard.press("Enter");
  assert.ok(await page.evaluate(() => document.querySelector("dialog[open]").contains(document.activeElement)));
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "Rotate");
  await page.context().close();
});

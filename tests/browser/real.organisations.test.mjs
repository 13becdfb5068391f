// What an organisation has besides keys and people, and what operators do: usage, projects, the audit
// log, settings, organisations, providers.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { confirm, create, house, joined, refusedWithin, said, stored, visitor } from "./house.mjs";

let stage, owner;
const secrets = {};
before(async () => {
  stage = await house();
  owner = stage.owner;
  for (const [name, calls] of [["Alpha", 3], ["Beta", 2], ["Gamma", 1]]) {
    secrets[name] = await create(stage, owner, name);
    for (let call = 0; call < calls; call += 1) assert.equal(await stage.call(secrets[name]), 200);
  }
  // A flush later all of it is summed up.
  const end = Date.now() + 10_000;
  do {
    assert.ok(Date.now() < end, "all calls are summed up");
    await owner.goto(stage.at("/usage?by=model"));
  } while ((await cells(0))[0] !== "6");
});
after(() => stage.close());

// The numbers of a row of the table of usage.
const cells = async (row) => {
  const found = owner.locator(".table-card tbody tr").nth(row);
  return await found.count() ? found.locator("td").allTextContents() : [];
};
const segment = (label, name) => owner.getByRole("navigation", { name: label }).getByRole("link", { name, exact: true }).click();
// Days, but hours while there are two days at most.
const rowsOfMonth = (now = new Date()) => (now.getUTCDate() > 2 ? now.getUTCDate() : (now.getUTCDate() - 1) * 24 + now.getUTCHours() + 1);
const today = () => new Date().toISOString().slice(0, 10);

test("the overview shows what was used, and its chart is stacked by model or by key", async () => {
  await owner.goto(stage.at());
  const requests = owner.locator(".stat").filter({ hasText: "Requests" });
  assert.equal(await requests.locator(".stat-value").textContent(), "6");
  await requests.getByText("None before").waitFor();
  await segment("Stacked by", "Key");
  await owner.waitForURL(/by=key/);
  for (const name of ["Alpha", "Beta", "Gamma"]) await owner.locator(".legend").getByText(name).waitFor();
  for (const [range, rows] of [["24 h", 24], ["7 d", 7], ["30 d", 30], ["This month", rowsOfMonth()]]) {
    await segment("Span of time", range);
    await owner.getByRole("link", { name: range, exact: true }).and(owner.locator("[aria-current]")).waitFor();
    assert.equal(await owner.locator(".chart tbody tr").count(), rows);
  }
});

test("usage is grouped by model, key, project and day, and the sums agree", async () => {
  for (const [group, first, rows] of [["Model", "sandbox-fast", 1], ["Project", "Default", 1], ["Day", today(), 1], ["Key", "Alpha", 3]]) {
    await owner.goto(stage.at("/usage"));
    await segment("Grouped by", group);
    await owner.waitForURL(new RegExp(`by=${group.toLowerCase()}`));
    const table = owner.locator(".table-card tbody tr");
    assert.equal(await table.count(), rows, group);
    assert.ok((await table.locator("th").allTextContents()).some((name) => name.trim().endsWith(first)), group);
    const requests = await table.locator('[data-label="Requests"]').allTextContents();
    assert.equal(requests.reduce((sum, text) => sum + Number(text), 0), 6, group);
  }
  // The most first.
  const names = await owner.locator(".table-card tbody th a").allTextContents();
  assert.deepEqual(names, ["Alpha", "Beta", "Gamma"]);
});

test("keys are drawn beside each other, and the address holds what is shown", async () => {
  await owner.goto(stage.at("/usage?by=key"));
  await owner.getByLabel("Compare Alpha").check();
  await owner.getByLabel("Compare Gamma").check();
  await owner.getByRole("button", { name: "Compare" }).click();
  await owner.waitForURL((url) => url.searchParams.getAll("key").length === 2 && url.searchParams.get("by") === "key");
  const compared = owner.getByRole("list", { name: "Compared" });
  assert.equal(await compared.getByRole("link").count(), 2);
  assert.equal(await owner.locator(".chart").getAttribute("data-chart"), "lines");
  assert.ok(await owner.getByLabel("Compare Alpha").isChecked());
  await segment("Measured in", "Requests");
  await owner.getByLabel("From").fill("2026-01-05");
  await owner.getByLabel("to", { exact: true }).fill(today());
  await owner.getByRole("button", { name: "Show" }).click();
  await owner.waitForURL(/from=2026-01-05/);
  const address = new URL(owner.url());
  assert.deepEqual([address.searchParams.get("measure"), address.searchParams.getAll("key").length], ["requests", 2]);
  // Someone else who opens the address sees the same.
  const other = await visitor(stage, { storageState: await owner.context().storageState() });
  await other.goto(owner.url());
  assert.deepEqual(await other.locator(".legend li").allTextContents(), await owner.locator(".legend li").allTextContents());
  assert.deepEqual((await other.locator(".legend li").allTextContents()).map((text) => text.trim()), ["Alpha3", "Gamma1"]);
  await other.context().close();
  await compared.getByRole("link", { name: "Alpha" }).click();
  await owner.waitForURL((url) => url.searchParams.getAll("key").length === 1);
});

test("CSV holds what the table shows", async () => {
  await owner.goto(stage.at("/usage?by=key"));
  const address = await owner.getByRole("link", { name: "CSV" }).getAttribute("href");
  const answer = await owner.request.get(stage.base + address);
  assert.match(answer.headers()["content-type"], /^text\/csv/);
  assert.match(answer.headers()["content-disposition"], /attachment/);
  const [head, ...lines] = (await answer.text()).trim().split("\n").map((line) => line.trim().split(","));
  const column = (name) => head.indexOf(name);
  const requests = Object.fromEntries(lines.map((line) => [line[column("key_name")], Number(line[column("requests")])]));
  assert.deepEqual(requests, { Alpha: 3, Beta: 2, Gamma: 1 });
});

test("a key's page shows its usage by model, in tokens, requests and cost", async () => {
  await owner.goto(stage.at("/keys"));
  await owner.getByRole("link", { name: "Alpha" }).click();
  await segment("Measured in", "Requests");
  await owner.waitForURL(/measure=requests/);
  assert.equal((await owner.locator(".legend b").textContent()).trim(), "3");
  await segment("Span of time", "24 h");
  await owner.waitForURL(/range=24h/);
  assert.match(owner.url(), /measure=requests/);
  assert.equal(await owner.locator("dt", { hasText: "Reported by the provider" }).locator("+ dd").textContent(), "100%");
});

test("a project is made with limits, edited, and deleted when it has no keys", async () => {
  await owner.goto(stage.at("/projects"));
  await owner.getByRole("link", { name: "Create project" }).click();
  await owner.getByLabel("Name", { exact: true }).fill("Assistant");
  await owner.getByLabel("Token quota").fill("500000");
  await owner.getByRole("button", { name: "Create project" }).click();
  await said(owner, "Created.");
  await owner.getByText("500K tokens").waitFor();
  await create(stage, owner, "Of the assistant", async () => { await owner.getByLabel("Project").selectOption({ label: "Assistant" }); });
  await stored(owner);
  await owner.goto(stage.at("/projects"));
  await owner.getByRole("link", { name: "Assistant", exact: true }).click();
  await owner.getByLabel("Token quota").fill("600000");
  await owner.getByRole("button", { name: "Save" }).click();
  await said(owner, "Saved.");
  await owner.getByText("600K tokens").waitFor();

  await owner.getByRole("link", { name: "Assistant", exact: true }).click();
  await owner.getByRole("link", { name: "Delete" }).click();
  await confirm(owner, "Assistant", "Delete for good");
  await owner.getByText("still has keys").waitFor();
  await owner.goto(stage.at("/keys?q=Of+the+assistant"));
  await owner.getByRole("link", { name: "Of the assistant" }).click();
  await owner.getByRole("link", { name: "Delete" }).click();
  await confirm(owner, "Of the assistant", "Delete for good");
  await owner.goto(stage.at("/projects"));
  await owner.getByRole("link", { name: "Assistant", exact: true }).click();
  await owner.getByRole("link", { name: "Delete" }).click();
  await confirm(owner, "Assistant", "Delete for good");
  await said(owner, "Deleted.");
  assert.equal(await owner.getByRole("link", { name: "Assistant" }).count(), 0);
});

test("the audit log says who changed what, from where, and what it was before", async () => {
  await owner.goto(stage.at("/audit"));
  await owner.getByRole("list", { name: "Filters" }).getByRole("link", { name: "Projects changed" }).click();
  await owner.waitForURL(/action=project.update/);
  const row = owner.locator("tbody tr").first();
  for (const text of ["dev@localhost", "project.update", "127.0.0.1"]) assert.ok((await row.textContent()).includes(text), text);
  await row.getByText("What changed").click();
  assert.match(await row.locator(".changes del").first().textContent(), /500000/);
  assert.match(await row.locator(".changes ins").first().textContent(), /600000/);
});

test("an owner renames the organisation, but not over what someone else wrote", async () => {
  await owner.goto(stage.at("/settings"));
  const late = await owner.context().newPage();
  await late.goto(stage.at("/settings"));
  await owner.getByLabel("Name").fill("Renamed");
  await owner.getByRole("button", { name: "Save" }).click();
  await said(owner, "Saved.");
  assert.ok((await owner.locator(".sidebar .switcher-name").textContent()).includes("Renamed"));
  await late.getByLabel("Name").fill("Late");
  await late.getByRole("button", { name: "Save" }).click();
  await late.getByRole("heading", { name: "Someone else changed this organisation meanwhile" }).waitFor();
  assert.equal(await late.getByLabel("Name").inputValue(), "Late");
  await late.getByRole("link", { name: "Discard mine" }).click();
  assert.equal(await late.getByLabel("Name").inputValue(), "Renamed");
  await late.close();
});

test("an operator makes an organisation, limits it, suspends it and resumes it", async () => {
  await owner.goto(`${stage.base}/operator/orgs`);
  await owner.getByRole("link", { name: "Create organisation" }).click();
  await owner.getByLabel("Name", { exact: true }).fill("Umbrella");
  await owner.getByLabel("Owner's e-mail").fill("boss@umbrella.example");
  await owner.getByLabel("Requests a minute").fill("1000");
  await owner.getByRole("button", { name: "Create organisation" }).click();
  const boss = await joined(stage, await owner.getByLabel("The owner's invitation").inputValue(), "Bo");
  const org = new URL(boss.url()).pathname.split("/")[2];
  const theirs = { ...stage, at: (place = "") => `${stage.base}/orgs/${org}${place}` };
  const secret = await create(theirs, boss, "Theirs");
  assert.equal(await stage.call(secret), 200);
  // The operator sees sums, never keys.
  assert.equal((await owner.goto(theirs.at("/keys"))).status(), 404);
  assert.equal((await boss.goto(`${stage.base}/operator/orgs`)).status(), 403);

  const open = async () => {
    await owner.goto(`${stage.base}/operator/orgs?q=umbrella`);
    assert.equal(await owner.locator("tbody tr").count(), 1);
    await owner.getByRole("link", { name: "Umbrella" }).click();
  };
  await open();
  await owner.getByLabel("Token quota").fill("250000");
  await owner.getByRole("button", { name: "Save" }).click();
  await said(owner, "Saved.");
  await owner.getByText("250K tokens").waitFor();
  await boss.goto(theirs.at("/settings"));
  await boss.getByText("Token quota of the organisation, a month").waitFor();
  await boss.getByText("1,000").waitFor();

  await open();
  await owner.getByRole("link", { name: "Suspend" }).click();
  await owner.locator("#dialog-suspend").getByRole("button", { name: "Suspend" }).click();
  await said(owner, "Suspended.");
  await refusedWithin(stage, secret, 1000);
  await owner.locator("tr").filter({ hasText: "Umbrella" }).getByText("Suspended").waitFor();
  await open();
  await owner.getByRole("button", { name: "Resume" }).click();
  await said(owner, "Resumed.");
  const end = Date.now() + 1000;
  while (await stage.call(secret) !== 200) assert.ok(Date.now() < end, "its keys work again within a second");
  await boss.context().close();
});

test("providers are shown with how they fare", async () => {
  await owner.goto(`${stage.base}/operator/providers`);
  const provider = owner.locator(".provider").filter({ hasText: "sandbox" });
  await provider.getByText("Healthy").waitFor();
  assert.ok(Number(await provider.locator("dt", { hasText: "Calls, 15 min" }).locator("+ dd").textContent()) >= 6);
  assert.equal(await provider.locator("dt", { hasText: "Failed" }).locator("+ dd").textContent(), "0");
  assert.ok(await owner.getByRole("region", { name: "Models" }).getByText("sandbox-fast").first().isVisible());
});

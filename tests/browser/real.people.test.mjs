// People in the real binary: how they come in, what their roles let them do, tokens, other sites.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { PASSWORD, api, confirm, create, house, invite, joined, said, signIn, token, visitor } from "./house.mjs";
import { startEmpty } from "./server.mjs";

let stage, owner;
before(async () => {
  stage = await house();
  owner = stage.owner;
});
after(() => stage.close());

const spent = (page) => page.getByRole("heading", { name: "This link works no more" }).waitFor();

test("an empty installation is set up once, by the link that the server printed", async () => {
  const empty = await startEmpty(process.env.TOLLGATE);
  try {
    const first = await visitor(empty);
    await first.goto(empty.link);
    await first.getByLabel("Your name").fill("Ada");
    await first.getByLabel("E-mail").fill("ada@example.com");
    await first.getByLabel("Password").fill("short");
    await first.getByLabel("Organisation").fill("Acme");
    await first.getByRole("button", { name: "Create the operator" }).click();
    await first.locator("#error-password").waitFor();
    assert.equal(await first.getByLabel("Your name").inputValue(), "Ada");
    await first.getByLabel("Password").fill(PASSWORD);
    await first.getByRole("button", { name: "Create the operator" }).click();
    await first.waitForURL(/\/orgs\//);
    await first.getByRole("heading", { name: "No key yet" }).waitFor();
    assert.match(await first.locator("#code-curl").textContent(), new RegExp(`${empty.base}/v1/chat/completions`));
    const second = await visitor(empty);
    await second.goto(empty.link);
    await second.getByLabel("Your name").fill("Eve");
    await second.getByLabel("E-mail").fill("eve@example.com");
    await second.getByLabel("Password").fill(PASSWORD);
    await second.getByRole("button", { name: "Create the operator" }).click();
    await spent(second);

    // Its provider is away, and the operator sees that.
    const at = { ...empty, at: (place) => `${empty.base}/orgs/${new URL(first.url()).pathname.split("/")[2]}${place}` };
    const secret = await create(at, first, "First");
    assert.ok(await empty.call(secret, { model: "nowhere" }) >= 500);
    await first.goto(`${empty.base}/operator/providers`);
    const provider = first.locator(".provider").filter({ hasText: "away" });
    await provider.getByText("Failing").waitFor();
    await provider.getByText("The latest failure").waitFor();
  } finally {
    await empty.close();
  }
});

test("a printed link signs in once, and a password does from then on", async () => {
  const other = await visitor(stage);
  await other.goto(stage.link);
  await other.getByRole("button", { name: "Go on" }).click();
  await spent(other);
  await signIn(stage, other, "dev@localhost", "not the password");
  await other.getByRole("alert").getByText("The e-mail address or the password is wrong.").waitFor();
  assert.equal(await other.getByLabel("E-mail").inputValue(), "dev@localhost");
  await signIn(stage, other);
  await other.waitForURL(/\/orgs\//);
  await other.locator(".sidebar .account summary").click();
  await other.getByRole("button", { name: "Sign out" }).click();
  await other.waitForURL(/\/sign-in/);
  // What one wanted to see is what one gets.
  await other.goto(stage.at("/projects"));
  await other.waitForURL(/\/sign-in\?next=/);
  await other.getByLabel("E-mail").fill("dev@localhost");
  await other.getByLabel("Password").fill(PASSWORD);
  await other.getByRole("button", { name: "Sign in" }).click();
  await other.waitForURL(stage.at("/projects"));
  await other.context().close();
});

test("an invited viewer looks and changes nothing", async () => {
  await create(stage, owner, "Production");
  const link = await invite(stage, owner, "viewer@example.com", "Viewer");
  const viewer = await joined(stage, link, "Vera");
  const late = await visitor(stage);
  await late.goto(link);
  await spent(late);
  await late.context().close();
  await viewer.goto(stage.at("/keys"));
  await viewer.getByRole("link", { name: "Production" }).click();
  for (const act of ["Disable", "Rotate", "Delete"]) assert.equal(await viewer.getByRole("link", { name: act }).count(), 0, act);
  await viewer.goto(stage.at("/keys"));
  assert.equal(await viewer.getByRole("link", { name: "Create key" }).count(), 0);
  assert.equal(await viewer.getByRole("checkbox").count(), 0);
  for (const way of ["Members", "Tokens", "Audit", "Organisations", "Providers"]) {
    assert.equal(await viewer.locator(".sidebar").getByRole("link", { name: way }).count(), 0, way);
  }
  for (const hidden of [stage.at("/keys/new"), stage.at("/members"), stage.at("/tokens"), stage.at("/audit"), `${stage.base}/operator/orgs`]) {
    assert.equal((await viewer.goto(hidden)).status(), 403, hidden);
    await viewer.getByRole("heading", { name: "That is not for your role" }).waitFor();
  }
  await viewer.context().close();
});

test("a member makes keys and sees those only; an admin grants no owners; roles change at once", async () => {
  const member = await joined(stage, await invite(stage, owner, "member@example.com", "Member"), "Mel");
  await create(stage, member, "Mel's");
  await member.goto(stage.at("/keys"));
  assert.deepEqual(await member.locator(".row-link").allTextContents(), ["Mel's"]);
  await owner.goto(stage.at("/keys"));
  const foreign = await owner.getByRole("link", { name: "Production" }).getAttribute("href");
  assert.equal((await member.goto(stage.base + foreign)).status(), 404);

  await owner.goto(stage.at("/members"));
  await owner.getByLabel("Role of Mel").selectOption("admin");
  await said(owner, "The role is changed.");
  // Their sessions end with the old role.
  await member.goto(stage.at("/keys"));
  await member.waitForURL(/\/sign-in/);
  await signIn(stage, member, "member@example.com");
  await member.waitForURL(/\/orgs\//);
  await member.goto(stage.base + foreign);
  await member.getByRole("heading", { level: 1, name: "Production" }).waitFor();
  await member.goto(stage.at("/members"));
  assert.equal(await member.getByLabel("Role of Dev").count(), 0);
  const offered = await member.getByLabel("Role of Vera").locator("option").allTextContents();
  assert.ok(offered.includes("Admin") && !offered.includes("Owner"), String(offered));

  await owner.goto(stage.at("/members"));
  await owner.getByRole("link", { name: "Remove Mel" }).click();
  assert.ok(await owner.getByRole("button", { name: "Remove" }).isDisabled());
  await confirm(owner, "member@example.com", "Remove");
  await said(owner, "Removed.");
  await member.goto(stage.at("/keys"));
  await member.waitForURL(/\/sign-in/);
  await signIn(stage, member, "member@example.com");
  await member.waitForURL(/\/account/);
  assert.equal((await member.goto(stage.at("/keys"))).status(), 404);
  await member.context().close();
});

test("an invitation that was withdrawn lets nobody in", async () => {
  const link = await invite(stage, owner, "nobody@example.com", "Member");
  await owner.goto(stage.at("/members"));
  await owner.getByRole("button", { name: "Withdraw the invitation of nobody@example.com" }).click();
  await said(owner, "The invitation is withdrawn.");
  const page = await visitor(stage);
  await page.goto(link);
  await spent(page);
  await page.context().close();
});

test("who lost their password chooses a new one by a link, and other sessions end", async () => {
  const viewer = await visitor(stage);
  await signIn(stage, viewer, "viewer@example.com");
  await viewer.waitForURL(/\/orgs\//);
  const printed = await stage.cli("--data-dir", stage.dir, "user", "reset-password", "--email", "viewer@example.com");
  const link = stage.base + printed.match(/\/reset\/\S+/)[0];
  const page = await visitor(stage);
  await page.goto(link);
  await page.getByLabel("Password").fill("too short");
  await page.getByRole("button", { name: "Save the password" }).click();
  await page.locator("#error-password").waitFor();
  await page.getByLabel("Password").fill("another long password");
  await page.getByRole("button", { name: "Save the password" }).click();
  await page.waitForURL(/\/sign-in/);
  await signIn(stage, page, "viewer@example.com", "another long password");
  await page.waitForURL(/\/orgs\//);
  await viewer.goto(stage.at("/keys"));
  await viewer.waitForURL(/\/sign-in/);
  await viewer.goto(link);
  await viewer.getByLabel("Password").fill("a third long password");
  await viewer.getByRole("button", { name: "Save the password" }).click();
  await spent(viewer);
  for (const one of [viewer, page]) await one.context().close();
});

test("sessions are listed and ended, and a password is changed by who knows it", async () => {
  const other = await visitor(stage);
  await signIn(stage, other);
  await other.waitForURL(/\/orgs\//);
  await owner.goto(`${stage.base}/account`);
  await owner.getByText("this one").waitFor();
  const rows = owner.locator(".rows li");
  const many = await rows.count();
  assert.ok(many >= 2);
  while (await owner.getByRole("button", { name: /^End/ }).count()) {
    await owner.getByRole("button", { name: /^End/ }).first().click();
    await said(owner, "The session is ended.");
  }
  await other.goto(stage.at("/keys"));
  await other.waitForURL(/\/sign-in/);
  await owner.getByLabel("Password now").fill("not the password");
  await owner.getByLabel("New password").fill(PASSWORD);
  await owner.getByRole("button", { name: "Change password" }).click();
  await owner.locator("#error-current").waitFor();
  await owner.getByLabel("Password now").fill(PASSWORD);
  await owner.getByLabel("New password").fill(PASSWORD);
  await owner.getByRole("button", { name: "Change password" }).click();
  await said(owner, "The password is changed");
  await other.context().close();
});

test("a management token is shown once, works, and works no more when it is deleted", async () => {
  await owner.goto(stage.at("/tokens"));
  await owner.getByRole("heading", { name: "No token yet" }).waitFor();
  const secret = await token(stage, owner, "Terraform", "Member");
  assert.ok((await owner.locator("#code-curl").textContent()).includes(`${stage.base}/api/v1/me`));
  assert.equal((await api(stage, secret, "GET", "/me")).status, 200);
  assert.equal((await api(stage, secret, "POST", `/orgs/${stage.org}/keys`, { name: "By a token" })).status, 201);
  assert.equal((await api(stage, secret, "GET", `/orgs/${stage.org}/members`)).status, 403);
  for (const way of ["reload", "goBack", "goForward"]) {
    await owner[way]();
    assert.equal((await owner.content()).includes(secret), false, way);
  }
  await owner.goto(stage.at("/tokens"));
  assert.equal((await owner.content()).includes(secret), false);
  await owner.getByRole("link", { name: "Delete Terraform" }).click();
  assert.ok(await owner.getByRole("button", { name: "Delete" }).isDisabled());
  await confirm(owner, "Terraform", "Delete");
  await said(owner, "Deleted.");
  assert.equal((await api(stage, secret, "GET", "/me")).status, 401);
});

test("a form of another site changes nothing", async () => {
  const target = stage.at("/projects/new");
  const html = `<form method="post" action="${target}"><input name="name" value="Planted"><button>Go</button></form>`;
  const foreign = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(html)).listen(0, "127.0.0.1");
  await new Promise((resolve) => foreign.once("listening", resolve));
  const page = await owner.context().newPage();
  // Another port is the same site to cookies: they are sent, and refused by their origin.
  await page.goto(`http://127.0.0.1:${foreign.address().port}/`);
  const [answer] = await Promise.all([page.waitForResponse(target), page.getByRole("button", { name: "Go" }).click()]);
  assert.equal(answer.status(), 403);
  foreign.close();
  await page.goto(stage.at("/projects"));
  assert.equal(await page.getByText("Planted").count(), 0);
  await page.close();
});

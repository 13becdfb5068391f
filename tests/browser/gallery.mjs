// Opens every page of the gallery, wide and on a phone, light and dark: the browser must have nothing
// to complain about, nothing may stand outside the page, and axe must find nothing serious. Leaves
// pictures. `node gallery.mjs PROGRAM [PAGE…]`, where PROGRAM is the built example.
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import AxeBuilder from "@axe-core/playwright";
import { open } from "./stage.mjs";

const [program, ...only] = process.argv.slice(2);
const PICTURES = process.env.PICTURES ?? "pictures";
const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 375, height: 812 } };
const ASSETS = process.env.ASSETS; // a source folder, to look at a style before it is built in

const { base, browser, pages, close } = await open(program);
let bad = 0;
let good = 0;
const seen = new Set(); // dialogs that several pages have
try {
  const wanted = [...pages].filter(([name]) => !only.length || only.includes(name));
  for (const size of Object.keys(SIZES)) {
    for (const theme of ["light", "dark"]) {
      for (const [name, path] of wanted) await look(name, path, size, theme);
    }
  }
} finally {
  await close();
}
console.log(`# pass ${good}\n# fail ${bad}`);
process.exitCode = bad ? 1 : 0;

async function look(name, address, size, theme) {
  const context = await browser.newContext({
    viewport: SIZES[size], colorScheme: theme, reducedMotion: "reduce", hasTouch: size === "phone", isMobile: size === "phone",
  });
  const page = await context.newPage();
  const findings = [];
  page.on("console", (message) => { if (message.type() === "error") findings.push(message.text()); });
  page.on("pageerror", (error) => findings.push(String(error)));
  if (ASSETS) await fromSources(page);
  await page.goto(base + address);
  await page.waitForLoadState("networkidle");
  findings.push(...await outside(page));
  await picture(page, `${name}-${size}-${theme}`);
  findings.push(...await axe(page));
  for (const opener of await page.locator("[data-dialog]").all()) {
    const dialog = `${await opener.getAttribute("href")} ${size} ${theme}`;
    if (seen.has(dialog)) continue;
    seen.add(dialog);
    await opener.click();
    await picture(page, `${name}-${await opener.getAttribute("data-dialog")}-${size}-${theme}`, false);
    findings.push(...await axe(page));
    await page.locator("dialog[open] [data-close]").first().click();
  }
  if (findings.length) {
    bad += 1;
    console.log(`not ok ${name} ${size} ${theme}\n  ${[...new Set(findings)].join("\n  ")}`);
  } else good += 1;
  await context.close();
}

async function picture(page, name, fullPage = true) {
  await mkdir(PICTURES, { recursive: true });
  await page.screenshot({ path: path.join(PICTURES, `${name}.png`), fullPage });
}

// What makes the page scroll sideways.
function outside(page) {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const wide = [...document.querySelectorAll("main *")].filter((element) => element.getBoundingClientRect().right > width + 1);
    return wide.slice(0, 4).map((element) => `stands outside: ${element.tagName}.${element.className}`).concat("the page scrolls sideways");
  });
}

async function axe(page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  return serious.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
}

async function fromSources(page) {
  const bundle = await readFile(path.join(ASSETS, "bundle.rs"), "utf8");
  const files = (folder) => [...bundle.matchAll(new RegExp(`"(${folder}/[a-z]+\\.${folder})"`, "g"))].map((match) => match[1]);
  const joined = async (folder, but) => (await Promise.all(files(folder).filter((file) => !but.includes(file)).map((file) => readFile(path.join(ASSETS, file), "utf8")))).join("");
  const own = ["js/theme.js", "js/charts.js"];
  await page.route("**/assets/*/app.css", async (route) => route.fulfill({ contentType: "text/css", body: await joined("css", []) }));
  await page.route("**/assets/*/app.js", async (route) => route.fulfill({ contentType: "text/javascript", body: await joined("js", own) }));
  await page.route("**/assets/*/charts.js", (route) => route.fulfill({ path: path.join(ASSETS, "js/charts.js") }));
}

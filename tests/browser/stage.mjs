// The gallery and the browser, for whoever looks at it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { chromium } from "playwright";

export async function open(program) {
  const gallery = spawn(program, ["127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
  const [base] = await once(createInterface(gallery.stdout), "line");
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-background-networking"],
  });
  const pages = await (await fetch(`${base}/pages.json`)).json();
  const close = async () => {
    await browser.close();
    gallery.kill();
  };
  return { base, browser, pages: new Map(pages), close };
}

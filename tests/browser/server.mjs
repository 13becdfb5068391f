// The real binary with a fresh database, and a browser: `tollgate dev` has everything to begin with.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright";

export async function start(program) {
  const folder = await mkdtemp(path.join(tmpdir(), "tollgate-browser."));
  const env = { PATH: process.env.PATH, TOLLGATE_SERVER__LISTEN: "127.0.0.1:0", TOLLGATE_SERVER__METRICS_LISTEN: "127.0.0.1:0" };
  const server = spawn(path.resolve(program), ["dev"], { cwd: folder, env, stdio: ["ignore", "pipe", "ignore"] });
  const said = await new Promise((resolve, reject) => {
    const found = {};
    server.on("exit", (code) => reject(new Error(`tollgate dev ended with ${code}`)));
    createInterface(server.stdout).on("line", (line) => {
      found.link ??= line.match(/http:\S+\/sign-in\/\S+/)?.[0];
      found.key ??= line.match(/OPENAI_API_KEY=(\S+)/)?.[1];
      found.model ??= line.match(/"model":"([^"]+)"/)?.[1];
      if (found.link && found.key && found.model) resolve(found);
    });
  });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-background-networking"],
  });
  const base = new URL(said.link).origin;
  const call = async (key) => {
    const answer = await fetch(`${base}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: said.model, messages: [{ role: "user", content: "Hello" }] }),
    });
    await answer.arrayBuffer();
    return answer.status;
  };
  const close = async () => {
    await browser.close();
    server.removeAllListeners("exit");
    server.kill();
    await new Promise((resolve) => server.on("close", resolve));
    await rm(folder, { recursive: true, force: true });
  };
  return { ...said, base, browser, call, close };
}

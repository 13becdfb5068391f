// The real binary with a fresh database, and a browser.
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { chromium } from "playwright";

// What `tollgate dev` prints, and what `tollgate serve` does where nobody can sign in yet.
const SAID = {
  dev: { link: /http:\S+\/sign-in\/\S+/, key: /OPENAI_API_KEY=(\S+)/, model: /"model":"([^"]+)"/, dir: /--data-dir (\S+)/ },
  serve: { link: /http:\S+\/set-up\/\S+/, ready: /(listening)/ },
};

// `tollgate dev`: an organisation, a key, a provider that answers, and a link that signs in.
export async function start(program) {
  return run(program, ["dev"], SAID.dev, { TOLLGATE_SERVER__LISTEN: "127.0.0.1:0" });
}

// `tollgate serve` on an empty database, with a provider that cannot be reached.
export async function startEmpty(program) {
  const listen = `127.0.0.1:${await freePort()}`;
  const config = `[server]
listen = "${listen}"
public_url = "http://${listen}"
[[providers]]
name = "away"
base_url = "http://127.0.0.1:9/v1"
models = ["nowhere"]
`;
  return run(program, ["serve", "--config", "tollgate.toml"], SAID.serve, {}, config);
}

async function run(program, args, wanted, settings, config) {
  const folder = await mkdtemp(path.join(tmpdir(), "tollgate-browser."));
  if (config) await writeFile(path.join(folder, "tollgate.toml"), config);
  const env = { PATH: process.env.PATH, TOLLGATE_SERVER__METRICS_LISTEN: "127.0.0.1:0", ...settings };
  const binary = path.resolve(program);
  const server = spawn(binary, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  const said = await heard(server, wanted).catch((error) => {
    server.kill();
    throw error;
  });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-background-networking"],
  });
  const base = new URL(said.link).origin;
  const cli = async (...line) => (await promisify(execFile)(binary, line, { cwd: folder, env })).stdout;
  const close = async () => {
    await browser.close();
    server.removeAllListeners("exit");
    server.kill();
    await new Promise((resolve) => server.on("close", resolve));
    await rm(folder, { recursive: true, force: true });
  };
  return { ...said, base, browser, cli, close, call: (key, body) => call(base, key, { model: said.model, ...body }) };
}

// Waits until everything that is wanted was said; what else is said is not kept.
function heard(server, wanted) {
  return new Promise((resolve, reject) => {
    const found = {};
    server.on("exit", (code) => reject(new Error(`tollgate ended with ${code}`)));
    const hear = (line) => {
      for (const [name, pattern] of Object.entries(wanted)) {
        const match = line.match(pattern);
        if (match) found[name] ??= match[1] ?? match[0];
      }
      if (Object.keys(wanted).every((name) => found[name])) resolve(found);
    };
    for (const stream of [server.stdout, server.stderr]) createInterface(stream).on("line", hear);
  });
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

// The status that a chat is answered with.
async function call(base, key, body) {
  const answer = await fetch(`${base}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ messages: [{ role: "user", content: "Hello" }], ...body }),
  });
  await answer.arrayBuffer();
  return answer.status;
}

"""A gateway process in front of the scripted provider, and its command line."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

ORGANIZATION = "Acme-canary-organisation"
START_SECONDS = 30
STOP_SECONDS = 40

# What the surroundings say must not change what is tested.
FOREIGN = ("TOLLGATE_", "OPENAI_", "OTEL_", "DATABASE_URL", "PORT", "RUST_LOG")

CONFIG = """\
[[providers]]
name = "mock"
base_url = "{url}/v1"
api_key = {{ env = "MOCK_KEY" }}
models = ["mock-*"]

[[providers]]
name = "hanging"
base_url = "{url}/v1"
api_key = {{ env = "MOCK_KEY" }}
models = ["hang"]
first_byte_timeout = "1s"

[[models]]
name = "fast"
provider = "mock"
upstream = "mock-chat"
"""


class Gateway:
    """One `tollgate serve` with a directory, a database and logs of its own."""

    def __init__(self, binary: str, folder: Path, provider_url: str, credential: str,
                 database_url: str | None, collector: str) -> None:
        self.data_dir = folder / "data"
        self.log = folder / "gateway.log"
        self.config = folder / "tollgate.toml"
        self.cli = [binary, "--data-dir", str(self.data_dir), "--output", "json"]
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        if database_url:
            self.env["DATABASE_URL"] = database_url
        self._serve = [binary, "serve", "--config", str(self.config)]
        self._serve_env = self.env | {
            "MOCK_KEY": credential,
            "TOLLGATE_DATA_DIR": str(self.data_dir),
            "TOLLGATE_SERVER__LISTEN": "127.0.0.1:0",
            "TOLLGATE_SERVER__METRICS_LISTEN": "127.0.0.1:0",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
            "RUST_LOG": "debug",
        }
        self._process: subprocess.Popen | None = None
        self.data_dir.mkdir()
        self.config.write_text(CONFIG.format(url=provider_url))

    def start(self) -> str:
        """Starts to serve and answers the base URL, once it is ready."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._serve, env=self._serve_env, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if address := bound_address(self.log.read_text()):
                return f"http://{address}"
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"the gateway did not start:\n{self.log.read_text()}")

    def stop(self) -> int:
        """Asks it to stop as an operator would, and answers its exit code."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def run(self, *args: str) -> dict:
        """One command beside the running server."""
        return json.loads(run_cli(self.cli, args, self.env) or "{}")


def run_cli(cli: list[str], args: tuple[str, ...], env: dict) -> str:
    done = subprocess.run([*cli, *args], env=env, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"tollgate {' '.join(args)}: exit {done.returncode}: {done.stderr}")
    return done.stdout


def bound_address(log: str) -> str | None:
    """The address in the first whole log line that says "listening"."""
    for line in log.splitlines(keepends=True):
        if not line.endswith("\n") or "listening" not in line or "metrics" in line:
            continue
        try:
            if address := find(json.loads(line), "address"):
                return address
        except ValueError:
            continue
    return None


def find(value: object, name: str) -> str | None:
    """The first string under this name, however deep."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get(name), str):
        return value[name]
    return next((found for sub in value.values() if (found := find(sub, name))), None)

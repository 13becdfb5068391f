#!/usr/bin/env python3
"""Runs the client tests: real SDKs against one real gateway and a scripted provider.

It starts the provider and the gateway, runs the named suites (`python`, `node`; both
when none is named), stops the gateway and then audits what is left behind: the books
against the provider's own counts, and every file for secrets. What follows `--` goes
to pytest. `TOLLGATE_BIN` names the binary, `--postgres URL` a server to make a
database on; without it the gateway uses SQLite.
"""

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from collector import Collector
from gateway import ORGANIZATION, Gateway
from provider import Provider

HERE = Path(__file__).resolve().parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target"))
NODE_PROJECT = TARGET / "clients" / "node"


def main() -> int:
    options = arguments()
    binary = os.path.abspath(os.environ.get("TOLLGATE_BIN", TARGET / "debug" / "tollgate"))
    if not os.access(binary, os.X_OK):
        sys.exit(f"{binary} is missing: build it with `cargo build`")
    folder = Path(tempfile.mkdtemp(prefix="tollgate-clients-"))
    database = Database(options.postgres) if options.postgres else None
    try:
        failed = run(options, binary, folder, database)
    finally:
        if database:
            database.drop()
    if failed or options.keep:
        print(f"kept: {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if failed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="*", help="python, node (default: both)")
    parser.add_argument("--postgres", metavar="URL", help="a server to make a database on")
    parser.add_argument("--keep", action="store_true", help="keep logs and data when all passed")
    own, _, rest = split(sys.argv[1:])
    options = parser.parse_args(own)
    if unknown := set(options.suites) - {"python", "node"}:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    options.suites = options.suites or ["python", "node"]
    options.pytest = rest
    return options


def split(args: list[str]) -> tuple[list[str], str, list[str]]:
    at = args.index("--") if "--" in args else len(args)
    return args[:at], "--", args[at + 1:]


def run(options: argparse.Namespace, binary: str, folder: Path, database: "Database") -> bool:
    """Answers whether anything failed."""
    credential = f"sk-mock-{secrets.token_hex(20)}"
    with Provider(credential) as provider, Collector(folder / "traces") as collector:
        url = database.url if database else None
        gateway = Gateway(binary, folder, provider.url, credential, url, collector.url)
        stage = folder / "stage.json"
        env = gateway.env | {"CLIENT_STAGE": str(stage), "PYTHONPATH": str(HERE)}
        stage.write_text(json.dumps({
            "url": gateway.start(),
            "provider": provider.url,
            "provider_credential": credential,
            "organization": ORGANIZATION,
            "cli": gateway.cli,
            "secrets": str(folder / "secrets.txt"),
            "data_dir": str(gateway.data_dir),
            "log": str(gateway.log),
            "traces": str(folder / "traces"),
            "database": url,
        }))
        try:
            gateway.run("org", "create", ORGANIZATION)
            codes = [SUITES[suite](env, options.pytest) for suite in options.suites]
        finally:
            stopped = gateway.stop()
        codes.append(pytest(env, "audit", []))
        if stopped != 0:
            print(f"the gateway ended with exit code {stopped}")
        return any([*codes, stopped])


def pytest(env: dict, suite: str, more: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *more, suite]
    return subprocess.run(command, cwd=HERE, env=env | {"PYTHONDONTWRITEBYTECODE": "1"}).returncode


def node(env: dict) -> int:
    """The tests are copied beside their packages, which live outside the sources."""
    tests = []
    for source in sorted((HERE / "node").glob("*.mjs")):
        shutil.copy(source, NODE_PROJECT / source.name)
        if source.name.endswith(".test.mjs"):
            tests.append(source.name)
    command = [os.environ.get("NODE", "node"), "--test", "--test-reporter=spec", *tests]
    return subprocess.run(command, cwd=NODE_PROJECT, env=env).returncode


SUITES = {
    "python": lambda env, more: pytest(env, "python", more),
    "node": lambda env, _: node(env),
}


class Database:
    """A database of this run's own."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._name = f"tollgate_clients_{secrets.token_hex(6)}"
        self.url = f"{server.rsplit('/', 1)[0]}/{self._name}"
        self._psql(f"CREATE DATABASE {self._name}")

    def drop(self) -> None:
        self._psql(f"DROP DATABASE {self._name} WITH (FORCE)")

    def _psql(self, statement: str) -> None:
        command = ["psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", "-c", statement, self._server]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())

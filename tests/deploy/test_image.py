"""The image, as far as it can be had without an engine: the Dockerfile linted, its steps' words checked,
and the program run in a root with nothing but what the last stage has."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
import tomllib
from pathlib import Path

import pytest

from conftest import ROOT

NONROOT = 65532
PATIENCE = 20


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def settings(dockerfile) -> dict[str, str]:
    return dict(re.findall(r"(TOLLGATE_\w+)=(\S+)", dockerfile))


def test_hadolint_finds_no_fault():
    done = subprocess.run(["hadolint", ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_its_versions_are_the_projects(dockerfile):
    package = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
    assert f"FROM rust:{package['rust-version']}-" in dockerfile
    assert f"ARG VERSION={package['version']}" in dockerfile


def test_it_runs_as_nobody_and_says_whether_it_is_well(dockerfile):
    last = dockerfile[dockerfile.rindex("FROM "):]
    assert last.split()[1].endswith(":nonroot")
    assert 'HEALTHCHECK' in last and '["/tollgate", "healthcheck"]' in last
    assert "VOLUME /data" in last and "USER root" not in last


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its root")
def test_the_program_needs_nothing_but_what_the_last_stage_has(binary, settings, tmp_path):
    root = runtime(binary, tmp_path)
    before = listing(root)
    log = tmp_path / "log"
    settings = settings | {"TOLLGATE_SERVER__LISTEN": "127.0.0.1:0",
                           "TOLLGATE_SERVER__METRICS_LISTEN": "127.0.0.1:0"}
    with log.open("wb") as out:
        server = subprocess.Popen(inside(root, "serve"), env=settings, stdout=out, stderr=subprocess.STDOUT)
    try:
        address = listening(log, server)
        asked = settings | {"TOLLGATE_SERVER__LISTEN": address}
        well = subprocess.run(inside(root, "healthcheck"), env=asked, capture_output=True, text=True, timeout=PATIENCE)
        assert well.returncode == 0, well.stderr
    finally:
        server.send_signal(signal.SIGTERM)
        ended = server.wait(PATIENCE)
    assert ended == 0, log.read_text()
    assert listing(root) == before, "something was written outside the volume"
    assert any((root / "data").iterdir())


def runtime(binary: Path, folder: Path) -> Path:
    """A root with the program, the C library and certificates, and a volume that the program may write."""
    root = folder / "root"
    (root / "data").mkdir(parents=True)
    os.chmod(folder, 0o755)
    os.chown(root / "data", NONROOT, NONROOT)
    shutil.copy(binary, root / "tollgate")
    linked = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"(/\S+) \(0x", linked):
        copy = root / library[1:]
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, copy)
    certificates = root / "etc/ssl/certs"
    certificates.mkdir(parents=True)
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", certificates)
    return root


def inside(root: Path, command: str) -> list[str]:
    return [shutil.which("chroot"), f"--userspec={NONROOT}:{NONROOT}", str(root), "/tollgate", command]


def listing(root: Path) -> dict[str, int]:
    found = [path for path in root.rglob("*") if not path.is_relative_to(root / "data")]
    return {str(path): path.stat().st_mtime_ns for path in found}


def listening(log: Path, server: subprocess.Popen) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        for line in log.read_text().splitlines():
            if '"listening"' in line and line.startswith("{"):
                return json.loads(line)["address"]
        time.sleep(0.05)
    raise AssertionError(f"it does not listen:\n{log.read_text()}")

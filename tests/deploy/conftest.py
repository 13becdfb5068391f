"""What operators deploy, held against the schemas and tools of those who will read it."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")


@pytest.fixture(scope="session")
def config() -> Path:
    return ROOT / "config"


@pytest.fixture(scope="session")
def binary() -> Path:
    return Path(os.environ.get("TOLLGATE_BIN", TARGET / "debug" / "tollgate")).resolve()


@pytest.fixture
def takes(binary, tmp_path):
    """Whether the real program takes these variables and files as its configuration."""
    def check(env: dict[str, str], *files: Path) -> None:
        arguments = [argument for file in files for argument in ("--config", str(file))]
        env = env | {"TOLLGATE_DATA_DIR": str(tmp_path / "data")}
        done = subprocess.run([binary, "config", "check", *arguments], env=env,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    return check

"""The systemd unit, by systemd's own word."""

import shutil
import subprocess

import pytest

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")


@pytest.fixture
def unit(config, tmp_path):
    """With a program that is there."""
    text = (config / "systemd" / "tollgate.service").read_text()
    there = tmp_path / "tollgate.service"
    there.write_text(text.replace("/usr/local/bin/tollgate", "/bin/true"))
    return there


def analyze(*arguments) -> str:
    done = subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


def test_systemd_has_nothing_to_say_against_it(unit):
    assert analyze("verify", unit) == ""


def test_it_may_take_its_time_to_become_ready(unit):
    assert "\nType=notify\n" in unit.read_text()
    assert "\nTimeoutStartSec=infinity\n" in unit.read_text()


def test_it_is_confined(unit):
    # Of 100; a service without any of it has 96.
    analyze("security", "--offline=yes", "--threshold=15", unit)

"""The alert rules, by promtool: well formed, and each fires when it should and not before."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

PROMTOOL = os.environ.get("TOLLGATE_PROMTOOL")
TESTS = Path(__file__).with_name("alerts.yaml")

pytestmark = pytest.mark.skipif(not PROMTOOL, reason="TOLLGATE_PROMTOOL names no promtool")


def promtool(*arguments) -> str:
    done = subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def rules(config) -> Path:
    return config / "prometheus" / "alerts.yaml"


def test_the_rules_are_well_formed(rules):
    assert "SUCCESS" in promtool("check", "rules", "--lint-fatal", rules)


def test_every_alert_fires_when_it_should(rules):
    promtool("test", "rules", TESTS)
    names = {rule["alert"] for group in yaml.safe_load(rules.read_text())["groups"] for rule in group["rules"]}
    tested = set(re.findall(r"alertname: (\w+)", TESTS.read_text()))
    assert names == tested

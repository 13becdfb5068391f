"""The compose file, by the rules of the Compose Specification."""

import re

import pytest
from compose_spec import PyCompose


@pytest.fixture(scope="module")
def text(config) -> str:
    return (config / "compose.yaml").read_text()


def test_it_is_valid(text):
    assert set(PyCompose.from_yaml(text).to_spec().services) == {"gateway", "postgres"}


@pytest.mark.parametrize("right, wrong", [
    ("read_only: true", "read_onli: true"),
    ("restart: unless-stopped", "restart: sometimes"),
    ("condition: service_healthy", "condition: service_happy"),
])
def test_the_check_would_notice_a_mistake(text, right, wrong):
    assert right in text
    with pytest.raises(Exception):
        PyCompose.from_yaml(text.replace(right, wrong)).to_spec()


def test_the_gateway_is_confined_and_keeps_its_journal(text):
    gateway = PyCompose.from_yaml(text).to_dict()["services"]["gateway"]
    assert gateway["read_only"] is True
    assert list(gateway["cap_drop"]) == ["ALL"]
    assert "no-new-privileges:true" in gateway["security_opt"]
    assert any("/data" in str(volume) for volume in gateway["volumes"])


def test_the_program_takes_its_environment(text, takes):
    gateway = PyCompose.from_yaml(text).to_dict()["services"]["gateway"]
    given = {"OPENAI_API_KEY": "sk-of-nobody"}
    def substituted(value: str) -> str:
        return re.sub(r"\$\{(\w+):([-?])([^}]*)\}",
                      lambda found: given.get(found[1]) or (found[3] if found[2] == "-" else ""), value)
    takes({name: substituted(value) for name, value in gateway["environment"].items()})

"""What a suite needs of the running gateway: addresses, keys, the provider's book."""

import json
import os
import urllib.request
from pathlib import Path

from gateway import run_cli

PROMPT = "canary-prompt-9b3e7a: how is the weather in Utrecht?"
MESSAGES = [{"role": "user", "content": PROMPT}]


class Stage:
    """Read from the file that `CLIENT_STAGE` names."""

    def __init__(self) -> None:
        facts = json.loads(Path(os.environ["CLIENT_STAGE"]).read_text())
        self.url: str = facts["url"]
        self.base_url = f"{self.url}/v1"
        self.organization: str = facts["organization"]
        self.provider_credential: str = facts["provider_credential"]
        self.database: str | None = facts["database"]
        self.data_dir = Path(facts["data_dir"])
        self.log = Path(facts["log"])
        self.traces = Path(facts["traces"])
        self._provider: str = facts["provider"]
        self._cli: list[str] = facts["cli"]
        self._secrets = Path(facts["secrets"])

    def run(self, *args: str) -> dict:
        """One command of the gateway, its answer parsed."""
        return json.loads(run_cli(self._cli, args, dict(os.environ)) or "{}")

    def make_key(self, name: str, *flags: str, organization: str | None = None) -> dict:
        """A new key; its secret is kept for the search for secrets."""
        owner = organization or self.organization
        key = self.run("key", "create", "--org", owner, "--name", name, *flags)
        with self._secrets.open("a") as kept:
            kept.write(key["secret"] + "\n")
        return key

    def secrets(self) -> list[str]:
        return self._secrets.read_text().split() if self._secrets.exists() else []

    def provider_book(self) -> dict:
        """`requests` that reached the provider and the counts it `reported`."""
        with urllib.request.urlopen(f"{self._provider}/control") as answer:
            return json.load(answer)

    def reached(self, model: str) -> int:
        """How many calls for this model reached the provider."""
        return sum(r["model"] == model for r in self.provider_book()["requests"])

"""Finds secrets in what a gateway leaves behind: files, logs, database dumps."""

import base64
import subprocess
from pathlib import Path


def forms(secret: str) -> list[bytes]:
    """How a secret may lie in a file: its middle, plain, in hex and in base64.

    The ends are left out, because a key's display form shows them.
    """
    plain = secret.encode()
    middle = plain[7:-4] if len(plain) > 24 else plain
    coded = [base64.b64encode(plain[shift:]).rstrip(b"=")[4:-4] for shift in range(3)]
    return [middle, middle.hex().encode(), *coded]


def holding(secret: str, places: dict[str, bytes]) -> list[str]:
    """The names of the places that hold the secret."""
    wanted = forms(secret)
    return [name for name, data in places.items() if any(form in data for form in wanted)]


def files_under(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def postgres_dump(url: str) -> bytes:
    return subprocess.run(["pg_dump", f"--dbname={url}"], check=True, capture_output=True).stdout

"""What is installed is pinned by hash, and new enough (reliability_ux.md T99, T100)."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "requirements"
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(.*?)(?=^[A-Za-z0-9]|\Z)", re.MULTILINE | re.DOTALL)
FIXED = {"aiohttp": (3, 13, 3), "h11": (0, 16), "urllib3": (2, 6)}
"""The first versions without faults that were published: smuggled requests, bombs (reliability_ux.md A5)."""
files = pytest.mark.parametrize("file", ["run.txt", "test.txt"])


def locked(file: str) -> dict[str, tuple[str, str]]:
    """Name -> version, and what stands behind it."""
    text = (FOLDER / file).read_text(encoding="utf-8")
    return {name: (version, rest) for name, version, rest in LOCKED.findall(text)}


@files
def test_T99_everything_is_pinned_by_hash(file: str) -> None:
    text = (FOLDER / file).read_text(encoding="utf-8")
    found = locked(file)
    named = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(found) == len(named) > 20
    assert [name for name, (_, rest) in found.items() if "--hash=sha256:" not in rest] == []


@files
def test_T100_known_faults_are_not_installed(file: str) -> None:
    found = locked(file)
    old = {
        name: found[name][0]
        for name, first in FIXED.items()
        if name in found and tuple(map(int, re.findall(r"\d+", found[name][0]))) < first
    }
    assert old == {}
    assert "aiohttp" in found
    assert "starlette" not in found, "it would have to be 1.0.1 or later"

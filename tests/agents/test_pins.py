"""The pinned agents: exact versions, hashes, and no addresses of where they come from."""

import json
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "agents.md"
NAMES = {
    "@anthropic-ai/claude-code": "Claude Code",
    "@google/gemini-cli": "Gemini CLI",
    "@openai/codex": "Codex",
    "@qwen-code/qwen-code": "Qwen Code",
    "opencode-ai": "opencode",
}


@pytest.mark.parametrize("folder", [HERE, HERE.parent / "beside"], ids=lambda folder: folder.name)
def test_the_lock_file_holds_hashes_and_no_addresses(folder: Path) -> None:
    lock = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert all("resolved" not in package for package in lock.values())
    assert all("integrity" in package for name, package in lock.items() if name)


def test_aiders_requirements_hold_hashes_and_no_addresses() -> None:
    pins = (HERE / "aider.txt").read_text()
    assert "://" not in pins
    pinned = re.findall(r"^[a-z0-9._-]+(?:\[[^]]*\])?==\S+.*\\\n    --hash=sha256:", pins, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[a-z0-9]", pins, re.MULTILINE)) > 50
    assert (HERE / "aider.in").read_text().strip() in pins


def test_the_page_names_the_pinned_versions() -> None:
    pinned = json.loads((HERE / "package.json").read_text())["dependencies"]
    pinned = {NAMES[name]: version for name, version in pinned.items()}
    pinned["aider"] = (HERE / "aider.in").read_text().strip().removeprefix("aider-chat==")
    rows = dict(re.findall(r"^\| ([^|]+) \| ([0-9.]+) \|", PAGE.read_text(), re.MULTILINE))
    assert rows == pinned

"""The rehearsal with a real agent: what the prompt asks for really happens on disk."""

from pathlib import Path

import pytest

from agents.bench import agent
from agents.gateway import serve_bare

pytestmark = pytest.mark.agent


def test_a_file_that_was_asked_for_is_written_and_a_command_run(executable: Path, tmp_path: Path) -> None:
    with serve_bare(tmp_path) as gateway:
        claude = agent(executable, tmp_path, gateway.url, "anything", "claude-sonnet-4-5")
        prompt = "Create a file notes.txt containing 'rehearsed well', then run `cat notes.txt`."
        run = claude.run(prompt, timeout=90)
        written = claude.folder / "notes.txt"
        assert run.code == 0, f"{run}\n{gateway.log}"
        assert written.is_file(), f"{run}\n{gateway.log}"
        assert written.read_text(encoding="utf-8").strip() == "rehearsed well"
        assert "rehearsed well" in run.result, f"{run}\n{gateway.log}"

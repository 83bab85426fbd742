"""Without any provider the gateway still answers a real agent, from recordings, and says so."""

from pathlib import Path

import pytest

from agents.bench import agent
from agents.gateway import serve_bare

pytestmark = pytest.mark.agent


def test_the_rehearsal_answers_a_real_agent(executable: Path, tmp_path: Path) -> None:
    with serve_bare(tmp_path) as gateway:
        claude = agent(executable, tmp_path, gateway.url, "anything", "claude-sonnet-4-5")
        run = claude.run("Say hello.", timeout=60)
    assert run.code == 0, f"{run}\n{gateway.log}"
    assert run.result.strip(), f"{run}\n{gateway.log}"
    assert "ehearsal" in gateway.log

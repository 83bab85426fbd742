"""The agent and the stand-in without a gateway: what fails here is not the gateway's fault."""

from pathlib import Path

import pytest

from agents.bench import SONNET, agent
from standin import Call, Flags, StandIn, Think, say, turn

pytestmark = pytest.mark.agent


def test_the_agent_works_with_the_stand_in_alone(executable: Path, tmp_path: Path) -> None:
    script = [
        turn(
            Think("A file, then."),
            "Writing.",
            Call("Write", {"file_path": "note.txt", "content": "naïve ✓\n"}),
        ),
        say("Written."),
    ]
    with StandIn(script, Flags(native_errors=True, tool_extras=True)) as standin:
        base = f"{standin.url}/serving-endpoints/anthropic"
        claude = agent(executable, tmp_path, base, standin.token, SONNET)
        run = claude.run("Please write the note.")
    assert run.code == 0, run
    assert run.result == "Written."
    assert (tmp_path / "work" / "note.txt").read_text() == "naïve ✓\n"
    assert standin.surprises == []
    assert standin.asked[1].last_results[0].text.startswith("File created successfully")
    assert all("anthropic-beta" in refusal for refusal in standin.refusals), (
        "the client heals these by itself"
    )

"""Thinking with tools: the workspace takes the next turn only if every signature comes back as it was."""

import pytest

from agents.bench import SONNET
from agents.conftest import MakeBench
from standin import Call, Think, say, turn

pytestmark = pytest.mark.agent

BASH = {"description": "A step"}
SCRIPT = [
    turn(Think("First I look — 思考."), "I look.", Call("Bash", {"command": "echo one", **BASH})),
    turn(Think("Then I look again."), Call("Bash", {"command": "echo two", **BASH})),
    turn(Think("That is all."), "Two lines."),
]


@pytest.mark.parametrize("model", [SONNET, "databricks-claude-opus-4-8", "databricks-claude-sonnet-4-6"])
def test_signatures_come_back_intact(bench: MakeBench, model: str) -> None:
    made = bench(SCRIPT, model=model)
    run = made.claude.run("Look twice.")
    made.check(run)
    assert run.result == "Two lines."
    first, second, third = made.standin.ledger.signatures
    bodies = [request.body.decode() for request in made.standin.requests if request.refusal is None]
    assert [first in body for body in bodies] == [False, True, True]
    assert [second in body for body in bodies] == [False, False, True]
    assert all(third not in body for body in bodies)
    assert {asked.thinking for asked in made.standin.asked} == {
        "enabled" if model == SONNET else "adaptive"
    }


def test_redacted_thinking_comes_back_too(bench: MakeBench) -> None:
    call = Call("Bash", {"command": "echo one", **BASH})
    made = bench([turn(Think("secret", redacted=True), call), say("One line.")])
    run = made.claude.run("Look once.")
    made.check(run)
    assert run.result == "One line."
    bodies = [request.body.decode() for request in made.standin.requests if request.refusal is None]
    assert made.standin.ledger.signatures[0] in bodies[1]


def test_a_resumed_session_brings_its_signatures(bench: MakeBench) -> None:
    made = bench([*SCRIPT, say("Still here.")])
    run = made.claude.run("Look twice.")
    made.check(run)
    resumed = made.claude.run("Still there?", "--resume", run.session)
    made.check(resumed)
    assert resumed.result == "Still here."
    assert made.standin.asked[3].turns == 3

"""Prefixes stay still: what the workspace was sent before, it is sent again unchanged, so that caches hold."""

import json
from itertools import pairwise

import pytest

from agents.bench import SONNET
from agents.conftest import MakeBench
from standin import Asked, Call, Scripted, Think, say, turn

pytestmark = pytest.mark.agent

ROUNDS = 6


def script(asked: Asked) -> Scripted:
    if asked.turns >= ROUNDS:
        return say("Enough.")
    calls = [
        Call("Bash", {"command": f"echo round {asked.turns} part {part}", "description": "Count"})
        for part in range(1 + asked.turns % 2)
    ]
    return turn(Think(f"Round {asked.turns} — 思考."), f"Round {asked.turns}.", *calls)


@pytest.mark.parametrize(
    "model", [SONNET, "databricks-claude-opus-4-8", "databricks-gpt-5", "databricks-gemini-3-1-pro"]
)
@pytest.mark.parametrize("lifetime", ["5m", "1h"])
def test_earlier_turns_never_change(bench: MakeBench, model: str, lifetime: str) -> None:
    environment = {"ENABLE_PROMPT_CACHING_1H": "1"} if lifetime == "1h" else {}
    made = bench(script, model=model, environment=environment)
    run = made.claude.run("Go round.")
    made.check_settled(run)
    assert run.result == "Enough."
    resumed = made.claude.run("And again.", "--resume", run.session)
    made.check_settled(resumed)
    bodies = [json.loads(r.body) for r in made.standin.requests if r.refusal is None and r.method == "POST"]
    assert len(bodies) == ROUNDS + 2
    unmarked = [_without_marks(body) for body in bodies]
    for before, after in pairwise(unmarked[:-1]):
        assert before["messages"] == after["messages"][: len(before["messages"])]
        assert before["tools"] == after["tools"]
        assert before.get("system") == after.get("system")
    for body in bodies:
        assert json.dumps(body).count('"cache_control"') <= 4
    if "claude" in model:
        assert all('"cache_control"' in json.dumps(body) for body in bodies), (
            "nothing is cached without marks"
        )


def _without_marks(value: object) -> object:
    """The value without cache marks, which wander to the end of a conversation.

    Claude Code itself writes one text now as a block and now as a string; both mean the same.
    """
    if isinstance(value, dict):
        if isinstance(value.get("content"), str) and "role" in value:
            value = {**value, "content": [{"type": "text", "text": value["content"]}]}
        return {key: _without_marks(item) for key, item in value.items() if key != "cache_control"}
    if isinstance(value, list):
        return [_without_marks(item) for item in value]
    return value

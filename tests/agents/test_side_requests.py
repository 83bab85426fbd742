"""What agents ask beside the conversation: sub-agents of Codex in tool namespaces, Gemini CLI's choice of a model."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.pairing import PROVIDERS, paired
from agents.programs.codex import Codex
from agents.programs.gemini import GeminiCli
from agents.programs.program import Line, Wiring
from agents.test_codex import ABROAD, named
from standin import Asked, Call, Script, Scripted, say, turn

pytestmark = pytest.mark.agent

TASK = "child-task: run the command and report."


def team(spawn: dict[str, object], shell: Callable[[Asked], Call]) -> Callable[[Path], Script]:
    """A parent that sends a child off and waits for it, and the child."""

    def script(asked: Asked) -> Scripted:
        said = json.dumps(asked.body)
        # A child may be given its parent's words as well.
        if "lead-task" not in said or "NEW_TASK" in said:
            assert TASK in said, "the child was not told its task"
            if asked.turns and "CHILD-77" in asked.tool_results[-1].text:
                return say("The command printed CHILD-77.")
            return turn(shell(asked))
        if not asked.tool_results:
            return turn(Call(named(asked, "spawn_agent"), spawn))
        if len(asked.tool_results) == 1:
            found = re.search(r'"(?:agent_id|id)"\s*:\s*"([^"]+)"', asked.tool_results[0].text)
            targets = {"targets": [found[1]]} if found is not None else {}
            return turn(Call(named(asked, "wait_agent"), {**targets, "timeout_ms": 60000}))
        return say(f"The child reported {'CHILD-77' if 'printed CHILD-77' in said else 'nothing'}.")

    return lambda _: script


TEAMS = {
    "any-model": team(
        {"message": TASK},
        lambda asked: Call("exec_command", {"cmd": "echo CHILD-$((70 + 7))", "login": False}),
    ),
    "gpt-6.1-sol": team(
        {"message": TASK, "task_name": "count"},
        lambda asked: Call(
            named(asked, "exec"),
            {"input": 'text(JSON.stringify(await tools.exec_command({cmd: "echo CHILD-$((70 + 7))"})));'},
        ),
    ),
}


@pytest.mark.parametrize("provider", ABROAD)
@pytest.mark.parametrize("model", TEAMS)
def test_codex_sends_a_sub_agent(model: str, provider: str, tmp_path: Path) -> None:
    with paired(Codex(model), PROVIDERS[provider], TEAMS[model], tmp_path) as made:
        run = made.run("lead-task: let a sub-agent count.")
        made.check(run)
        assert run.stdout.strip() == "The child reported CHILD-77.", made.report(run)
        assert len(made.standin.asked) == 5, made.report(run)


class Choosing(GeminiCli):
    """Without a model of the user's: each prompt begins with a question which one to take."""

    def wire(self, home: Path, line: Line) -> Wiring:
        return Wiring(super().wire(home, line).environment)


@pytest.mark.parametrize("provider", ["messages", "chat", "responses"])
def test_gemini_cli_chooses_its_model(provider: str, tmp_path: Path) -> None:
    choice = {"complexity_reasoning": "It is a greeting.", "complexity_score": 3}

    def script(asked: Asked) -> Scripted:
        return say("Hello ✓.") if asked.tools else say(json.dumps(choice))

    with paired(Choosing(), PROVIDERS[provider], lambda _: script, tmp_path) as made:
        run = made.run_wired("Just say hello.")
        made.check(run)
        assert run.stdout.strip().endswith("Hello ✓."), made.report(run)
        first, *rest = made.standin.asked
        assert (first.schema or {}).get("required") == sorted(choice), first.body
        assert len(rest) == 1, made.report(run)

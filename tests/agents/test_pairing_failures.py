"""What every agent's user sees when the provider fails: a passing failure not at all, a lasting one at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agents.pairing import PROVIDERS, paired
from agents.programs import PROGRAMS, Program
from agents.programs.aider import Aider
from agents.records import records
from standin import Delivery, Script, failures, say, turn

pytestmark = pytest.mark.agent

WHOLE = "The whole answer, from its first word to its very last one."


def stumbling(program: Program) -> Callable[[Path], Script]:
    """A limit, a tool call cut in its arguments, the call, an answer cut in its words, the answer."""

    def made_for(folder: Path) -> Script:
        write = program.write(folder / "notes.txt", "a line and another one\n")
        steps = [
            failures.rate_limited(retry_after="1"),
            turn("I write.", write, delivery=Delivery(after=7, end="cut")),
            turn("I write.", write),
            say(WHOLE, delivery=Delivery(after=4, end="cut")),
            say(WHOLE),
        ]
        waiting = iter(steps)
        return lambda asked: next(waiting) if asked.tools else say("A title")

    return made_for


@pytest.mark.parametrize("agent", PROGRAMS)
def test_a_limit_and_cut_streams_are_not_seen(agent: str, tmp_path: Path) -> None:
    program = PROGRAMS[agent]
    name = "chat" if program.protocol == "anthropic_messages" else "messages"
    with paired(program, PROVIDERS[name], stumbling(program), tmp_path) as made:
        run = made.run_wired("Write a note.")
        shown = made.report(run)
        assert run.code == 0, shown
        assert program.said(run).endswith(WHOLE), shown
        assert program.said(run).count(WHOLE) == 1, shown
        assert (made.folder / "notes.txt").read_text() == "a line and another one\n", shown
        assert made.standin.surprises == [], shown
        asked = [asked for asked in made.standin.asked if asked.tools]
        assert len(asked) == 5, shown
        # opencode tells the model of the call that never came to its end, too.
        assert [bool(turn.tool_results) for turn in asked] == [False, False, False, True, True], shown


@pytest.mark.parametrize("agent", [*PROGRAMS, "aider"])
def test_an_unknown_model_is_named_at_once(agent: str, tmp_path: Path) -> None:
    program = Aider() if agent == "aider" else PROGRAMS[agent]
    with paired(program, PROVIDERS["chat"], lambda _: (), tmp_path, any_model=False) as made:
        run = made.run_wired("Hello?")
        shown = made.report(run)
        assert run.code != 0 or agent == "aider", shown  # aider ends with 0 after any error
        said = run.stdout + run.stderr
        assert "any-model" in said, shown
        assert "main-model" in said or agent == "claude", shown  # which has words of its own
        assert not [request for request in made.standin.requests if request.method == "POST"], shown
        written = records(made.gateway, at_least=1)
        assert {(record.fields["outcome"], record.fields["status"]) for record in written} == {
            ("error", "404")
        }
        assert len(written) <= 3, shown

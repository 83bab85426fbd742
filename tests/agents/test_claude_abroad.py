"""Claude Code in depth on Responses, Gemini and Chat: pictures, sub-agents, and reasoning that has to come back."""

from pathlib import Path

import pytest

from agents.pairing import PROVIDERS, Pairing, paired
from agents.programs.claude import ClaudeCode
from agents.test_tools import picture
from standin import Asked, Call, Script, Scripted, Think, say, turn

pytestmark = pytest.mark.agent

ABROAD = [name for name, provider in PROVIDERS.items() if provider.protocol != ClaudeCode.protocol]


def check(made: Pairing, prompt: str, answer: str) -> None:
    run = made.run(prompt)
    made.check(run)
    assert run.stdout.strip() == answer, made.report(run)


@pytest.mark.parametrize("provider", ABROAD)
def test_a_picture_is_seen(provider: str, tmp_path: Path) -> None:
    def made_for(folder: Path) -> Script:
        (folder / "red.png").write_bytes(picture())
        look = Call("Read", {"file_path": str(folder / "red.png")})
        also = Call("Bash", {"command": "ls", "description": "List"})
        return [turn(Think("Look first."), look, also), turn(Think("That is all."), "Red.")]

    with paired(ClaudeCode(), PROVIDERS[provider], made_for, tmp_path) as made:
        check(made, "What is in the picture?", "Red.")
        assert [asked.images for asked in made.standin.asked] == [0, 1], made.report()
        assert len(made.standin.asked[1].last_results) == 2


@pytest.mark.parametrize("provider", ABROAD)
def test_an_edit_whose_call_the_agent_completes(provider: str, tmp_path: Path) -> None:
    """In its history Claude Code writes defaults into the call; Gemini's signature was made for what was said."""

    def made_for(folder: Path) -> Script:
        path = folder / "code.py"
        path.write_text("answer = 41\n")
        change = {"file_path": str(path), "old_string": "41", "new_string": "42"}
        return [
            turn(Think("Look first."), Call("Read", {"file_path": str(path)})),
            turn(Think("Now the edit."), "I edit.", Call("Edit", change)),
            turn(Think("That is all."), "Fixed."),
        ]

    with paired(ClaudeCode(), PROVIDERS[provider], made_for, tmp_path) as made:
        run = made.run("Fix the answer.")
        shown = made.report(run)
        assert run.code == 0, shown
        assert run.stdout.strip() == "Fixed.", shown
        assert (made.folder / "code.py").read_text() == "answer = 42\n"
        refused = ["Corrupted thought signature."] if provider == "gemini" else []
        assert made.standin.refusals == refused, shown
        assert all(record.ok for record in made.records()), shown
        assert [len(asked.last_results) for asked in made.standin.asked] == [0, 1, 1], shown


@pytest.mark.parametrize("provider", ABROAD)
def test_a_sub_agent_works_and_reports(provider: str, tmp_path: Path) -> None:
    def script(asked: Asked) -> Scripted:
        done = asked.last_results
        if "child-task" in asked.first_user_text:
            child = {"command": "echo CHILD-$((70 + 7))", "description": "Count"}
            return say(f"It printed {done[0].text.strip()}.") if done else turn(Call("Bash", child))
        spawn = {"description": "Count", "prompt": "child-task: run the command and report."}
        if not done:
            return turn(
                Call("Agent", {**spawn, "subagent_type": "general-purpose", "run_in_background": False})
            )
        return say(f"The child found {'CHILD-77' if 'CHILD-77' in done[0].text else 'nothing'}.")

    with paired(ClaudeCode(), PROVIDERS[provider], lambda _: script, tmp_path) as made:
        check(made, "parent-task: let a sub-agent count.", "The child found CHILD-77.")
        assert len(made.standin.asked) == 4, made.report()

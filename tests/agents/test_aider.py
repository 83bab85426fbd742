"""aider, which has no tools: edits are text, and a command's output goes back as a user's words."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agents.pairing import PROVIDERS, paired
from agents.programs.aider import Aider
from standin import Delivery, Script, failures, say, turn

pytestmark = pytest.mark.agent

NOTES = "first\n\n\ttabs, “quotes”, 🚂 and a lone \\ backslash\n"
CHECK = "cat notes.txt; echo over-4''2; grep -q second notes.txt"
ABROAD = [name for name, provider in PROVIDERS.items() if provider.protocol != Aider.protocol]


def work(program: Aider) -> Callable[[Path], Script]:
    def made_for(folder: Path) -> Script:
        path = folder / "notes.txt"
        return [
            turn("I write. ✓\n", program.write(path, NOTES)),
            turn("The check wants another word.\n", program.write(path, "second\n", "first\n")),
            say("Still here."),
        ]

    return made_for


@pytest.mark.parametrize("provider", ABROAD)
def test_edits_until_the_check_command_is_content(provider: str, tmp_path: Path) -> None:
    program = Aider()
    with paired(program, PROVIDERS[provider], work(program), tmp_path) as made:
        run = made.run("Write the notes.", "--auto-test", "--test-cmd", CHECK)
        made.check(run)
        assert (made.folder / "notes.txt").read_text() == NOTES.replace("first", "second")
        assert "I write. ✓" in program.said(run), made.report(run)
        told = made.standin.asked[1].last_user_text
        assert all(text in told for text in ("over-42", "tabs, “quotes”, 🚂 and a lone \\ backslash")), told
        again = made.run("Still there?", again=True)
        made.check(again)
        assert "Still here." in program.said(again), made.report(again)
        assert "Still there?" in made.standin.asked[2].last_user_text
        assert "The check wants another word." in repr(made.standin.asked[2].body)


def test_a_limit_and_a_cut_stream_are_not_seen(tmp_path: Path) -> None:
    """It would take a stream that merely stops for the whole answer; the error makes it ask again."""
    program = Aider()

    def made_for(folder: Path) -> Script:
        write = program.write(folder / "notes.txt", NOTES)
        return [
            failures.rate_limited(retry_after="1"),
            turn("I write.\n", write, delivery=Delivery(after=5, end="cut")),
            turn("I write.\n", write),
        ]

    with paired(program, PROVIDERS["messages"], made_for, tmp_path) as made:
        run = made.run_wired("Write the notes.")
        shown = made.report(run)
        assert run.code == 0, shown
        assert (made.folder / "notes.txt").read_text() == NOTES, shown
        assert made.standin.surprises == [], shown
        assert len(made.standin.asked) == 3, shown

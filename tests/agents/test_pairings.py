"""Every agent on providers that speak another protocol than its own: files, commands, and the next day."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agents.pairing import DATABRICKS, PROVIDERS, Pairing, paired
from agents.programs import PROGRAMS, Program
from standin import Asked, Script, Scripted, Think, say, turn

pytestmark = pytest.mark.agent

NOTES = "first\n\n\ttabs, “quotes”, 🚂 and a lone \\ backslash\n"
ABROAD = [
    (agent, provider)
    for agent, program in PROGRAMS.items()
    for provider in PROVIDERS
    if PROVIDERS[provider].protocol != program.protocol
]
EVERY = PROVIDERS | DATABRICKS

LOST = {
    ("claude", "chat"): {"thinking.display", "messages.thinking", "messages.role.system", "user"},
    ("claude", "gemini"): {"messages.role.system", "user"},
    ("codex", "chat"): {"messages.thinking", "prompt_cache_key", "tools.web_search"},
    ("codex", "messages"): {"thinking", "prompt_cache_key", "tools.web_search"},
    ("codex", "gemini"): {"prompt_cache_key"},
    ("gemini", "databricks-gpt"): {"thinking.display", "messages.thinking"},
    ("gemini", "databricks-claude"): {"thinking"},
    ("codex", "databricks-claude"): {"thinking", "prompt_cache_key", "tools.web_search"},
    ("gemini", "chat"): {"thinking.display", "messages.thinking"},
    ("gemini", "messages"): {"thinking"},
    ("opencode", "messages"): {"messages.thinking"},
    ("qwen", "messages"): {"messages.thinking"},
}
"""Fields that may stay behind; the model that answers takes no thinking of others, or none was asked for."""
OWN = {
    "claude": {"cache_control", "context_management", "system.attribution"},
    "codex": {"client_metadata"},
    "gemini": {"temperature", "top_k", "top_p"},
}
"""Fields of an agent that no other protocol, or no reasoning model, has a place for."""


def work(program: Program) -> Callable[[Path], Script]:
    """Four turns of work, two calls at once among them, and two turns of another session."""

    def made_for(folder: Path) -> Script:
        steps = [
            turn(Think("First a file — 思考."), "I write. ✓", program.write(folder / "notes.txt", NOTES)),
            turn(program.shell("cat notes.txt; echo over-4''2; echo warning >&2; exit 3")),
            turn(
                Think("Two at once."),
                "Both.",
                program.write(folder / "two.txt", "two\n"),
                program.shell("echo th''ree"),
            ),
            say("All done ✓."),
            turn(program.shell("wc -l < notes.txt")),
            say("Still here."),
        ]

        def script(asked: Asked) -> Scripted:
            # Some agents ask for a title on the side.
            return steps[asked.turns] if asked.tools else say("A title")

        return script

    return made_for


PAIRS = [
    *ABROAD,
    ("codex", "databricks-claude"),
    ("gemini", "databricks-claude"),
    ("gemini", "databricks-gpt"),
]


@pytest.mark.parametrize(("agent", "provider"), PAIRS, ids=[f"{a}-{p}" for a, p in PAIRS])
def test_works_with_files_and_commands_and_goes_on(agent: str, provider: str, tmp_path: Path) -> None:
    program = PROGRAMS[agent]
    with paired(program, EVERY[provider], work(program), tmp_path) as made:
        run = made.run("Do the work.")
        made.check(run)
        assert program.said(run).endswith("All done ✓."), made.report(run)
        assert (made.folder / "notes.txt").read_text() == NOTES
        assert (made.folder / "two.txt").read_text() == "two\n"
        again = made.run("Still there?", again=True)
        made.check(again)
        assert program.said(again).endswith("Still here."), made.report(again)
        check_asked(made)
        lost = set().union(*(record.losses for record in made.records()))
        assert lost <= LOST.get((agent, provider), set()) | OWN.get(agent, set()), made.report()


def check_asked(made: Pairing) -> None:
    """Every result came back to the model, complete and in its turn."""
    turns = [asked for asked in made.standin.asked if asked.tools]
    results = [[result.text for result in asked.last_results] for asked in turns]
    shown = f"{results}\n{made.report()}"
    assert [len(texts) for texts in results] == [0, 1, 1, 2, 0, 1], shown
    for expected in ("first", "tabs, “quotes”, 🚂 and a lone \\ backslash", "over-42", "warning"):
        assert expected in results[2][0], shown
    assert any("three" in text for text in results[3]), shown
    assert "3" in results[5][0], shown
    assert "Do the work." in "".join(turns[0].user_texts), shown
    assert "Still there?" in turns[4].last_user_text, shown
    for asked in turns:
        assert len({result.call_id for result in asked.tool_results}) == len(asked.tool_results), shown

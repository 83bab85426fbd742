"""Codex declares its tools in three ways, by the name of the model: each of them on Claude, Gemini and Chat."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.pairing import PROVIDERS, paired
from agents.programs.codex import Codex
from standin import Asked, Call, Script, Scripted, Think, say, turn

pytestmark = pytest.mark.agent

ABROAD = [name for name, provider in PROVIDERS.items() if provider.protocol != Codex.protocol]


def named(asked: Asked, ending: str) -> str:
    """What the gateway calls a tool whose own name ends so."""
    (name,) = [tool for tool in asked.tools if tool.endswith(ending)]
    return name


def patch(path: Path, *lines: str) -> str:
    return "\n".join(["*** Begin Patch", *lines[:0], f"*** Add File: {path}", *lines, "*** End Patch", ""])


def by_grammar(folder: Path) -> Script:
    """A freeform tool with a grammar beside ordinary functions."""

    def script(asked: Asked) -> Scripted:
        added = patch(folder / "notes.txt", "+first", "+“second” \\n 🚂")
        steps = [
            turn(Think("A patch."), "I patch.", Call(named(asked, "apply_patch"), {"input": added})),
            turn(Call(named(asked, "exec_command"), {"cmd": "cat notes.txt", "login": False})),
            say("Patched ✓."),
        ]
        return steps[asked.turns]

    return script


def by_code(folder: Path) -> Script:
    """No tools at the top: a namespace in an input item, in it one freeform tool that takes JavaScript."""

    def script(asked: Asked) -> Scripted:
        added = json.dumps(patch(folder / "notes.txt", "+first", "+“second” \\n 🚂"))
        run = 'const done = await tools.exec_command({cmd: "cat notes.txt"}); text(JSON.stringify(done));'
        steps = [
            turn(
                "I patch.",
                Call(named(asked, "exec"), {"input": f"text(await tools.apply_patch({added}));"}),
            ),
            turn(Call(named(asked, "exec"), {"input": run})),
            say("Patched ✓."),
        ]
        return steps[asked.turns]

    return script


LAYOUTS: dict[str, Callable[[Path], Script]] = {"gpt-5.5": by_grammar, "gpt-6.1-sol": by_code}


@pytest.mark.parametrize("provider", ABROAD)
@pytest.mark.parametrize("model", LAYOUTS)
def test_T102_every_layout_of_tools(model: str, provider: str, tmp_path: Path) -> None:
    with paired(Codex(model), PROVIDERS[provider], LAYOUTS[model], tmp_path) as made:
        run = made.run("Write the notes.")
        made.check(run)
        assert run.stdout.strip() == "Patched ✓.", made.report(run)
        assert (made.folder / "notes.txt").read_text() == "first\n“second” \\n 🚂\n"
        results = [[result.text for result in asked.last_results] for asked in made.standin.asked]
        assert [len(texts) for texts in results] == [0, 1, 1], made.report(run)
        assert "“second”" in results[2][0], results

"""Codex as it comes, with OpenAI's own provider moved to the gateway: it speaks Responses over a WebSocket."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agents.pairing import PROVIDERS, Pairing, paired
from agents.programs.codex import Codex
from agents.programs.program import Line, Wiring
from agents.test_codex import by_grammar
from standin import Call, Delivery, Script, failures, say, turn

pytestmark = pytest.mark.agent

WHOLE = "The whole answer, from its first word to its very last one."


class BuiltIn(Codex):
    """Wired by the address of the built-in provider."""

    def wire(self, home: Path, line: Line) -> Wiring:
        with (home / ".codex" / "config.toml").open("a") as file:
            file.write(f'openai_base_url = "{line.url}/v1"\nmodel = "{line.model}"\n')
        return Wiring({"CODEX_API_KEY": line.key})


def check_socket(made: Pairing) -> None:
    """Only over a WebSocket does Codex make ready first, and only there with ``generate: false``."""
    written = made.records()
    operations = [record.fields["operation"] for record in written]
    assert operations[0] == "prepare", made.report()
    assert set(operations[1:]) == {"generate"}, made.report()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_session_over_one_socket(provider: str, tmp_path: Path) -> None:
    with paired(BuiltIn("gpt-5.5"), PROVIDERS[provider], by_grammar, tmp_path) as made:
        run = made.run_wired("Write the notes.")
        shown = made.report(run)
        assert run.code == 0, shown
        assert run.stdout.strip() == "Patched ✓.", shown
        assert (made.folder / "notes.txt").read_text() == "first\n“second” \\n 🚂\n", shown
        assert made.standin.surprises == made.standin.refusals == [], shown
        results = [[result.text for result in asked.last_results] for asked in made.standin.asked]
        assert [len(texts) for texts in results] == [0, 1, 1], shown
        assert "“second”" in results[2][0], shown
        check_socket(made)
        assert all(record.ok for record in made.records()), shown


def test_trunkline_launch_wires_a_socket(tmp_path: Path) -> None:
    with paired(Codex("gpt-5.5"), PROVIDERS["messages"], by_grammar, tmp_path) as made:
        run = made.run("Write the notes.")
        made.check(run)
        shown = made.report(run)
        assert run.stdout.strip() == "Patched ✓.", shown
        assert "websocket" not in run.stderr.lower(), shown
        check_socket(made)


def stumbling(folder: Path) -> Script:
    command = {"cmd": "echo a line > notes.txt", "login": False}
    return [
        failures.rate_limited(retry_after="1"),
        turn("I write.", Call("exec_command", command), delivery=Delivery(after=7, end="cut")),
        turn("I write.", Call("exec_command", command)),
        say(WHOLE, delivery=Delivery(after=4, end="cut")),
        say(WHOLE),
    ]


def test_a_limit_and_cut_streams_over_the_socket_are_not_seen(tmp_path: Path) -> None:
    with paired(BuiltIn("gpt-5.5"), PROVIDERS["messages"], stumbling, tmp_path) as made:
        run = made.run_wired("Write a note.")
        shown = made.report(run)
        assert run.code == 0, shown
        assert run.stdout.strip() == WHOLE, shown
        assert (made.folder / "notes.txt").read_text() == "a line\n", shown
        assert made.standin.surprises == [], shown
        assert len(made.standin.asked) == 5, shown
        check_socket(made)


def test_an_unknown_model_over_the_socket_is_named_at_once(tmp_path: Path) -> None:
    nothing: Callable[[Path], Script] = lambda _: ()  # noqa: E731
    with paired(BuiltIn(), PROVIDERS["chat"], nothing, tmp_path, any_model=False) as made:
        run = made.run_wired("Hello?")
        shown = made.report(run)
        assert run.code != 0, shown
        assert "any-model" in run.stderr, shown
        assert "main-model" in run.stderr, shown

"""Codex as it is without a provider of its own in its configuration: Responses over WebSocket, towards other protocols."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agents.pairing import Provider, paired
from agents.programs import Line, Wiring
from agents.programs.codex import Codex
from agents.records import records
from standin import (
    AnthropicStandIn,
    Asked,
    GeminiStandIn,
    OpenAIStandIn,
    Script,
    Scripted,
    Server,
    say,
    turn,
)

pytestmark = pytest.mark.agent


def _at(protocol: str, base: str = "") -> Callable[[Server], dict[str, object]]:
    def section(standin: Server) -> dict[str, object]:
        return {"kind": "custom", "speaks": {protocol: standin.url + base}, "key": standin.token}

    return section


MESSAGES, CHAT, GEMINI = "anthropic_messages", "openai_chat", "gemini"
PROVIDERS = (
    Provider(MESSAGES, "claude-sonnet-4-5", ("/v1/messages",), AnthropicStandIn, _at(MESSAGES)),
    Provider(CHAT, "gpt-5", ("/chat/completions",), OpenAIStandIn, _at(CHAT, "/v1")),
    Provider(GEMINI, "gemini-3.1-pro-preview", ("Content",), GeminiStandIn, _at(GEMINI)),
)


class SocketCodex(Codex):
    """Its built-in provider, which prefers a socket, at another address."""

    resumes = False

    def wire(self, home: Path, line: Line) -> Wiring:
        (home / ".codex" / "config.toml").write_text(
            f"""\
model = "{line.model}"
openai_base_url = "{line.url}/v1"
check_for_update_on_startup = false
web_search = "disabled"
analytics.enabled = false
"""
        )
        return Wiring({"CODEX_API_KEY": line.key})

    def ask(self, prompt: str, *, again: bool) -> list[str]:
        return super().ask(prompt, again=again or self.resumes)


def work(program: Codex, folder: Path) -> Script:
    steps = [
        turn("I write.", program.write(folder / "notes.txt", "one\ntwo\n")),
        turn(program.shell("wc -l < notes.txt; exit 3")),
        say("All done."),
        turn(program.shell("cat notes.txt")),
        say("Still here."),
    ]

    def script(asked: Asked) -> Scripted:
        return steps[asked.turns] if asked.tools else say("A title")

    return script


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.protocol)
def test_codex_works_over_a_socket(provider: Provider, tmp_path: Path) -> None:
    program = SocketCodex()
    with paired(program, provider, lambda folder: work(program, folder), tmp_path) as made:
        run = made.run_wired("Do the work.")
        shown = made.report(run)
        assert run.code == 0, shown
        assert program.said(run).endswith("All done."), shown
        assert (made.folder / "notes.txt").read_text() == "one\ntwo\n"
        program.resumes = True
        again = made.run_wired("Still there?")
        shown = made.report(again)
        assert program.said(again).endswith("Still here."), shown
        assert made.standin.refusals == [], shown
        assert made.standin.surprises == [], shown
        written = records(made.gateway, at_least=len(made.standin.asked))
        assert all(record.ok for record in written), shown
        operations = [record.fields["operation"] for record in written]
        assert operations.count("generate") == len(made.standin.asked), shown
        assert operations.count("prepare") == 2, f"only a socket prepares: {shown}"
        results = [
            [result.text for result in asked.last_results] for asked in made.standin.asked if asked.tools
        ]
        assert [len(texts) for texts in results] == [0, 1, 1, 0, 1], shown

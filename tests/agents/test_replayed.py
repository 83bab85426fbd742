"""Crush and ForgeCode, which no registry has: their requests on providers that speak another protocol."""

from pathlib import Path

import pytest

from agents.gateway import serve
from agents.pairing import KEY, PROVIDERS, yaml
from agents.records import records
from agents.replay import REPLAYED
from standin import Asked, Call, Scripted, Think, say, turn

pytestmark = pytest.mark.server

NOTES = "first\n\n\ttabs, “quotes”, 🚂 \u2028 and a lone \\ backslash\n"
ABROAD = [name for name, provider in PROVIDERS.items() if provider.protocol != "openai_chat"]


@pytest.mark.parametrize("provider", ABROAD)
@pytest.mark.parametrize("agent", REPLAYED)
def test_a_replayed_agent_works_with_files_and_commands(agent: str, provider: str, tmp_path: Path) -> None:
    place = "file_path" if agent == "crush" else "path"
    shell = "bash" if agent == "crush" else "shell"
    steps = [
        turn(Think("A file."), "I write. ✓", Call("write", {place: "notes.txt", "content": NOTES})),
        turn(Call(shell, {"command": "cat notes.txt; echo over-4''2", "description": "Look"})),
        turn(
            "Both.",
            Call("write", {place: "two.txt", "content": "two\n"}),
            Call(shell, {"command": "echo th''ree", "description": "Say"}),
        ),
        say("All done ✓."),
    ]

    def script(asked: Asked) -> Scripted:
        return steps[asked.turns]

    abroad = PROVIDERS[provider]
    with abroad.standin(script) as standin, serve(yaml(abroad, standin), tmp_path) as gateway:
        work = tmp_path / "work"
        work.mkdir()
        answer = REPLAYED[agent].work(gateway.url, KEY, work)
        assert answer.text == "All done ✓."
        assert answer.usage is not None
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
        assert (work / "notes.txt").read_text() == NOTES
        assert (work / "two.txt").read_text() == "two\n"
        assert standin.refusals == standin.surprises == []
        results = [[result.text for result in asked.last_results] for asked in standin.asked]
        assert [len(texts) for texts in results] == [0, 1, 1, 2]
        assert "over-42" in results[2][0]
        assert "“quotes”, 🚂 \u2028 and a lone \\ backslash" in results[2][0]
        assert any("three" in text for text in results[3])
        written = records(gateway, at_least=4)
        assert [(record.ok, record.attempts) for record in written] == [(True, 1)] * 4, gateway.log

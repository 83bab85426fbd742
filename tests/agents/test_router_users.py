"""Users of claude-code-router change nothing but the command: ``trunkline code`` on their ``config.json``."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agents.gateway import SOURCE
from agents.install import claude_code
from agents.process import Run, run
from agents.programs.claude import QUIET
from standin import Call, GeminiStandIn, OpenAIFlags, OpenAIStandIn, Script, Server, Think, turn

pytestmark = pytest.mark.agent

NOTES = "first\n\n\ttabs, “quotes”, 🚂\n"


@dataclass(frozen=True)
class Kind:
    """A provider as it stands in a configuration: path, transformers, model; and the one that stands in for it."""

    path: str
    use: tuple[str, ...]
    model: str
    standin: Callable[[Script], Server]


def _reasoner(script: Script) -> Server:
    """Shows its reasoning and wants it back with its calls."""
    return OpenAIStandIn(
        script, OpenAIFlags(models=frozenset({"deepseek-reasoner"}), chat_reasoning="required")
    )


KINDS = {
    "openai-compatible": Kind("/v1/chat/completions", (), "gpt-5", OpenAIStandIn),
    "deepseek": Kind("/v1/chat/completions", ("deepseek",), "deepseek-reasoner", _reasoner),
    "gemini": Kind("/v1beta/models/", ("gemini",), "gemini-3.1-pro-preview", GeminiStandIn),
    "responses": Kind("/v1/responses", ("openai-responses",), "gpt-5.5", OpenAIStandIn),
}


def config(kind: Kind, standin: Server) -> str:
    provider = {
        "name": "there",
        "api_base_url": standin.url + kind.path,
        "api_key": "$THERE_KEY",
        "models": [kind.model],
        **({"transformer": {"use": list(kind.use)}} if kind.use else {}),
    }
    router = dict.fromkeys(("default", "background", "think"), f"there, {kind.model}")
    return (
        f"// as its users write it\n{json.dumps({'LOG': True, 'Providers': [provider], 'Router': router})}"
    )


@dataclass(frozen=True)
class User:
    """Somebody with a home, whose router is configured."""

    home: Path
    folder: Path
    key: str

    def trunkline(self, *arguments: str) -> Run:
        environment = {
            "HOME": str(self.home),
            "PATH": f"{self.home / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(SOURCE),
            "THERE_KEY": self.key,
            "SERVICE_PORT": "0",
            "TRUNKLINE_START_TIMEOUT": "60",
            **QUIET,
        }
        return run([sys.executable, "-m", "trunkline", *arguments], self.folder, environment, timeout=240.0)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_claude_code_writes_a_file_through_the_configuration_of_ccr(kind: Kind, tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "work"
    (home / ".claude-code-router").mkdir(parents=True)
    (home / "bin").mkdir()
    folder.mkdir()
    (home / "bin" / "claude").symlink_to(claude_code())
    script = [
        turn(
            Think("A file is wanted."),
            Call("Write", {"file_path": str(folder / "notes.txt"), "content": NOTES}),
        ),
        turn(Think("That is all."), "Written."),
    ]
    with kind.standin(script) as standin:
        (home / ".claude-code-router" / "config.json").write_text(config(kind, standin))
        user = User(home, folder, standin.token)
        try:
            ended = user.trunkline("code", "-p", "Write the notes.", "--permission-mode", "acceptEdits")
        finally:
            stopped = user.trunkline("stop")
    logs = "".join(file.read_text() for file in (home / ".claude-code-router" / "logs").glob("ccr-*.log"))
    shown = f"{ended}\n{stopped}\n{standin.refusals}\n{standin.surprises}\n{logs[-4000:]}"
    assert stopped.stdout.startswith("Stopped: "), shown
    assert (ended.code, ended.stdout.strip()) == (0, "Written."), shown
    assert (folder / "notes.txt").read_text() == NOTES, shown
    assert standin.refusals == [], shown
    assert {asked.model for asked in standin.asked} == {kind.model}, shown
    assert len(standin.asked[-1].last_results) == 1, shown
    assert f'"model":"{kind.model}"' in logs
    assert standin.token not in logs

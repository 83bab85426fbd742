"""What a test needs to know of an agent: how to wire it, how to ask it, what its tools are called."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from agents.process import Run
from standin import Call


@dataclass(frozen=True, slots=True)
class Line:
    """Where the model is for an agent: the gateway's address, a client key, a model."""

    url: str
    key: str
    model: str


@dataclass(frozen=True, slots=True)
class Wiring:
    """What sends an agent to the gateway: variables and arguments; files are written by then."""

    environment: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


class Program(Protocol):
    """One agent."""

    name: str
    """Its command, which is also what the launcher calls it."""
    protocol: str
    """What it speaks."""
    model: str
    """A model name that it knows nothing about."""

    def commands(self) -> Path:
        """The folder of its command, installed if need be."""
        ...

    def settle(self, home: Path) -> dict[str, str]:
        """A user's own settings, in files below ``home`` and in variables: nothing but loopback is called."""
        ...

    def wire(self, home: Path, line: Line) -> Wiring:
        """As its own documentation says; writes what it needs below ``home``, which is settled."""
        ...

    def ask(self, prompt: str, *, again: bool) -> list[str]:
        """Arguments for one prompt without a terminal. ``again``: in the last session of this folder."""
        ...

    def said(self, run: Run) -> str:
        """What the agent showed its user as the answer."""
        ...

    def write(self, path: Path, content: str) -> Call:
        """The call of its tool that writes a file."""
        ...

    def shell(self, command: str) -> Call:
        """The call of its tool that runs a command."""
        ...


def merge_json(path: Path, **added: object) -> None:
    """Puts keys into a settings file, which need not exist."""
    known = json.loads(path.read_text()) if path.exists() else {}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(known | added))


def json_events(run: Run) -> list[dict[str, object]]:
    """The JSON objects that a run printed, one a line."""
    lines = [line for line in run.stdout.splitlines() if line.startswith("{")]
    return [json.loads(line) for line in lines]

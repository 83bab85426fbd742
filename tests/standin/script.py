"""What the model says: turns, failures and tapes, in a list or as a function of the request."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from standin.asked import Asked
from standin.sample import sample
from standin.wire import AT_ONCE, Delivery, Reply

FIXTURES = Path(__file__).parent.parent / "fixtures" / "databricks"


@dataclass(frozen=True, slots=True)
class Text:
    """Text of the answer, sent in small pieces."""

    text: str


@dataclass(frozen=True, slots=True)
class Think:
    """Thinking. The workspace signs it and wants it back. ``redacted``: only its encrypted form."""

    text: str
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call. ``raw`` replaces the encoded arguments, broken ones included."""

    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    raw: str | None = None
    id: str | None = None
    """None: made up in the family's form."""


Part = Text | Think | Call


@dataclass(frozen=True, slots=True)
class Tokens:
    """Usage as Anthropic counts it: ``input`` without the cached part. None: estimated."""

    input: int | None = None
    output: int | None = None
    cache_read: int = 0
    cache_write: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of the model, rendered in whatever surface was asked."""

    parts: tuple[Part, ...]
    stop: Literal["end_turn", "tool_use", "max_tokens", "stop_sequence", "refusal"] | None = None
    """None: by whether there are calls."""
    tokens: Tokens = Tokens()
    delivery: Delivery = AT_ONCE

    @property
    def stop_reason(self) -> str:
        return self.stop or (
            "tool_use" if any(isinstance(part, Call) for part in self.parts) else "end_turn"
        )


@dataclass(frozen=True, slots=True)
class Tape:
    """Recorded bytes, replayed as they are. ``file`` is a path or a name in the Databricks fixtures."""

    file: str | Path
    status: int = 200
    content_type: str | None = None
    delivery: Delivery = AT_ONCE

    @property
    def path(self) -> Path:
        return self.file if isinstance(self.file, Path) else FIXTURES / self.file


Scripted = Turn | Tape | Reply
Script = Sequence[Scripted] | Callable[[Asked], Scripted]


def say(text: str, *, tokens: Tokens = Tokens(), delivery: Delivery = AT_ONCE) -> Turn:
    """A turn of text alone."""
    return Turn((Text(text),), tokens=tokens, delivery=delivery)


def use(name: str, /, **arguments: object) -> Turn:
    """A turn of one tool call alone."""
    return Turn((Call(name, arguments),))


def turn(*parts: Part | str, tokens: Tokens = Tokens(), delivery: Delivery = AT_ONCE) -> Turn:
    """A turn of several parts; bare strings are text."""
    known = tuple(Text(part) if isinstance(part, str) else part for part in parts)
    return Turn(known, tokens=tokens, delivery=delivery)


class ScriptEnded(Exception):
    """The model was asked more often than the script says."""


class Player:
    """Walks through a script, one step for each question that reached the model.

    Questions on the side (a title as structured output, without tools) are answered without a step.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._position = 0

    @property
    def remaining(self) -> int:
        """Steps of a list that were not asked for; 0 for a function."""
        return 0 if callable(self._script) else len(self._script) - self._position

    def next(self, asked: Asked) -> Scripted:
        if callable(self._script):
            return self._script(asked)
        if asked.schema is not None and not asked.tools:
            wanted = asked.schema or {"type": "object", "required": ["title"]}
            return say(json.dumps(sample(wanted), separators=(",", ":")))
        if self._position >= len(self._script):
            raise ScriptEnded(f"step {self._position + 1} of a script of {len(self._script)}")
        step = self._script[self._position]
        self._position += 1
        return step


def conversations(**scripts: Script) -> Callable[[Asked], Scripted]:
    """Several scripts at once, each for the conversation whose first user text holds its name.

    The longest matching name wins, so that a sub-agent's name may contain its parent's.
    """
    players = {name: Player(script) for name, script in scripts.items()}

    def choose(asked: Asked) -> Scripted:
        names = [name for name in players if name in asked.first_user_text]
        if not names:
            raise ScriptEnded(f"no script of {sorted(players)} is named in the conversation")
        return players[max(names, key=len)].next(asked)

    return choose

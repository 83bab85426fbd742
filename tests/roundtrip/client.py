"""What all clients of these tests have in common: a conversation, its calls, and the tools they offer."""

import json
from dataclasses import dataclass, field

from roundtrip.wire import Json

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SYSTEM = "You are a careful agent. Work in small steps."
SCHEMA: Json = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "description": "Where"},
        "depth": {"type": ["integer", "null"], "minimum": 0},
        "kind": {"type": "string", "enum": ["file", "folder"]},
    },
    "required": ["path"],
    "additionalProperties": False,
}
TOOLS: tuple[tuple[str, str, Json], ...] = (
    ("look", "Look at a place.", SCHEMA),
    (
        "write",
        "Write a file.",
        {"type": "object", "properties": {"path": {"type": "string"}, "text": {"type": "string"}}},
    ),
    ("now", "The time.", {"type": "object", "properties": {}}),
)


@dataclass(frozen=True, slots=True)
class Called:
    """A call as the client understood it."""

    id: str
    name: str
    arguments: Json


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gave back."""

    text: str
    failed: bool = False
    image: bool = False


@dataclass
class Client:
    """A client in mid-conversation. Subclasses know one protocol and one habit of sending back."""

    habit: str
    stream: bool
    model: str = ""
    system: str = SYSTEM
    history: list[Json] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    """What the model said, an entry a turn."""

    protocol = ""

    @property
    def name(self) -> str:
        return f"{self.protocol}-{self.habit}"

    def say(self, text: str, *, image: bool = False) -> None:
        """The user speaks."""
        raise NotImplementedError

    def results(self, calls: list[Called], results: list[Result]) -> None:
        """The tools are done, in the order of their calls."""
        raise NotImplementedError

    def instruct(self, text: str) -> None:
        """The agent itself says something in mid-conversation, in the way its kind does."""
        raise NotImplementedError

    def request(self) -> bytes:
        """The body of the next request."""
        return json.dumps(self.body(), ensure_ascii=False).encode()

    def body(self) -> Json:
        """The next request."""
        raise NotImplementedError

    def hear(self, body: bytes) -> list[Called]:
        """Takes an answer into the history; the calls it holds."""
        raise NotImplementedError

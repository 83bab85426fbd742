"""What a provider's prompt cache goes by, in the bytes it was sent.

Of a body that is, per protocol, the head (system prompt and tools) and the list of turns, without the whitespace
between JSON's tokens, which no model sees, and with a text alone as a string, which means the same as a list of it
(a mark needs the list). Cache marks are left out: they wander to the end of a conversation, and mark the same
content wherever they stand.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

import msgspec
from msgspec import Raw

HEAD = {
    "anthropic_messages": ("system", "tools"),
    "openai_chat": ("tools",),
    "openai_responses": ("instructions", "tools"),
    "gemini": ("systemInstruction", "tools"),
}
TURNS = {
    "anthropic_messages": "messages",
    "openai_chat": "messages",
    "openai_responses": "input",
    "gemini": "contents",
}
_MARK = rb'"cache_control":\{[^{}]*\}'
_MARKS = re.compile(rb"(," + _MARK + rb")|(" + _MARK + rb",)")
_ALONE = re.compile(rb'"content":\[\{"type":"text","text":("(?:[^"\\]|\\.)*")\}\]')
_FIELDS = msgspec.json.Decoder(dict[str, Raw])


@dataclass(frozen=True, slots=True)
class Prefix:
    """Both parts as bytes; ``turns`` without the bracket that closes the list."""

    head: tuple[bytes, ...]
    turns: bytes

    def grew_to(self, later: "Prefix") -> bool:
        """Whether ``later`` begins with all of this, at the border of a turn."""
        rest = later.turns.removeprefix(self.turns)
        begins = later.turns.startswith(self.turns) and rest[:1] in (b",", b"")
        return begins and later.head == self.head


def prefix_of(protocol: str, body: bytes) -> Prefix:
    """The cached parts of a body."""
    fields = _FIELDS.decode(body)
    head = tuple(_unmarked(bytes(fields.get(name, b""))) for name in HEAD[protocol])
    turns = _unmarked(bytes(fields[TURNS[protocol]]))
    assert turns[:1] == b"[", turns[:20]
    return Prefix(head, turns[:-1])


def _unmarked(data: bytes) -> bytes:
    if not data:
        return data
    return _ALONE.sub(rb'"content":\1', _MARKS.sub(b"", msgspec.json.format(data, indent=-1)))


def breaks(protocol: str, bodies: list[bytes]) -> list[int]:
    """The places of the bodies that are no extension of the one before."""
    found = [prefix_of(protocol, body) for body in bodies]
    return [place for place, (before, after) in enumerate(pairwise(found), 1) if not before.grew_to(after)]

"""claude-code-router's mark for a subagent's model, which stands in the prompt itself (ccr.md 2.2, 7 row 3)."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Raw, Struct, field

from trunkline.routing.pictures import NO_RAW

MARK: Final = b"<CCR-SUBAGENT-MODEL>"
"""How one begins."""
_TAG: Final = re.compile(
    rb"<CCR-SUBAGENT-MODEL>((?:[^\"<\\]|\\.){1,400}?)<(?:/|\\/)CCR-SUBAGENT-MODEL>(?:\\n)*"
)
"""In a JSON text, where it may be escaped; the line ends behind it go with it."""
USER_TURNS: Final = 2
"""The first ones, in which agents put a subagent's prompt. Later ones are what it works on."""


class Tagged(Struct, frozen=True):
    """The model that a prompt names, and the request without the mark."""

    model: str
    body: bytes


class _Said(Struct):
    """A turn, or one of its parts: only its text is looked at, never a tool's result."""

    type: str | None = None
    role: str | None = None
    text: Raw = NO_RAW
    content: Raw = NO_RAW
    parts: Raw = NO_RAW


class _Body(Struct):
    system: Raw = NO_RAW
    instructions: Raw = NO_RAW
    gemini: Raw = field(default=NO_RAW, name="systemInstruction")
    gemini_snake: Raw = field(default=NO_RAW, name="system_instruction")
    messages: Raw = NO_RAW
    input: Raw = NO_RAW
    contents: Raw = NO_RAW


_BODY: Final = msgspec.json.Decoder(_Body)
_ITEMS: Final = msgspec.json.Decoder(list[Raw])
_SAID: Final = msgspec.json.Decoder(_Said)
_TEXTS: Final = frozenset({None, "text", "input_text", "message"})
_FIRST: Final = frozenset({"system", "developer"})


def may_hold_tag(body: bytes) -> bool:
    """Whether there is such a mark in any part of a body."""
    return MARK in body


def find_tag(body: bytes) -> Tagged | None:
    """The first mark in the system prompt or in the first user turns, in any protocol. Never raises."""
    if not may_hold_tag(body):
        return None
    try:
        return next(_tags(body), None)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _tags(body: bytes) -> Iterator[Tagged]:
    fields = _BODY.decode(body)
    turns = next((raw for raw in (fields.messages, fields.input) if bytes(raw)), fields.contents)
    places = [fields.system, fields.instructions, fields.gemini, fields.gemini_snake, *_opening(turns)]
    for place in places:
        for text in _texts(place):
            match = _TAG.search(text)
            model = b"" if match is None else match[1]
            if match is None or not (named := msgspec.json.decode(b'"%s"' % model, type=str).strip()):
                continue
            start = body.index(text) + match.start()
            yield Tagged(named, body[:start] + body[start + len(match[0]) :])


def _opening(turns: Raw) -> list[Raw]:
    """Turns of the system and the first of the user; a conversation of one text is such a turn."""
    if bytes(turns)[:1] != b"[":
        return [turns]
    found: list[Raw] = []
    users = 0
    for raw in _ITEMS.decode(turns):
        role = _SAID.decode(raw).role
        users += role == "user"
        if role in _FIRST or (role == "user" and users <= USER_TURNS):
            found.append(raw)
    return found


def _texts(raw: Raw, depth: int = 0) -> Iterator[bytes]:
    """The texts in a value, as they stand in the body."""
    start = bytes(raw)[:1]
    if start == b'"':
        yield bytes(raw)
    elif start == b"[" and depth < 4:
        for item in _ITEMS.decode(raw):
            yield from _texts(item, depth + 1)
    elif start == b"{" and depth < 4:
        said = _SAID.decode(raw)
        if said.type in _TEXTS:
            for inner in (said.text, said.content, said.parts):
                yield from _texts(inner, depth + 1)

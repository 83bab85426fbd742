"""A configuration file as a tree of values that know their line, whatever format it was written in."""

from typing import Literal, final

from msgspec import Struct


@final
class Scalar(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """A leaf. ``text`` is as written, without quotes; it may be a secret, so it is never shown."""

    line: int
    text: str
    kind: Literal["text", "number", "flag", "nothing"]

    def __repr__(self) -> str:
        return f"Scalar(line={self.line}, kind={self.kind})"


@final
class Sequence(Struct, frozen=True, kw_only=True):
    """A list."""

    line: int
    items: tuple["Node", ...]


@final
class Entry(Struct, frozen=True, kw_only=True):
    """One key of a mapping; ``line`` is the key's."""

    key: str
    line: int
    node: "Node"


@final
class Mapping(Struct, frozen=True, kw_only=True):
    """Keys and values in order; keys are unique."""

    line: int
    entries: tuple[Entry, ...]


Node = Scalar | Sequence | Mapping


def describe(node: Node) -> str:
    """What a node is, in a user's words."""
    match node:
        case Mapping():
            return "a section with keys"
        case Sequence():
            return "a list"
        case Scalar(kind="text"):
            return "text"
        case Scalar(kind="number"):
            return "a number"
        case Scalar(kind="flag"):
            return "true or false"
        case Scalar():
            return "empty"


def line_of(node: Node, key: str) -> int | None:
    """The line of a dotted ``key``, or of the deepest part of it that exists.

    Names may hold dots themselves: the longest that fits wins.
    """
    if not isinstance(node, Mapping):
        return None
    for entry in sorted(node.entries, key=lambda entry: -len(entry.key)):
        if key == entry.key:
            return entry.line
        if key.startswith(entry.key + "."):
            return line_of(entry.node, key[len(entry.key) + 1 :]) or entry.line
    return None


def plain(node: Node) -> object:
    """The same as dictionaries, lists, text, numbers, booleans and None. Holds whatever secrets the file holds."""
    match node:
        case Mapping():
            return {entry.key: plain(entry.node) for entry in node.entries}
        case Sequence():
            return [plain(item) for item in node.items]
        case Scalar(kind="number"):
            return int(node.text) if node.text.lstrip("+-").isdecimal() else float(node.text)
        case Scalar(kind="flag"):
            return node.text == "true"
        case Scalar(kind="nothing"):
            return None
        case Scalar():
            return node.text

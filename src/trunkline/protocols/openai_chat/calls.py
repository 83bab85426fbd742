"""Which call a piece belongs to: by index, by id, by name, whatever the vendor got right (E21 to E26)."""

import hashlib
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from trunkline.protocols.openai_chat.wire import OBJECT, WireCall, arguments_text

PSEUDO_TOOL: Final = "databricks-tool-call"
"""Databricks sometimes wraps the real call in this one (databricks.md 3.4)."""


def complete(arguments: str) -> bool:
    """Whether the arguments are a whole JSON object. ``{}`` may still be a placeholder (databricks.md 4.2)."""
    if arguments[-1:].rstrip() != "}" and not arguments.rstrip().endswith("}"):
        return False
    try:
        OBJECT.decode(arguments)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return False
    return True


def made_up_id(seed: str, ordinal: int, name: str) -> str:
    """An id for a call that came without one: the same for the same answer, streamed or whole."""
    digest = hashlib.sha256(f"{seed}\0{ordinal}\0{name}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"call_{ordinal}_{digest[:16]}"


def unwrapped(name: str, arguments: str) -> tuple[str, str]:
    """The real name and arguments of a call; others come out as they are."""
    if name != PSEUDO_TOOL:
        return name, arguments
    try:
        fields = OBJECT.decode(arguments)
        real = msgspec.json.decode(fields.pop("name", b""), type=str)
    except msgspec.DecodeError:
        return name, arguments
    for key in ("arguments", "parameters", "input"):
        if key in fields:
            return real, arguments_text(_ARGUMENTS.decode(fields[key])) or "{}"
    return real, msgspec.json.encode(fields).decode()


_ARGUMENTS: Final = msgspec.json.Decoder(str | dict[str, msgspec.Raw] | None)


class Call:
    """A call as far as it came. ``pieces`` are its arguments; ``sent`` counts those already passed on."""

    __slots__ = ("id", "key", "kind", "name", "ordinal", "pieces", "proof", "sent")

    def __init__(self, ordinal: int) -> None:
        self.ordinal = ordinal
        self.id = ""
        """Empty until one is made up: none came, or a mere number, which the next answer has again."""
        self.key = ""
        """What the vendor calls it."""
        self.name = ""
        self.kind: Literal["function", "custom"] = "function"
        self.proof: str | None = None
        self.pieces: list[str] = []
        self.sent = 0

    @property
    def arguments(self) -> str:
        """All that came so far."""
        return "".join(self.pieces)

    def add(self, piece: str) -> None:
        """More arguments. A lone ``{}`` before real pieces was a placeholder and goes."""
        if not piece:
            return
        if self.sent == 0 and self.pieces and piece.lstrip()[:1] == "{" and self.arguments == "{}":
            self.pieces.clear()
        self.pieces.append(piece)

    @property
    def done(self) -> bool:
        """Its arguments are whole, so that whatever comes next is something else."""
        return self.kind == "function" and complete(self.arguments)


class Calls:
    """All calls of one answer, in order of first appearance."""

    def __init__(self) -> None:
        self.order: list[Call] = []
        self._by_index: dict[int, Call] = {}
        self._by_id: dict[str, Call] = {}

    def take(self, wires: Sequence[WireCall]) -> list[Call]:
        """Adds one chunk's entries; returns the calls that are new, in order."""
        before = len(self.order)
        for wire in wires:
            self._take(wire, before)
        return self.order[before:]

    def _take(self, wire: WireCall, before: int) -> None:
        custom = wire.custom if wire.type == "custom" else None
        function = wire.function
        name = (custom.name if custom else function.name if function else None) or ""
        piece = (custom.input or "") if custom else arguments_text(function.arguments) if function else ""
        call = self._find(wire, name, piece, before)
        if call is None:
            if not (name or wire.key):
                return  # a stray piece of nothing
            call = self._open(wire)
        if wire.index is not None:
            self._by_index[wire.index] = call
        if wire.key and not call.key:
            call.key = wire.key
            call.id = "" if wire.key.isdecimal() else wire.key
            self._by_id[wire.key] = call
        if custom is not None:
            call.kind = "custom"
        call.name = call.name or name
        call.proof = call.proof or wire.proof
        call.add(piece)

    def _open(self, wire: WireCall) -> Call:
        call = Call(len(self.order))
        self.order.append(call)
        if wire.key and wire.key in self._by_id:  # an id that repeats for a new call (E21)
            call.key = f"{wire.key}_{call.ordinal}"
            call.id = "" if wire.key.isdecimal() else call.key
        return call

    def _find(self, wire: WireCall, name: str, piece: str, before: int) -> Call | None:
        """The call this entry continues; None when it opens a new one."""
        known = self._by_id.get(wire.key) if wire.key else None
        if known is not None:
            return None if name and piece and known.done and known.arguments != "{}" else known
        found = self._by_index.get(wire.index) if wire.index is not None else None
        if found is None and self.order and (wire.index is None or not (name or wire.key)):
            found = self.order[-1]
        if found is None:
            return None
        if not name:  # nothing can open without a name: a changing or late id means nothing
            return found
        if wire.key and found.key:
            return None
        if not found.name:
            return found
        if found.ordinal >= before or found.done:  # named twice in one chunk, or after a whole call
            return None
        return None if wire.index is None or name != found.name else found

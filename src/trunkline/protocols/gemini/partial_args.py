"""Arguments that Vertex streams in pieces: values by path, strings growing, put together here (E97)."""

import re
from itertools import pairwise
from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.errors import GatewayError, Kind
from trunkline.protocols.gemini.untyped import as_list, as_object
from trunkline.protocols.gemini.wire import Call, encode, given

MAX_SIZE: Final = 16 * 1024 * 1024
"""Bytes of arguments of one call."""
_MAX_INDEX: Final = 100_000
_STEP: Final = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]|\[(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\")\]")


class _Piece(Struct, rename="camel"):
    json_path: str = "$"
    string_value: str | None = None
    number_value: Raw = Raw(b"")
    bool_value: bool | None = None
    null_value: Raw = Raw(b"")


_piece: Final = msgspec.json.Decoder(_Piece)


class _Growing:
    """A string that may go on."""

    __slots__ = ("pieces",)

    def __init__(self) -> None:
        self.pieces: list[str] = []


class PartialCall:
    """One call whose arguments are still coming."""

    def __init__(self, call: Call, proof: str | None) -> None:
        self.name = call.name or ""
        self.id = call.id
        self.proof = proof
        self._root: dict[str, object] = {}
        self._size = 0
        if given(call.args):
            self._root.update(msgspec.json.decode(call.args, type=dict[str, Raw]))

    def take(self, pieces: list[Raw]) -> None:
        """Adds pieces. Raises GatewayError (UPSTREAM_FAILED) for what cannot be put together."""
        for raw in pieces:
            self._size += len(bytes(raw))
            if self._size > MAX_SIZE:
                raise _broken(f"the arguments of {self.name} exceed {MAX_SIZE} bytes")
            try:
                piece = _piece.decode(raw)
            except msgspec.DecodeError as cause:
                raise _broken(f"a piece of the arguments of {self.name} cannot be read: {cause}") from cause
            self._put(piece)

    def arguments(self) -> str:
        """All of them, as JSON text."""
        return encode(_settled(self._root)).decode()

    def _put(self, piece: _Piece) -> None:
        steps = _steps(piece.json_path)
        place: object = self._root
        for step, after in pairwise(steps):
            place = _enter(place, step, [] if isinstance(after, int) else {})
        if not steps:
            return
        last = steps[-1]
        if piece.string_value is not None:
            grown = _enter(place, last, _Growing())
            if isinstance(grown, _Growing):
                grown.pieces.append(piece.string_value)
        elif given(piece.number_value):
            _set(place, last, piece.number_value)
        elif piece.bool_value is not None:
            _set(place, last, piece.bool_value)
        elif bytes(piece.null_value):
            _set(place, last, None)


def _steps(path: str) -> list[str | int]:
    """``$.a[0].b`` as keys and indexes. Raises GatewayError for what is no such path."""
    rest = path.removeprefix("$")
    steps: list[str | int] = []
    position = 0
    while position < len(rest):
        found = _STEP.match(rest, position)
        if found is None:
            raise _broken(f"a piece of arguments has an unreadable path: {path[:200]!r}")
        position = found.end()
        if found[2] is not None:
            steps.append(int(found[2]))
        else:
            steps.append(found[1] or (found[3] or found[4] or "").replace("\\'", "'").replace('\\"', '"'))
    return steps


def _enter(place: object, step: str | int, fresh: object) -> object:
    """What stands at ``step``, put there when it is missing."""
    fields, items = as_object(place), as_list(place)
    if fields is not None:
        return fields.setdefault(str(step), fresh)
    if items is not None and isinstance(step, int):
        _grow(items, step)
        if items[step] is None:
            items[step] = fresh
        return items[step]
    raise _broken("pieces of arguments contradict each other")


def _set(place: object, step: str | int, value: object) -> None:
    fields, items = as_object(place), as_list(place)
    if fields is not None:
        fields[str(step)] = value
    elif items is not None and isinstance(step, int):
        _grow(items, step)
        items[step] = value
    else:
        raise _broken("pieces of arguments contradict each other")


def _grow(items: list[object], index: int) -> None:
    if index > _MAX_INDEX:
        raise _broken(f"a piece of arguments has index {index}")
    items.extend([None] * (index + 1 - len(items)))


def _settled(value: object) -> object:
    if isinstance(value, _Growing):
        return "".join(value.pieces)
    fields, items = as_object(value), as_list(value)
    if fields is not None:
        return {name: _settled(inner) for name, inner in fields.items()}
    if items is not None:
        return [_settled(inner) for inner in items]
    return value


def _broken(message: str) -> GatewayError:
    return GatewayError(Kind.UPSTREAM_FAILED, message, local=False)

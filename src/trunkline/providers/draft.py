"""A request body while it is edited: top-level fields, what changed, and what the changes cost."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Raw

from trunkline.core.losses import Loss
from trunkline.core.splice import raw_fields, splice
from trunkline.core.surrogates import decode_lenient, mend_surrogates

RAWS: Final = msgspec.json.Decoder(list[Raw])
OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_ANY: Final = msgspec.json.Decoder()

_HARMLESS: Final[Mapping[str, frozenset[bytes]]] = {
    "n": frozenset({b"1"}),
    "parallel_tool_calls": frozenset({b"true"}),
    "store": frozenset({b"false"}),
    "background": frozenset({b"false"}),
    "logprobs": frozenset({b"false"}),
    "temperature": frozenset({b"1", b"1.0"}),
    "top_p": frozenset({b"1", b"1.0"}),
    "frequency_penalty": frozenset({b"0", b"0.0"}),
    "presence_penalty": frozenset({b"0", b"0.0"}),
    "service_tier": frozenset({b'"auto"', b'"default"'}),
}
"""Values that say what is the case anyway: leaving them out loses nothing."""

_UNMISSED: Final = frozenset({"stream_options", "betas", "anthropic_beta"})
"""Fields that steer the transport, not the answer."""

_EMPTY: Final = frozenset({b"null", b"{}", b"[]", b'""'})


class Draft:
    """Collects edits of one body; :meth:`finish` applies them all at once.

    Raises GatewayError (INVALID_REQUEST) for a body that is not a JSON object.
    """

    __slots__ = ("_body", "_changes", "_fields", "_losses")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._fields = raw_fields(body)
        self._changes: dict[str, bytes | None] = {}
        self._losses: list[Loss] = []

    def names(self) -> list[str]:
        """The fields that are there now."""
        added = [key for key in self._changes if key not in self._fields]
        return [key for key in (*self._fields, *added) if self._changes.get(key, b"") is not None]

    def raw(self, key: str) -> bytes | None:
        """The field's value as JSON, edits included; None when it is not there."""
        if key in self._changes:
            return self._changes[key]
        return self._fields.get(key)

    def value(self, key: str) -> object:
        """The field's value, decoded; None when it is absent, null or unreadable."""
        raw = self.raw(key)
        return None if raw is None else decode_any(raw)

    def members(self, key: str) -> dict[str, Raw] | None:
        """The field's own fields, undecoded; None when it is not an object."""
        raw = self.raw(key)
        return None if raw is None else decode_object(raw)

    def put(self, key: str, value: object) -> None:
        """Set a field. ``bytes`` are JSON already; anything else is encoded."""
        self._changes[key] = value if isinstance(value, bytes) else msgspec.json.encode(value)

    def drop(self, key: str, why: str | None = None) -> None:
        """Remove a field; with ``why`` that is a loss, unless its value changed nothing."""
        raw = self.raw(key)
        if raw is None:
            return
        self._changes[key] = None
        if why is not None and not _means_nothing(key, raw):
            self.lose(key, why)

    def lose(self, field: str, why: str) -> None:
        """Record a loss, once a field."""
        if all(loss.field != field for loss in self._losses):
            self._losses.append(Loss(field, why))

    def finish(self) -> tuple[bytes, tuple[Loss, ...]]:
        """The edited body, the very same object when nothing changed, and the losses."""
        edits = {
            key: value
            for key, value in self._changes.items()
            if (key in self._fields or value is not None)
            and (value is None or key not in self._fields or self._fields[key] != value)
        }
        return (splice(self._body, edits) if edits else self._body), tuple(self._losses)


def _means_nothing(key: str, raw: bytes) -> bool:
    return key in _UNMISSED or raw in _EMPTY or raw in _HARMLESS.get(key, ())


def decode_any(raw: bytes) -> object:
    """JSON as plain values; None for what cannot be read."""
    try:
        return decode_lenient(_ANY, raw)
    except msgspec.DecodeError:
        return None


def decode_items(raw: bytes | None) -> list[Raw] | None:
    """The elements of a JSON array, undecoded, byte for byte; None when it is not one."""
    if raw is None or not raw.lstrip().startswith(b"["):
        return None
    try:
        return RAWS.decode(raw)
    except msgspec.DecodeError:
        return _decode_broken(raw)


def _decode_broken(raw: bytes) -> list[Raw] | None:
    """Elements with half surrogate pairs in them: found in mended text of the same length, cut from the real one."""
    mended = mend_surrogates(raw)
    try:
        items = RAWS.decode(mended)
    except msgspec.DecodeError:
        return None
    out: list[Raw] = []
    position = 0
    for item in map(bytes, items):
        start = mended.index(item, position)
        position = start + len(item)
        out.append(Raw(raw[start:position]))
    return out


def decode_object(raw: bytes | Raw) -> dict[str, Raw] | None:
    """The fields of a JSON object, undecoded; None when it is not one."""
    data = bytes(raw)
    if not data.lstrip().startswith(b"{"):
        return None
    try:
        return decode_lenient(OBJECT, data)
    except msgspec.DecodeError:
        return None


def join_items(items: Iterable[bytes | Raw]) -> bytes:
    """A JSON array out of its elements."""
    return b"[" + b",".join(map(bytes, items)) + b"]"


def encode_raw(value: object) -> Raw:
    """Any value as a piece of JSON."""
    return Raw(msgspec.json.encode(value))

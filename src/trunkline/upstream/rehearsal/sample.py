"""A value that satisfies the common part of JSON Schema, for calls and structured answers nobody thought up."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

_WORD: Final = "rehearsal"
_MAX_DEPTH: Final = 12
_ABSENT: Final = Raw(b"")


class _Schema(Struct, rename={"any_of": "anyOf", "one_of": "oneOf", "min_items": "minItems"}):
    type: str | list[str] | None = None
    properties: dict[str, Raw] = {}
    required: list[str] = []
    items: Raw = _ABSENT
    enum: list[Raw] = []
    const: Raw = _ABSENT
    default: Raw = _ABSENT
    any_of: list[Raw] = []
    one_of: list[Raw] = []
    minimum: float | None = None
    min_items: int = 0


_SCHEMA: Final = msgspec.json.Decoder(_Schema)
_PLAIN: Final[dict[str, bytes]] = {
    "string": msgspec.json.encode(_WORD),
    "integer": b"1",
    "number": b"1",
    "boolean": b"true",
    "null": b"null",
}


def sample(schema: bytes, given: dict[str, Raw] | None = None, depth: int = 0) -> Raw:
    """Raw JSON of the kind ``schema`` asks for: required fields only, ``given`` ones as they are.

    What the schema says in ways not read here is left out: the value may then not satisfy it.
    """
    given = given or {}
    try:
        read = _SCHEMA.decode(schema)
    except msgspec.DecodeError:
        return Raw(_object(given))
    for fixed in (read.const, read.default, *read.enum[:1]):
        if bytes(fixed):
            return fixed
    for choice in (*read.any_of, *read.one_of):
        if depth < _MAX_DEPTH and not read.properties:
            return sample(bytes(choice), given, depth + 1)
    kind = read.type[0] if isinstance(read.type, list) and read.type else read.type
    if kind == "array":
        count = read.min_items if bytes(read.items) and depth < _MAX_DEPTH else 0
        item = bytes(sample(bytes(read.items), None, depth + 1)) if count else b""
        return Raw(b"[" + b",".join([item] * count) + b"]")
    if isinstance(kind, str) and kind in _PLAIN:
        floor = read.minimum
        return Raw(str(int(floor) + 1).encode() if floor is not None and floor > 1 else _PLAIN[kind])
    values = dict(given)
    for name in read.required:
        if name not in values and depth < _MAX_DEPTH:
            values[name] = sample(bytes(read.properties.get(name, Raw(b"{}"))), None, depth + 1)
    return Raw(_object(values))


def _object(values: dict[str, Raw]) -> bytes:
    return msgspec.json.encode(values)

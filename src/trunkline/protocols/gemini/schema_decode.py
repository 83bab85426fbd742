"""The vendor's OpenAPI dialect of schemas to JSON Schema: upper-case or numbered types, ``nullable``,
snake_case names, counts written as strings. What is JSON Schema already stays byte for byte."""

import re
from typing import Final

import msgspec
from msgspec import Raw

from trunkline.protocols.gemini.spelling import camel
from trunkline.protocols.gemini.untyped import as_list, as_object
from trunkline.protocols.gemini.wire import encode

_DIALECT: Final = re.compile(
    rb'"type"\s*:\s*(?:"[A-Z]|\d)|"nullable"|"propertyOrdering"|"[a-z]+_[a-z_]+"\s*:|"m(?:in|ax)[A-Za-z]+"\s*:\s*"'
)
"""Anything that could be the dialect; names of properties may look like it and are left alone."""
_NUMBERED: Final = {
    1: "string",
    2: "number",
    3: "integer",
    4: "boolean",
    5: "array",
    6: "object",
    7: "null",
}
_COUNTS: Final = frozenset(
    {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
)
_DROPPED: Final = frozenset({"nullable", "propertyOrdering"})
_DEPTH: Final = 64
_ANY: Final = msgspec.json.Decoder()


def decode_schema(raw: Raw) -> Raw:
    """A schema in either dialect as JSON Schema. Raises msgspec.DecodeError for what is no JSON."""
    data = bytes(raw)
    if not _DIALECT.search(data):
        return raw
    value: object = _ANY.decode(data)
    changed = _schema(value, 0)
    return raw if changed == value else Raw(encode(changed))


def _schema(value: object, depth: int) -> object:
    fields = as_object(value)
    if fields is None or depth > _DEPTH:
        return value
    out: dict[str, object] = {}
    for key, inner in fields.items():
        name = camel(key)
        if name in _DROPPED:
            continue
        out[name] = _field(name, inner, depth)
    if fields.get("nullable") is True:
        _allow_null(out)
    return out


def _field(name: str, inner: object, depth: int) -> object:
    match name:
        case "type":
            return _type(inner)
        case "properties" | "$defs" | "defs" | "definitions" | "patternProperties":
            named = as_object(inner) or {}
            return {key: _schema(one, depth + 1) for key, one in named.items()}
        case "items" | "additionalProperties" | "not":
            return _schema(inner, depth + 1)
        case "anyOf" | "oneOf" | "allOf" | "prefixItems":
            return [_schema(one, depth + 1) for one in as_list(inner) or []]
        case _ if name in _COUNTS and isinstance(inner, str) and inner.isdigit():
            return int(inner)
        case _:
            return inner


def _type(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return _NUMBERED.get(value, "string")
    if isinstance(value, str) and value.isupper():
        return value.lower()
    return value


def _allow_null(schema: dict[str, object]) -> None:
    kind = schema.get("type")
    if isinstance(kind, str) and kind != "null":
        schema["type"] = [kind, "null"]
        values = as_list(schema.get("enum"))
        if values is not None and None not in values:
            schema["enum"] = [*values, None]
    elif (choices := as_list(schema.get("anyOf"))) is not None and {"type": "null"} not in choices:
        schema["anyOf"] = [*choices, {"type": "null"}]

"""Tool schemas for Gemini behind Databricks, which refuses many keywords (databricks.md 3.3)."""

from collections.abc import Mapping
from typing import Final, cast

from trunkline.providers.draft import decode_any

REFUSED: Final = frozenset({
    "$schema", "$ref", "$defs", "$id", "$comment", "additionalProperties", "const", "exclusiveMinimum",
    "exclusiveMaximum", "definitions", "propertyNames",
})  # fmt: skip

_EXPANSIONS: Final = 512
"""References written out in one schema at the most: each may hold several others."""
_VALUES: Final = frozenset({"enum", "default", "example", "required"})
"""Keywords whose values are data, not schemas."""


def gemini_schema(raw: bytes) -> object | None:
    """The schema without refused keywords and with references written out; None when it has none of them."""
    if not any(f'"{word}"'.encode() in raw for word in REFUSED):
        return None
    schema = decode_any(raw)
    if not isinstance(schema, dict):
        return None
    top = cast("dict[str, object]", schema)
    named = {
        f"#/{place}/{name}": one for place in ("$defs", "definitions") for name, one in _members(top, place)
    }
    return _plain(top, named, frozenset(), [_EXPANSIONS])


def _members(schema: Mapping[str, object], key: str) -> list[tuple[str, object]]:
    found = schema.get(key)
    return list(cast("dict[str, object]", found).items()) if isinstance(found, dict) else []


def _plain(value: object, named: Mapping[str, object], opened: frozenset[str], left: list[int]) -> object:
    if isinstance(value, list):
        return [_plain(item, named, opened, left) for item in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    schema = cast("dict[str, object]", value)
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return _written_out(schema, reference, named, opened, left)
    plain: dict[str, object] = {}
    for key, inner in schema.items():
        if key == "properties" and isinstance(inner, dict):
            # Names under "properties" are the user's, even when they look like keywords.
            fields = cast("dict[str, object]", inner)
            plain[key] = {name: _plain(one, named, opened, left) for name, one in fields.items()}
        elif key == "const":
            plain["enum"] = [inner]
        elif key in _VALUES:
            plain[key] = inner
        elif key not in REFUSED:
            plain[key] = _plain(inner, named, opened, left)
    return plain


def _written_out(
    schema: Mapping[str, object],
    reference: str,
    named: Mapping[str, object],
    opened: frozenset[str],
    left: list[int],
) -> object:
    """What a reference stands for, with what stood beside it; a circular or unknown one is any object.

    ``left[0]`` counts down what may still be written out.
    """
    beside = {key: inner for key, inner in schema.items() if key != "$ref"}
    target = named.get(reference)
    if reference in opened or not isinstance(target, dict) or not left[0]:
        return {"type": "object", **cast("dict[str, object]", _plain(beside, named, opened, left))}
    left[0] -= 1
    merged = cast("dict[str, object]", target) | beside
    return _plain(merged, named, opened | {reference}, left)

"""JSON Schema with the vocabulary that the vendor knows; words that others have added stay behind (E33)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Raw

from trunkline.core.splice import splice
from trunkline.protocols.gemini.untyped import as_list, as_object
from trunkline.protocols.gemini.wire import encode

_ANY: Final = msgspec.json.Decoder()
_DEPTH: Final = 64
_NAMED: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_LISTED: Final = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_SINGLE: Final = frozenset(
    {"items", "additionalProperties", "unevaluatedProperties", "propertyNames", "contains", "not", "if", "then", "else"}
)  # fmt: skip
_PLAIN: Final = frozenset(
    {"$id", "$ref", "$anchor", "$comment", "type", "format", "title", "description", "enum", "const", "default",
     "examples", "example", "deprecated", "readOnly", "writeOnly", "minItems", "maxItems", "uniqueItems",
     "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
     "pattern", "required", "minProperties", "maxProperties", "dependentRequired", "contentEncoding",
     "contentMediaType", "nullable", "propertyOrdering"}
)  # fmt: skip


@lru_cache(maxsize=512)  # an agent declares the same tools with every request
def _read(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    cleaner, value = _Cleaner(), _ANY.decode(data)
    clean = cleaner.schema(value, 0)
    if cleaner.rewritten:
        return encode(clean), tuple(dict.fromkeys(cleaner.lost))
    return (splice(data, {"$schema": None}) if "$schema" in (as_object(value) or ()) else data), ()


def known_words(schema: Raw) -> tuple[Raw, tuple[str, ...]]:
    """The schema without ``$schema`` and without foreign keywords, whose names come beside it.

    Where it has none, every other byte stays. Raises msgspec.DecodeError when it is no JSON.
    """
    given = bytes(schema)
    data, lost = _read(given)
    return (schema if data == given else Raw(data)), lost


class _Cleaner:
    """Walks one schema; ``lost`` names the foreign keywords that it met, ``rewritten`` says whether it took any out."""

    def __init__(self) -> None:
        self.lost: list[str] = []
        self.rewritten = False

    def schema(self, value: object, depth: int) -> object:
        """One level. Deeper than any real one it is left as it is."""
        fields = as_object(value)
        if fields is None or depth > _DEPTH:
            return value
        out: dict[str, object] = {}
        for name, inner in fields.items():
            if name == "$schema":
                self.rewritten = self.rewritten or depth > 0
            elif name in _NAMED:
                out[name] = self._named(as_object(inner), inner, depth)
            elif name in _LISTED:
                every = as_list(inner)
                out[name] = inner if every is None else [self.schema(one, depth + 1) for one in every]
            elif name in _SINGLE:
                out[name] = self.schema(inner, depth + 1)
            elif name in _PLAIN:
                out[name] = inner
            else:
                self.lost.append(name)
                self.rewritten = True
        return out

    def _named(self, schemas: Mapping[str, object] | None, inner: object, depth: int) -> object:
        if schemas is None:
            return inner
        return {name: self.schema(one, depth + 1) for name, one in schemas.items()}

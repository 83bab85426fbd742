"""JSON Schema written in the older OpenAPI subset (E33).

The subset has no references, unions of types, constants or most constraints: references are put in
place (a circle ends in an open object), the rest is said in words in the description.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

from trunkline.protocols.gemini.untyped import as_list, as_object
from trunkline.protocols.gemini.wire import encode

_ANY: Final = msgspec.json.Decoder()
_DEPTH: Final = 40
_SIZE: Final = 20_000
"""Schemas written out; a reference that multiplies beyond it ends in an open object."""
_KEPT: Final = frozenset(
    {"title", "description", "enum", "minItems", "maxItems", "minimum", "maximum", "minLength", "maxLength",
     "minProperties", "maxProperties", "pattern", "required", "default", "example"}
)  # fmt: skip
_FORMATS: Final = {
    "string": frozenset({"enum", "date-time"}),
    "integer": frozenset({"int32", "int64"}),
    "number": frozenset({"float", "double"}),
}
_SILENT: Final = frozenset(
    {"$schema", "$id", "$defs", "definitions", "$comment", "$ref", "additionalProperties", "examples",
     "readOnly", "writeOnly", "deprecated", "type", "format", "nullable", "properties", "items", "anyOf",
     "oneOf", "allOf", "const", "propertyOrdering"}
)  # fmt: skip


def subset(schema: Raw) -> Raw | None:
    """The schema in the subset; None for an object without properties, which the subset cannot say.

    Raises msgspec.DecodeError when it is no JSON.
    """
    root = as_object(_ANY.decode(schema)) or {}
    written = _Writer(root).schema(root, (), 0)
    if written.get("type") == "object" and not written.get("properties"):
        return None
    return Raw(encode(written))


class _Writer:
    """One schema on its way; ``root`` resolves its references."""

    def __init__(self, root: Mapping[str, object]) -> None:
        self._root = root
        self._count = 0

    def schema(self, value: object, trail: tuple[str, ...], depth: int) -> dict[str, object]:
        """One level. ``trail`` holds the references being followed."""
        self._count += 1
        fields = as_object(value)
        if fields is None or depth > _DEPTH or self._count > _SIZE:
            return {"type": "object"}
        reference = fields.get("$ref")
        if isinstance(reference, str):
            return self._referred(reference, fields, trail, depth)
        fields = self._merged(fields)
        out: dict[str, object] = {name: inner for name, inner in fields.items() if name in _KEPT}
        kinds, nullable = _kinds(fields)
        self._unions(fields, out, kinds, trail, depth)
        if len(kinds) == 1:
            out["type"] = kinds[0]
        elif kinds and "anyOf" not in out:
            out["anyOf"] = [{"type": kind} for kind in kinds]
        _values(fields, out)
        self._children(fields, out, trail, depth)
        if nullable or out.pop("nullable", False):
            out["nullable"] = True
        form = fields.get("format")
        if isinstance(form, str) and form in _FORMATS.get(str(out.get("type")), ()):
            out["format"] = form
        _say(fields, out)
        return out

    def _referred(
        self, reference: str, fields: dict[str, object], trail: tuple[str, ...], depth: int
    ) -> dict[str, object]:
        beside: dict[str, object] = {
            name: fields[name] for name in ("description", "title", "default") if name in fields
        }
        if reference in trail:
            return {"type": "object", "description": f"As {reference.rpartition('/')[2]} above.", **beside}
        target = self._target(reference)
        return {**self.schema(target, (*trail, reference), depth + 1), **beside}

    def _target(self, reference: str) -> object:
        found: object = self._root
        for step in reference.removeprefix("#").split("/"):
            if step:
                name = step.replace("~1", "/").replace("~0", "~")
                found = (as_object(found) or {}).get(name)
        return found

    def _merged(self, fields: dict[str, object]) -> dict[str, object]:
        """``allOf`` put together: properties and requirements add up, for the rest the outer one counts."""
        every = as_list(fields.get("allOf"))
        if not every:
            return fields
        whole: dict[str, object] = {}
        for one in [*every, {name: value for name, value in fields.items() if name != "allOf"}]:
            part = as_object(one) or {}
            reference = part.get("$ref")
            if isinstance(reference, str) and self._count < _SIZE:
                self._count += 1
                part = {**(as_object(self._target(reference)) or {}), **part}
                part.pop("$ref", None)
            properties = {
                **(as_object(whole.get("properties")) or {}),
                **(as_object(part.get("properties")) or {}),
            }
            required = [*(as_list(whole.get("required")) or []), *(as_list(part.get("required")) or [])]
            whole.update(part)
            if properties:
                whole["properties"] = properties
            if required:
                whole["required"] = list(dict.fromkeys(str(name) for name in required))
        whole.pop("allOf", None)
        return whole

    def _unions(
        self,
        fields: dict[str, object],
        out: dict[str, object],
        kinds: list[str],
        trail: tuple[str, ...],
        depth: int,
    ) -> None:
        choices = as_list(fields.get("anyOf")) or as_list(fields.get("oneOf"))
        if not choices:
            return
        real = [one for one in choices if (as_object(one) or {}).get("type") != "null"]
        written = [self.schema(one, trail, depth + 1) for one in real]
        if len(real) < len(choices):
            out["nullable"] = True
        if len(written) == 1:
            for name, inner in written[0].items():
                out.setdefault(name, inner)
            kinds.clear()
        elif written:
            out["anyOf"] = written
            kinds.clear()

    def _children(
        self, fields: dict[str, object], out: dict[str, object], trail: tuple[str, ...], depth: int
    ) -> None:
        properties = as_object(fields.get("properties"))
        if properties:
            out["properties"] = {
                name: self.schema(inner, trail, depth + 1) for name, inner in properties.items()
            }
            out.setdefault("type", "object")
        named = as_object(out.get("properties")) or {}
        required = [name for name in as_list(out.get("required")) or [] if name in named]
        out.pop("required", None)
        if required:
            out["required"] = required
        items = fields.get("items")
        if as_object(items) is not None:
            out["items"] = self.schema(items, trail, depth + 1)
            out.setdefault("type", "array")
        elif out.get("type") == "array" and "items" not in out:
            out["items"] = {"type": "string"}


def _kinds(fields: dict[str, object]) -> tuple[list[str], bool]:
    """The types a schema allows, and whether null is one of them."""
    kind = fields.get("type")
    named = (
        [kind] if isinstance(kind, str) else [one for one in as_list(kind) or [] if isinstance(one, str)]
    )
    nullable = "null" in named or fields.get("nullable") is True
    return [one for one in named if one != "null"], nullable


def _values(fields: dict[str, object], out: dict[str, object]) -> None:
    """Constants become an enum; only strings can be enumerated."""
    values = as_list(fields.get("enum"))
    if "const" in fields:
        values = [fields["const"]]
    if values is None:
        return
    out.pop("enum", None)
    if None in values:
        out["nullable"] = True
        values = [value for value in values if value is not None]
    if values and all(isinstance(value, str) for value in values) and out.get("type", "string") == "string":
        out["type"], out["enum"] = "string", values
        return
    if "type" not in out and values and all(isinstance(value, str) for value in values):
        out["type"] = "string"
    _describe(out, f"One of: {encode(values).decode()}")


def _say(fields: dict[str, object], out: dict[str, object]) -> None:
    """Constraints the subset lacks, in words."""
    told: list[str] = []
    form = fields.get("format")
    if isinstance(form, str) and "format" not in out:
        told.append(f"format: {form}")
    for name, inner in fields.items():
        if name not in _KEPT and name not in _SILENT:
            told.append(f"{name}: {encode(inner).decode()}")
    if fields.get("additionalProperties") is False and fields.get("properties"):
        told.append("no other properties")
    elif as_object(fields.get("additionalProperties")):
        told.append(f"values of other properties: {encode(fields['additionalProperties']).decode()}")
    if told:
        _describe(out, f"Constraints: {'; '.join(told)}")


def _describe(out: dict[str, object], words: str) -> None:
    said = out.get("description")
    out["description"] = f"{said.rstrip()} ({words})" if isinstance(said, str) and said else f"{words}."

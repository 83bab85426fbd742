"""What OpenAI demands of a function's schema, strict or not."""

import re
from collections.abc import Mapping
from typing import NoReturn

from standin.openai_words import refuse, too_long

Json = Mapping[str, object]
NAME = re.compile(r"[a-zA-Z0-9_-]+")
_TOP = ("oneOf", "anyOf", "allOf", "enum", "not")
_FORMATS = (
    "date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid",
)  # fmt: skip
_NOT_STRICT = ("allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else", "oneOf")


def check_name(path: str, name: object) -> None:
    """A function's name."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        refuse(
            f"Invalid '{path}': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'.",
            path,
            "invalid_value",
        )
    if len(name) > 64:
        too_long(path, name, 64)


def check_schema(what: str, param: str, code: str, schema: Json, *, strict: bool) -> None:
    """The schema of ``what`` (``function 'look'``) at ``param``."""

    def no(text: str) -> NoReturn:
        refuse(f"Invalid schema for {what}: {text}", param, code)

    if schema.get("type") != "object":
        no(f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{schema.get('type')}\"'.")
    if any(word in schema for word in _TOP):
        no(
            "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level."
        )
    if "properties" not in schema:
        no("In context=(), object schema missing properties.")
    _walk(schema, (), strict, no)


def _walk(schema: Json, context: tuple[str, ...], strict: bool, no: object) -> None:
    assert callable(no)
    where = f"In context={context!r}, "
    if schema.get("type") == "array" and "items" not in schema:
        no(f"{where}array schema missing items.")
    if strict:
        _strict(schema, where, no)
    properties = schema.get("properties")
    for name, inner in properties.items() if isinstance(properties, dict) else ():
        if isinstance(inner, dict):
            _walk(inner, (*context, "properties", name), strict, no)
    items = schema.get("items")
    if isinstance(items, dict):
        _walk(items, (*context, "items"), strict, no)
    for word in ("anyOf", "oneOf", "allOf"):
        choices = schema.get(word)
        for index, inner in enumerate(choices if isinstance(choices, list) else ()):
            if isinstance(inner, dict):
                _walk(inner, (*context, word, str(index)), strict, no)


def _strict(schema: Json, where: str, no: object) -> None:
    assert callable(no)
    for word in _NOT_STRICT:
        if word in schema:
            no(f"{where}'{word}' is not permitted.")
    if schema.get("format") is not None and schema["format"] not in _FORMATS:
        no(f"{where}'format' of '{schema['format']}' is not supported.")
    if schema.get("type") != "object":
        return
    if schema.get("additionalProperties") is not False:
        no(f"{where}'additionalProperties' is required to be supplied and to be false.")
    properties, required = schema.get("properties", {}), schema.get("required")
    for name in properties if isinstance(properties, dict) else ():
        if not isinstance(required, list) or name not in required:
            no(
                f"{where}'required' is required to be supplied and to be an array including every key in "
                f"properties. Missing '{name}'."
            )

"""The two kinds of schema Gemini takes: its own subset, and JSON Schema in fields of its own."""

import re
from collections.abc import Mapping

from standin.google_words import refuse, snake, unknown, wrong_value

Json = Mapping[str, object]
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
_TYPES = ("TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")
_SUBSET = frozenset({
    "type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties",
    "required", "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf",
    "propertyOrdering", "default", "items", "minimum", "maximum",
})  # fmt: skip
_FORMATS = {
    "STRING": ("enum", "date-time"),
    "INTEGER": ("int32", "int64"),
    "NUMBER": ("float", "double"),
}
_JSON_SCHEMA = frozenset({
    "$schema", "$id", "$defs", "$ref", "$anchor", "type", "format", "title", "description", "enum", "items",
    "prefixItems", "minItems", "maxItems", "minimum", "maximum", "anyOf", "oneOf", "properties",
    "additionalProperties", "required", "propertyOrdering", "const", "default", "minLength", "maxLength",
    "pattern", "nullable", "examples", "example", "allOf", "not", "definitions", "exclusiveMinimum",
    "exclusiveMaximum", "multipleOf", "uniqueItems", "minProperties", "maxProperties", "patternProperties",
    "propertyNames", "if", "then", "else", "dependentRequired", "deprecated", "readOnly", "writeOnly", "$comment",
    "contentEncoding", "contentMediaType", "unevaluatedProperties", "contains", "dependentSchemas", "strict",
})  # fmt: skip


def check_subset(schema: Json, path: str) -> None:
    """``parameters`` and ``responseSchema``: a message type with fields of its own."""
    for key in schema:
        if camel(key) not in _SUBSET:
            unknown(key, path)
    kind = _kind(schema, path)
    given = schema.get("format")
    if given is not None and kind in _FORMATS and given not in _FORMATS[kind]:
        allowed = " and ".join(f"'{name}'" for name in _FORMATS[kind])
        refuse(f"* {_where(path)}.format: only {allowed} are supported for {kind} type\n")
    _check_enum(schema, kind, path)
    properties = schema.get("properties")
    names = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    for index, name in enumerate(required if isinstance(required, list) else ()):
        if name not in names:
            refuse(f"* {_where(path)}.required[{index}]: property is not defined\n")
    if kind == "ARRAY" and not isinstance(schema.get("items"), dict):
        refuse(f"* {_where(path)}.items: missing field.\n")
    for name, inner in names.items():
        check_subset(inner, f"{path}.properties[{list(names).index(name)}].value")
    items = schema.get("items")
    if isinstance(items, dict):
        check_subset(items, f"{path}.items")
    choices = schema.get("anyOf", schema.get("any_of"))
    for index, inner in enumerate(choices if isinstance(choices, list) else ()):
        check_subset(inner, f"{path}.anyOf[{index}]")


def _kind(schema: Json, path: str) -> str:
    kind = schema.get("type")
    if isinstance(kind, int):
        kind = _TYPES[kind] if kind < len(_TYPES) else kind
    if isinstance(kind, list) or (kind is not None and str(kind).upper() not in _TYPES):
        said = kind if isinstance(kind, list) else f'"{kind}"'
        wrong_value(f"{path}.type", "type.googleapis.com/google.ai.generativelanguage.v1beta.Type", said)
    return str(kind).upper()


def _check_enum(schema: Json, kind: str, path: str) -> None:
    enum = schema.get("enum")
    if enum is None:
        return
    for index, value in enumerate(enum if isinstance(enum, list) else ()):
        if not isinstance(value, str):
            wrong_value(f"{path}.enum[{index}]", "TYPE_STRING", value)
        if not value:
            refuse(f"* {_where(path)}.enum[{index}]: cannot be empty\n")
    if kind != "STRING":
        refuse(f"* {_where(path)}.enum: only allowed for STRING type\n")


def check_json_schema(schema: object, path: str) -> None:
    """``parametersJsonSchema`` and ``responseJsonSchema``: JSON Schema.

    ``$schema`` is taken: Gemini CLI sends it.
    """
    if not isinstance(schema, dict):
        return
    for key in schema:
        if key not in _JSON_SCHEMA:
            refuse(f"Invalid JSON schema at '{path}': unknown keyword \"{key}\".")
    reference = schema.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#"):
        refuse(
            f"Invalid JSON schema at '{path}': only local references are supported, got \"{reference}\"."
        )
    for word in ("properties", "$defs", "definitions", "patternProperties"):
        inner = schema.get(word)
        for name, one in inner.items() if isinstance(inner, dict) else ():
            check_json_schema(one, f"{path}.{word}.{name}")
    for word in ("anyOf", "oneOf", "allOf", "prefixItems"):
        choices = schema.get(word)
        for index, one in enumerate(choices if isinstance(choices, list) else ()):
            check_json_schema(one, f"{path}.{word}[{index}]")
    for word in ("items", "additionalProperties", "not"):
        check_json_schema(schema.get(word), f"{path}.{word}")


def check_function(declared: Json, path: str) -> None:
    """One function declaration."""
    known = (
        "name",
        "description",
        "behavior",
        "parameters",
        "parametersJsonSchema",
        "response",
        "responseJsonSchema",
    )
    for key in declared:
        if camel(key) not in known:
            unknown(key, path)
    given = {camel(key): value for key, value in declared.items()}
    if not NAME.fullmatch(str(given.get("name", ""))):
        refuse(
            f"* {_where(path)}.name: Invalid function name. Must start with a letter or an underscore. Must be "
            "alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum "
            "length of 64.\n"
        )
    if "parameters" in given and "parametersJsonSchema" in given:
        refuse(f"* {_where(path)}: only one of parameters and parameters_json_schema may be set.\n")
    for name, check in (("parameters", check_subset), ("response", check_subset)):
        if isinstance(given.get(name), dict):
            check(given[name], f"{path}.{name}")
    for name in ("parametersJsonSchema", "responseJsonSchema"):
        check_json_schema(given.get(name), f"{path}.{name}")


def _where(path: str) -> str:
    return "GenerateContentRequest." + snake(path)


def camel(name: str) -> str:
    """A field's name as JSON spells it; both spellings are taken."""
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)

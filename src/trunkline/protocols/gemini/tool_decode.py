"""A client's tools: functions with their schema in JSON Schema, everything else as the vendor's own."""

from typing import Final

from msgspec import Raw

from trunkline.core.types import Extra, Tool
from trunkline.protocols.gemini.knobs_decode import json_schema
from trunkline.protocols.gemini.refusals import checked, invalid
from trunkline.protocols.gemini.search import search_tool
from trunkline.protocols.gemini.wire import LIST, OBJECT, TEXT, DeclarationIn, encode, given

_FUNCTIONS: Final = "functionDeclarations"
_KNOWN: Final = frozenset({"name", "description", "parameters", "parametersJsonSchema"})
NAMES: Final = {"googleSearch": "google_search", "googleSearchRetrieval": "google_search"}


def decode_declaration(wire: DeclarationIn, path: str) -> Tool:
    """A function of a request without anything unusual."""
    if not wire.name:
        raise invalid(f"'{path}.name' is required.", f"{path}.name")
    schema = wire.parameters_json_schema
    if not given(schema):
        schema = json_schema(wire.parameters, f"{path}.parameters") if given(wire.parameters) else schema
    return Tool(name=wire.name, description=wire.description, schema=schema if given(schema) else None)


def read_tool(raw: Raw, path: str, extras: list[Extra]) -> list[Tool]:
    """One entry of ``tools``, of whatever kind; each of its fields is a tool, or a group of functions."""
    tools: list[Tool] = []
    for name, value in checked(OBJECT, raw, path).items():
        if not given(value):
            continue
        if name == _FUNCTIONS:
            functions = checked(LIST, value, f"{path}.{name}")
            for place, one in enumerate(functions):
                tools.append(_function(one, f"{path}.{name}[{place}]", extras))
        else:
            kept = Raw(encode({name: value}))
            found = NAMES.get(name, name)
            search = search_tool(name)
            tools.append(Tool(name=found, kind="server", vendor_type=name, raw=kept, search=search))
    return tools


def _function(raw: Raw, path: str, extras: list[Extra]) -> Tool:
    fields = checked(OBJECT, raw, path)
    others = {key: value for key, value in fields.items() if key not in _KNOWN and given(value)}
    for key, value in others.items():
        if all(extra.name != f"tools.{key}" for extra in extras):
            extras.append(Extra(f"tools.{key}", Raw(bytes(value))))
    tool = decode_declaration(
        DeclarationIn(
            name=_string(fields, "name", path) or "",
            description=_string(fields, "description", path),
            parameters=fields.get("parameters", Raw(b"")),
            parameters_json_schema=fields.get("parametersJsonSchema", Raw(b"")),
        ),
        path,
    )
    return Tool(
        name=tool.name,
        description=tool.description,
        schema=tool.schema,
        raw=Raw(encode(others)) if others else None,
    )


def _string(fields: dict[str, Raw], name: str, path: str) -> str | None:
    raw = fields.get(name)
    return None if raw is None or not given(raw) else checked(TEXT, raw, f"{path}.{name}")

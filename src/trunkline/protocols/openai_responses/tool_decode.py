"""Declared tools and the choice among them. Groups are flattened, each tool remembers its own (E54)."""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from trunkline.core.types import Tool, ToolChoice
from trunkline.protocols.openai_responses.kinds import TYPED, flat_name
from trunkline.protocols.openai_responses.refusals import invalid, missing, refusal_of
from trunkline.protocols.openai_responses.search import search_tool
from trunkline.protocols.openai_responses.wire import (
    OBJECT,
    WireNamed,
    WireOpenTool,
    WireTool,
    checked,
    encode,
    present,
    read,
)

_TOOL: Final = msgspec.json.Decoder(WireTool)
_OPEN_TOOL: Final = msgspec.json.Decoder(WireOpenTool)
_OWN: Final = frozenset(WireTool.__struct_encode_fields__)
_MODES: Final[dict[str, Literal["auto", "any", "none"]]] = {
    "auto": "auto",
    "none": "none",
    "required": "any",
}


def decode_tools(raws: Iterable[Raw], at: str = "tools", known: Iterable[Tool] = ()) -> list[Tool]:
    """All tools, ``known`` ones first; one declared again under the same name replaces nothing.

    Raises GatewayError.
    """
    tools = {tool.name: tool for tool in known}
    for place, raw in enumerate(raws):
        for tool in _decode(raw, f"{at}[{place}]"):
            tools.setdefault(tool.name, tool)
    return list(tools.values())


def _decode(raw: Raw, at: str) -> list[Tool]:
    try:
        wire, extra = _read(raw)
        if wire.type == "namespace":
            return _group(wire, at)
        return [_tool(wire, raw, extra, at)]
    except msgspec.ValidationError as cause:
        raise refusal_of(cause, at) from cause


def _read(raw: Raw) -> tuple[WireTool, bool]:
    """The tool, and whether it has fields outside our vocabulary."""
    try:
        return read(_TOOL, raw), False
    except msgspec.ValidationError as cause:
        if "unknown field" not in str(cause):
            raise
    return read(_OPEN_TOOL, raw), True


def _group(wire: WireTool, at: str) -> list[Tool]:
    if not wire.name:
        raise missing(f"{at}.name")
    return [
        replace(
            tool,
            name=flat_name(wire.name, tool.name),
            namespace=wire.name,
            namespace_description=wire.description or None,
        )
        for tool in decode_tools(wire.tools or (), f"{at}.tools")
    ]


def _tool(wire: WireTool, raw: Raw, extra: bool, at: str) -> Tool:
    if wire.type == "function":
        if not wire.name:
            raise missing(f"{at}.name")
        return Tool(
            name=wire.name,
            description=wire.description,
            schema=checked(wire.parameters) if present(wire.parameters) else None,
            strict=wire.strict,
            raw=_beyond(raw) if extra else None,
        )
    if wire.type == "custom":
        if not wire.name:
            raise missing(f"{at}.name")
        form = checked(wire.format) if present(wire.format) else None
        return Tool(name=wire.name, kind="custom", description=wire.description, raw=form)
    return _vendor_tool(wire, raw)


def _beyond(raw: Raw) -> Raw | None:
    """The fields of a function that we do not know, for the way back to its own protocol."""
    fields = {key: value for key, value in read(OBJECT, raw).items() if key not in _OWN}
    return checked(Raw(encode(fields))) if fields else None


def _vendor_tool(wire: WireTool, raw: Raw) -> Tool:
    opened = wire if isinstance(wire, WireOpenTool) else read(_OPEN_TOOL, raw)
    place = opened.environment.type if opened.environment is not None else None
    hosted = (place or "").startswith("container")
    known = TYPED.get(wire.type)
    if known is not None and not hosted and (wire.type != "tool_search" or opened.execution == "client"):
        return Tool(
            name=known.name,
            kind="client",
            description=wire.description or known.description,
            schema=checked(wire.parameters) if present(wire.parameters) else known.schema,
            vendor_type=wire.type,
            raw=checked(raw),
        )
    # the rest has no form elsewhere, whoever runs it
    name = opened.server_label or wire.name or wire.type
    return Tool(
        name=name,
        kind="server",
        vendor_type=wire.type,
        raw=checked(raw),
        search=search_tool(wire.type, raw),
    )


def decode_choice(choice: str | WireNamed, tools: Iterable[Tool]) -> ToolChoice:
    """``tool_choice``, names as the tools have them. Raises GatewayError for a word nobody knows."""
    if isinstance(choice, str):
        if choice not in _MODES:
            raise invalid(
                f"Invalid value: '{choice}'. Supported values are: 'none', 'auto', and 'required'.",
                "tool_choice",
            )
        return ToolChoice(_MODES[choice])
    declared = list(tools)
    if choice.type == "allowed_tools":
        mode: Literal["any", "auto"] = "any" if choice.mode == "required" else "auto"
        return ToolChoice(mode, None, tuple(_chosen(tool, declared) for tool in choice.tools or ()))
    if choice.type in ("function", "custom") and not choice.name:
        raise missing("tool_choice.name")
    return ToolChoice("tool", _chosen(choice, declared))


def _chosen(named: WireNamed, tools: list[Tool]) -> str:
    """The neutral name of a chosen tool: in its group, or by the type of a tool without a name."""
    if named.type not in ("function", "custom"):
        return named.server_label or named.name or named.type
    name = flat_name(named.namespace, named.name or "")
    if any(tool.name == name for tool in tools):
        return name
    grouped = (
        tool.name for tool in tools if tool.namespace and tool.name == flat_name(tool.namespace, name)
    )
    return next(grouped, name)

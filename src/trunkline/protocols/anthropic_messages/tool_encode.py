"""Tools, the choice among them, and structured output by way of one."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.facts import Facts
from trunkline.core.types import OutputFormat, Request, Tool, ToolChoice
from trunkline.protocols.anthropic_messages.marks import encode_mark
from trunkline.protocols.anthropic_messages.search import encode_search_tool
from trunkline.protocols.anthropic_messages.wire import PROTOCOL, encode
from trunkline.protocols.losses import Losses
from trunkline.protocols.portable_names import ToolNames

STRUCTURED_TOOL: Final = "structured_answer"
PLACEHOLDER: Final = "DeferredToolPlaceholder"
"""What Claude Code declares so that the list of deferred tools is never empty; not to be called."""

_EMPTY_SCHEMA: Final = Raw(b'{"type":"object","properties":{}}')
_INPUT_SCHEMA: Final = Raw(
    b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}'
)


class _Shape(Struct, gc=False):
    type: Raw = Raw(b"")


class _CustomFormat(Struct, gc=False):
    type: str | None = None
    syntax: str | None = None
    definition: str | None = None


class _Custom(Struct, gc=False):
    format: _CustomFormat | None = None
    type: str | None = None
    syntax: str | None = None
    definition: str | None = None


_shape: Final = msgspec.json.Decoder(_Shape).decode
_custom: Final = msgspec.json.Decoder(_Custom).decode
_fields: Final = msgspec.json.Decoder(dict[str, Raw]).decode

WireTool = dict[str, object]
"""A tool of the body, in the order its fields are written."""


class Tools(Struct):
    """The tool side of a body."""

    tools: list[WireTool]
    choice: dict[str, object] | None = None
    custom: frozenset[str] = frozenset()
    structured: str | None = None

    @property
    def forced(self) -> bool:
        """Whether the model must call something."""
        return self.choice is not None and self.choice["type"] in ("any", "tool")


def encode_tools(request: Request, facts: Facts, names: ToolNames, losses: Losses) -> Tools:
    """Every tool carried or noted, and the choice as far as the target takes it."""
    own = request.protocol == PROTOCOL
    choice = request.tool_choice
    wanted = request.tools
    if choice is not None and choice.allowed:
        wanted = tuple(tool for tool in wanted if tool.name in choice.allowed)
    found = Tools([])
    custom: list[str] = []
    for tool in wanted:
        wire = _encode_tool(tool, facts, names, losses, own=own)
        if wire is not None:
            found.tools.append(wire)
            if tool.kind == "custom":
                custom.append(tool.name)
    found.custom = frozenset(custom)
    found.choice = _encode_choice(
        choice, request.parallel_tool_calls, facts, names, losses, bool(found.tools)
    )
    form = request.output_format
    if form is not None and form.kind == "json_schema" and facts.structured == "tool":
        _add_structured(found, form, facts, losses)
    return found


def _encode_tool(
    tool: Tool, facts: Facts, names: ToolNames, losses: Losses, *, own: bool
) -> WireTool | None:
    if tool.kind in ("client", "server"):
        return _encode_vendor_tool(tool, facts, losses, own=own)
    if tool.name == PLACEHOLDER and tool.deferred and not facts.deferred_tools:
        return None  # it only stands for tools that are declared in full here
    wire: WireTool = {"name": names.upstream(tool.name)}
    description, schema = tool.description, object_schema(tool.schema)
    if tool.kind == "custom":
        description, schema = _custom_description(tool), _INPUT_SCHEMA
    if description:
        wire["description"] = description
    wire["input_schema"] = schema
    if tool.strict and tool.kind == "function":
        if facts.strict_tools:
            wire["strict"] = True
        else:
            losses.add("tools.strict", "the target takes no such setting")
    if tool.deferred and facts.deferred_tools:
        wire["defer_loading"] = True
    if tool.cache is not None:
        wire["cache_control"] = encode_mark(tool.cache)
    if own and tool.kind == "function" and tool.raw is not None:
        wire.update(_fields(tool.raw))
    return wire


def _encode_vendor_tool(tool: Tool, facts: Facts, losses: Losses, *, own: bool) -> WireTool | None:
    """A vendor's typed tool goes back as it came; another vendor's has no form here (E48, E49)."""
    if own and tool.raw is not None and (tool.kind == "client" or facts.server_tools):
        fields: WireTool = dict(_fields(tool.raw))
        if tool.cache is not None:
            fields["cache_control"] = encode_mark(tool.cache)
        else:
            fields.pop("cache_control", None)
        return fields
    if tool.search is not None and tool.search.deed == "search" and facts.server_tools and not own:
        return encode_search_tool(tool.search)
    if tool.schema is not None:
        return {"name": tool.name, "description": tool.description or "", "input_schema": tool.schema}
    losses.add(
        f"tools.{tool.name}", f"a {tool.kind} tool ({tool.vendor_type}) that the target does not have"
    )
    return None


def object_schema(schema: Raw | None) -> Raw:
    """A schema whose ``type`` is there: the server refuses a tool without it."""
    if schema is None or bytes(schema) in (b"null", b"{}"):
        return _EMPTY_SCHEMA
    try:
        if bytes(_shape(schema).type):
            return schema
        fields = _fields(schema)
    except msgspec.DecodeError:
        return schema  # not an object: the server's own wording tells the client best
    return Raw(encode({"type": "object", **fields}))


def _custom_description(tool: Tool) -> str:
    """A freeform tool's purpose, how to fill its one field, and its grammar (E41)."""
    lines = [tool.description] if tool.description else []
    lines.append("Put the whole input of this tool, as plain text, into the field `input`.")
    try:
        wire = _custom(tool.raw) if tool.raw is not None else _Custom()
    except msgspec.DecodeError:
        wire = _Custom()
    form = wire.format or _CustomFormat(wire.type, wire.syntax, wire.definition)
    if form.definition:
        lines.append(
            f"The input follows this {form.syntax or ''} grammar:\n{form.definition}".replace("  ", " ")
        )
    return "\n\n".join(lines)


def _encode_choice(
    choice: ToolChoice | None,
    parallel: bool | None,
    facts: Facts,
    names: ToolNames,
    losses: Losses,
    has_tools: bool,
) -> dict[str, object] | None:
    if not has_tools:
        if choice is not None and choice.mode in ("any", "tool"):
            losses.add("tool_choice", "no tool is left to choose")
        return None
    wire: dict[str, object] | None = None
    if choice is not None:
        mode = choice.mode
        if mode in ("any", "tool") and not facts.forced_tools:
            losses.add("tool_choice", "the target cannot be made to call a tool")
            mode = "auto"
        wire = {"type": mode}
        if mode == "tool":
            wire["name"] = names.upstream(choice.name or "")
    if parallel is False and (wire is None or wire["type"] != "none"):  # not allowed beside none (E47)
        if facts.parallel_switch:
            wire = {**(wire or {"type": "auto"}), "disable_parallel_tool_use": True}
        else:
            losses.add("parallel_tool_calls", "the target takes no such switch")
    return wire


def _add_structured(found: Tools, form: OutputFormat, facts: Facts, losses: Losses) -> None:
    """The answer's schema as a tool that must be called, beside the client's own tools (E120)."""
    taken = {tool.get("name") for tool in found.tools}
    name = STRUCTURED_TOOL
    while name in taken:
        name += "_"
    tool: WireTool = {
        "name": name,
        "description": form.description or "Give the final answer by calling this tool, once.",
        "input_schema": object_schema(form.schema),
    }
    may_call_others = bool(found.tools) and (found.choice is None or found.choice["type"] != "none")
    found.tools.append(tool)
    found.structured = name
    if not facts.forced_tools:
        losses.add("output_format", "the target cannot be made to answer in a form: it is asked to")
        return
    if found.choice is not None and found.choice["type"] == "tool":
        return  # the client forces a tool of its own for this turn
    found.choice = {"type": "any"} if may_call_others else {"type": "tool", "name": name}


def unforced(found: Tools) -> None:
    """Leave the choice to the model; the switch against parallel calls stays."""
    if found.choice is not None:
        found.choice = {**{k: v for k, v in found.choice.items() if k != "name"}, "type": "auto"}

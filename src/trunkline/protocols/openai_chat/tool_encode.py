"""Tools and their choice. Function tools pass with their schema untouched where it is whole."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Raw

from trunkline.core.types import Request, Tool
from trunkline.protocols.client_tools import client_tool
from trunkline.protocols.openai_chat.ledger import Ledger
from trunkline.protocols.openai_chat.search import OPTION
from trunkline.protocols.openai_chat.shapes import FunctionToolData, FunctionToolOut
from trunkline.protocols.openai_chat.untyped import as_list, as_object
from trunkline.protocols.openai_chat.wire import ENCODER, NAME, OBJECT
from trunkline.protocols.writing import Written, WrittenTools

PLACEHOLDER: Final = "DeferredToolPlaceholder"
"""Claude Code declares it to switch tool search on; it must never be called."""
EMPTY_SCHEMA: Final = Raw(b'{"type":"object","properties":{}}')
INPUT_SCHEMA: Final = Raw(
    b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],'
    b'"additionalProperties":false}'
)
_EMPTY_OBJECT: Final = Raw(b"{}")
_OBJECT_TYPE: Final = Raw(b'"object"')


def encode_tools(request: Request, ledger: Ledger) -> list[FunctionToolOut]:
    """Every tool the model may call here. Server tools are no functions: they stay behind (E49)."""
    tools: list[FunctionToolOut] = []
    for tool in request.tools:
        if tool.name == PLACEHOLDER and tool.deferred:
            continue
        data = _tool(tool, ledger)
        if data is not None:
            if tool.cache is not None:
                data.cache_control = ledger.mark(tool.cache)
            tools.append(FunctionToolOut(data))
    return tools


def extend_tools(
    request: Request, ledger: Ledger, earlier: Written
) -> tuple[list[FunctionToolOut | Raw], WrittenTools]:
    """The same, taken from ``earlier`` where they are written already; and what is written now."""
    tools = earlier.same_tools(request, ledger.facts)
    if tools is None:
        own = Ledger(ledger.facts, request.protocol)
        out = encode_tools(request, own)
        text = Raw(b",".join([ENCODER.encode(tool) for tool in out]))
        tools = WrittenTools(text, own.losses, own.names, frozenset(own.custom), names_of(out))
    ledger.recall(tools.losses, tools.names)
    ledger.custom |= tools.custom
    return [tools.text] if tools.sent else [], tools


def names_of(tools: Iterable[FunctionToolOut]) -> list[str]:
    """Names as they are sent."""
    return [tool.function.name for tool in tools]


def _tool(tool: Tool, ledger: Ledger) -> FunctionToolData | None:
    name = ledger.name(tool.name)
    match tool.kind:
        case "function":
            strict = None if tool.strict is None else _strict(tool, ledger)
            return FunctionToolData(name, tool.description, whole_schema(tool.schema), strict)
        case "custom":
            ledger.custom.add(tool.name)
            return FunctionToolData(name, _freeform(tool), INPUT_SCHEMA)
        case "client":
            known = client_tool(tool)
            if known is not None:
                return FunctionToolData(name, known.description, known.schema)
            if tool.schema is not None:
                return FunctionToolData(name, tool.description, whole_schema(tool.schema))
            ledger.lose(f"tools.{tool.name}", f"the schema of {tool.vendor_type} is not known here")
            return None
        case "server":
            if tool.vendor_type == OPTION or (tool.search is not None and ledger.facts.search_options):
                return None  # an option of the request, no tool
            ledger.lose(
                f"tools.{tool.name}", f"{tool.vendor_type or 'the tool'} runs at its own vendor only"
            )
            return None


def _freeform(tool: Tool) -> str:
    """Description of a freeform tool that is sent as a function with one string (E41)."""
    lines = [tool.description or "", "Put the whole input, as plain text, into `input`."]
    if tool.raw is not None and bytes(tool.raw) not in (b"{}", b'{"type":"text"}'):
        lines.append(f"The text must follow this format: {bytes(tool.raw).decode()}")
    return "\n".join(line for line in lines if line)


def whole_schema(schema: Raw | None) -> Raw:
    """The schema with what OpenAI demands of it: an object type and ``properties`` (E38)."""
    if schema is None:
        return EMPTY_SCHEMA
    data = bytes(schema)
    if b'"properties"' in data and b'"type"' in data:
        return schema
    try:
        fields = OBJECT.decode(data)
    except msgspec.DecodeError:
        return EMPTY_SCHEMA
    if "type" not in fields and not any(key in fields for key in ("anyOf", "oneOf", "allOf", "$ref")):
        fields = {"type": _OBJECT_TYPE, **fields}
    if fields.get("type") == _OBJECT_TYPE and "properties" not in fields:
        fields["properties"] = _EMPTY_OBJECT
    return Raw(ENCODER.encode(fields))


def _strict(tool: Tool, ledger: Ledger) -> bool | None:
    """``strict`` if the target has it and the schema qualifies; a schema is never rewritten for it (E39)."""
    if not ledger.facts.strict_tools:
        if tool.strict:
            ledger.lose("tools.strict", "the upstream enforces no schemas on calls")
        return None
    if tool.strict and not (tool.schema is not None and qualifies(msgspec.json.decode(tool.schema))):
        ledger.lose("tools.strict", f"the schema of {tool.name} leaves properties optional or open")
        return False
    return tool.strict


def qualifies(schema: object) -> bool:
    """OpenAI's rule for strict mode: every object closed, every property required."""
    listed = as_list(schema)
    if listed is not None:
        return all(qualifies(value) for value in listed)
    fields = as_object(schema)
    if fields is None:
        return True
    if fields.get("type") == "object":
        names = set(as_object(fields.get("properties")) or {})
        if fields.get("additionalProperties") is not False or names != set(
            as_list(fields.get("required")) or []
        ):
            return False
    return all(qualifies(value) for value in fields.values())


def encode_choice(request: Request, names: Sequence[str], ledger: Ledger) -> object | None:
    """``tool_choice`` among the tools that are sent, or None when there is nothing to say."""
    choice = request.tool_choice
    if choice is None or not names:
        return None
    if choice.mode in ("any", "tool") and not ledger.facts.forced_tools:
        ledger.lose("tool_choice", "the upstream cannot be forced to call a tool")
        return "auto"
    if choice.mode == "tool":
        name = ledger.name(choice.name or "")
        if name not in names:
            ledger.lose("tool_choice", f"{choice.name} is not among the tools that were sent")
            return None
        return {"type": "function", "function": {"name": name}}
    if choice.allowed:
        if request.protocol != NAME:
            ledger.lose("tool_choice.allowed", "not every upstream can narrow its tools to a subset")
        else:
            sent = [ledger.name(name) for name in choice.allowed]
            listed = [{"type": "function", "function": {"name": name}} for name in sent if name in names]
            mode = "required" if choice.mode == "any" else "auto"
            return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": listed}}
    return "required" if choice.mode == "any" else choice.mode

"""Declared tools and the choice among them, as the target takes them."""

from collections.abc import Iterable
from typing import Final, cast

import msgspec
from msgspec import Raw

from trunkline.core.types import Request, Tool, ToolChoice
from trunkline.protocols.client_tools import client_tool
from trunkline.protocols.openai_responses.ledger import Ledger
from trunkline.protocols.openai_responses.search import encode_search_tool
from trunkline.protocols.openai_responses.wire import OBJECT, encode
from trunkline.protocols.writing import Written, WrittenTools

PLACEHOLDER: Final = "DeferredToolPlaceholder"
"""Claude Code declares it to switch tool search on; it must never be called."""
NO_PARAMETERS: Final = Raw(b'{"type":"object","properties":{}}')
ONE_INPUT: Final = Raw(
    b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],'
    b'"additionalProperties":false}'
)
ToolOut = dict[str, object] | Raw
_ANY: Final = msgspec.json.Decoder()


def encode_tools(request: Request, ledger: Ledger) -> list[ToolOut]:
    """Every tool the model may call here, those of one namespace together where the first of them stood."""
    found: list[ToolOut] = []
    groups: dict[str, list[ToolOut]] = {}
    for tool in request.tools:
        if tool.name == PLACEHOLDER and tool.deferred:
            continue
        out = encode_tool(tool, ledger)
        if out is None:
            continue
        if tool.cache is not None:
            ledger.lose("cache_control", "prompts are cached by themselves here")
        group = ledger.grouped(tool.namespace)
        if group is None:
            found.append(out)
        elif group in groups:
            groups[group].append(out)
        else:
            groups[group] = [out]
            description = tool.namespace_description or ""
            found.append(
                {"type": "namespace", "name": group, "description": description, "tools": groups[group]}
            )
    return found


def extend_tools(request: Request, ledger: Ledger, earlier: Written) -> tuple[list[ToolOut], WrittenTools]:
    """The same, taken from ``earlier`` where they are written already; and what is written now."""
    tools = earlier.same_tools(request, ledger.facts)
    if tools is None:
        own = Ledger(request, ledger.facts)
        text = Raw(b",".join([encode(tool) for tool in encode_tools(request, own)]))
        tools = WrittenTools(text, own.losses, own.names, frozenset(own.custom))
    ledger.recall(tools.losses, tools.names)
    ledger.custom |= tools.custom
    return [tools.text] if tools.text else [], tools


def encode_tool(tool: Tool, ledger: Ledger) -> ToolOut | None:
    """One tool. What another vendor's servers run is no function: it stays behind (E48, E49)."""
    if tool.kind in ("client", "server"):
        return _vendor_tool(tool, ledger)
    name = ledger.written(tool.name, tool.namespace)
    if tool.kind == "custom":
        return _freeform(tool, name, ledger)
    found: dict[str, object] = {"type": "function", "name": name}
    if tool.description is not None:
        found["description"] = tool.description
    found["parameters"] = whole_schema(tool.schema)
    if ledger.facts.strict_tools:
        found["strict"] = _strict(tool, ledger)
    elif tool.strict:
        ledger.lose("tools.strict", "the upstream enforces no schemas on calls")
    if ledger.own and tool.raw is not None:
        found.update(OBJECT.decode(tool.raw))
    return found


def _vendor_tool(tool: Tool, ledger: Ledger) -> ToolOut | None:
    if ledger.own and tool.raw is not None:
        return Raw(bytes(tool.raw))
    if carries_search(tool, ledger):
        assert tool.search is not None
        return encode_search_tool(tool, tool.search, ledger)
    known = client_tool(tool) if tool.kind == "client" else None
    description = tool.description if known is None else known.description
    schema = tool.schema if known is None else known.schema
    if schema is None:
        why = f"{tool.vendor_type or 'the tool'} is known to its own vendor only"
        ledger.lose(f"tools.{tool.name}", why)
        return None
    found: dict[str, object] = {"type": "function", "name": ledger.name(tool.name)}
    if description is not None:
        found["description"] = description
    return {**found, "parameters": whole_schema(schema), "strict": False}


def carries_search(tool: Tool, ledger: Ledger) -> bool:
    """Whether another protocol's search tool goes as OpenAI's own."""
    search = tool.search
    return search is not None and search.deed == "search" and ledger.facts.server_tools and not ledger.own


def _freeform(tool: Tool, name: str, ledger: Ledger) -> ToolOut:
    """A freeform tool as it is, or as a function with one string (E41)."""
    if ledger.facts.custom_tools:
        found: dict[str, object] = {"type": "custom", "name": name}
        if tool.description is not None:
            found["description"] = tool.description
        if tool.raw is not None:
            found["format"] = _flat_format(tool.raw)
        return found
    ledger.custom.add(tool.name)
    lines = [tool.description or "", "Put the whole input of this tool, as plain text, into `input`."]
    if tool.raw is not None and b"definition" in bytes(tool.raw):
        lines.append(f"It must follow this format: {bytes(tool.raw).decode()}")
    text = "\n".join(line for line in lines if line)
    return {
        "type": "function",
        "name": name,
        "description": text,
        "parameters": ONE_INPUT,
        "strict": False,
    }


def _flat_format(form: Raw) -> Raw:
    """Chat keeps a grammar's syntax one level deeper: ``{"type":"grammar","grammar":{...}}``."""
    try:
        fields = OBJECT.decode(form)
    except msgspec.DecodeError:
        return form
    inner = fields.get("grammar")
    if inner is None or bytes(inner)[:1] != b"{":
        return form
    return Raw(encode({"type": "grammar", **OBJECT.decode(inner)}))


def whole_schema(schema: Raw | None) -> Raw:
    """The schema with what OpenAI demands of it: an object type and ``properties`` (E38)."""
    if schema is None:
        return NO_PARAMETERS
    data = bytes(schema)
    if b'"type"' in data and b'"properties"' in data:
        return schema
    try:
        fields: dict[str, Raw] = OBJECT.decode(data)
    except msgspec.DecodeError:
        return NO_PARAMETERS
    branches = {"anyOf", "oneOf", "allOf", "$ref"} & fields.keys()
    if not branches:
        fields = {"type": Raw(b'"object"'), "properties": Raw(b"{}"), **fields}
    return Raw(encode(fields))


def _strict(tool: Tool, ledger: Ledger) -> bool:
    """Said explicitly, since the protocol's default is true; no schema is rewritten to qualify (E39)."""
    if not tool.strict:
        return tool.strict is None and ledger.own
    if ledger.own or (tool.schema is not None and closed(_ANY.decode(tool.schema))):
        return True
    ledger.lose("tools.strict", f"the schema of {tool.name} leaves properties optional or open")
    return False


def closed(schema: object) -> bool:
    """OpenAI's rule for strict mode: every object closed, every property required."""
    if isinstance(schema, list):
        return all(closed(inner) for inner in cast("list[object]", schema))
    if not isinstance(schema, dict):
        return True
    fields = cast("dict[str, object]", schema)
    if fields.get("type") == "object":
        if fields.get("additionalProperties") is not False:
            return False
        if _names(fields.get("properties")) != _names(fields.get("required")):
            return False
    return all(closed(inner) for inner in fields.values())


def _names(value: object) -> set[object]:
    return set(cast("list[object]", value)) if isinstance(value, dict | list) else set()


def encode_choice(choice: ToolChoice | None, tools: Iterable[Tool], ledger: Ledger) -> object | None:
    """``tool_choice``, or None when there is nothing to say."""
    if choice is None:
        return None
    if choice.mode in ("any", "tool") and not ledger.facts.forced_tools:
        ledger.lose("tool_choice", "the upstream cannot be forced to call a tool")
        return "auto"
    declared = {tool.name: tool for tool in tools}
    if choice.mode == "tool":
        tool = declared.get(choice.name or "")
        if tool is None:
            ledger.lose("tool_choice", f"{choice.name} is not among the tools that were sent")
            return None
        return _chosen(tool, ledger)
    mode = "required" if choice.mode == "any" else choice.mode
    if choice.allowed:
        named = [_chosen(declared[name], ledger) for name in choice.allowed if name in declared]
        return {"type": "allowed_tools", "mode": mode, "tools": named}
    return mode


def _chosen(tool: Tool, ledger: Ledger) -> dict[str, object]:
    if tool.kind in ("client", "server") and ledger.own:
        found: dict[str, object] = {"type": tool.vendor_type}
        if tool.vendor_type == "mcp":
            found["server_label"] = tool.name
        return found
    if carries_search(tool, ledger):
        return {"type": "web_search"}
    custom = tool.kind == "custom" and ledger.facts.custom_tools
    found = {"type": "custom" if custom else "function"}
    found["name"] = ledger.written(tool.name, tool.namespace)
    if ledger.grouped(tool.namespace) is not None:
        found["namespace"] = tool.namespace
    return found

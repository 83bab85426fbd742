"""Tools and the choice among them."""

from typing import Final

import msgspec
from msgspec import Raw

from trunkline.core.search import SearchTool
from trunkline.core.types import Request, Tool
from trunkline.protocols.client_tools import client_tool
from trunkline.protocols.gemini.ledger import Ledger
from trunkline.protocols.gemini.schema_encode import subset
from trunkline.protocols.gemini.schema_words import known_words
from trunkline.protocols.gemini.wire import OBJECT

PLACEHOLDER: Final = "DeferredToolPlaceholder"
"""Claude Code declares it to switch tool search on; it must never be called."""
_INPUT: Final = Raw(b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}')
_SERVER: Final = (
    ("web_search", "googleSearch"),
    ("web_fetch", "urlContext"),
    ("code_execution", "codeExecution"),
    ("code_interpreter", "codeExecution"),
)
"""Server tools of other vendors by the beginning of their type, and what does the same here (E49)."""

ToolOut = dict[str, object]


def encode_tools(request: Request, ledger: Ledger) -> tuple[list[ToolOut], list[str]]:
    """The entries of ``tools``, and the names of the functions among them as they are sent."""
    functions: list[ToolOut] = []
    served: list[ToolOut] = []
    for tool in request.tools:
        if tool.name == PLACEHOLDER and tool.deferred:
            continue
        ledger.lose_mark(tool.cache)
        if tool.kind == "server":
            entry = _server(tool, ledger)
            if entry is not None and entry not in served:
                served.append(entry)
        elif (declaration := _function(tool, ledger)) is not None:
            functions.append(declaration)
    if functions and served and not ledger.facts.mixed_tools and not ledger.own:
        for entry in served:
            ledger.lose(f"tools.{next(iter(entry))}", "the model takes it only without functions")
        served.clear()
    tools: list[ToolOut] = [{"functionDeclarations": functions}] if functions else []
    return [*tools, *served], [str(declaration["name"]) for declaration in functions]


def _server(tool: Tool, ledger: Ledger) -> ToolOut | None:
    kind = tool.vendor_type or tool.name
    if ledger.own and tool.raw is not None:
        return dict(OBJECT.decode(tool.raw))
    if ledger.facts.server_tools:
        for opening, ours in _SERVER:
            if kind.startswith(opening):
                _lose_limits(tool, ledger)
                return {ours: {}}
    ledger.lose(f"tools.{tool.name}", f"{kind} runs at its own vendor only")
    return None


def _lose_limits(tool: Tool, ledger: Ledger) -> None:
    """The vendor's search takes no settings."""
    search = tool.search or SearchTool()
    for name, value in (
        ("max_uses", search.max_uses),
        ("allowed_domains", search.allowed_domains),
        ("blocked_domains", search.blocked_domains),
    ):
        if value:
            ledger.lose(f"tools.{tool.name}.{name}", "googleSearch takes no such limit")


def _function(tool: Tool, ledger: Ledger) -> ToolOut | None:
    description, schema = tool.description, tool.schema
    if tool.kind == "custom":
        ledger.custom.add(tool.name)
        description, schema = _freeform(tool), _INPUT
    elif tool.kind == "client":
        known = client_tool(tool)
        if known is not None:
            description, schema = known.description, known.schema
        elif schema is None:
            ledger.lose(f"tools.{tool.name}", f"the schema of {tool.vendor_type} is not known here")
            return None
    if tool.strict:
        ledger.lose("tools.strict", "the upstream enforces no schemas on calls")
    out: ToolOut = {"name": ledger.name(tool.name)}
    if description is not None:
        out["description"] = description
    out |= _schema(schema, ledger)
    if ledger.own and tool.raw is not None:
        out |= OBJECT.decode(tool.raw)
    return out


def _schema(schema: Raw | None, ledger: Ledger) -> ToolOut:
    if schema is None:
        return {}
    try:
        if ledger.facts.schema_dialect == "json_schema":
            known, lost = known_words(schema)
            ledger.lose_words("tools.schema", lost)
            return {"parametersJsonSchema": known}
        written = subset(schema)
    except msgspec.DecodeError:
        return {}
    return {} if written is None else {"parameters": written}


def _freeform(tool: Tool) -> str:
    """Description of a freeform tool that is sent as a function with one string (E41)."""
    lines = [tool.description or "", "Put the whole input, as plain text, into `input`."]
    if tool.raw is not None and bytes(tool.raw) not in (b"{}", b'{"type":"text"}'):
        lines.append(f"The text must follow this format: {bytes(tool.raw).decode()}")
    return "\n".join(line for line in lines if line)


def encode_choice(request: Request, names: list[str], ledger: Ledger) -> dict[str, object] | None:
    """``functionCallingConfig``, or None when there is nothing to say. One name goes as a list of one (E47)."""
    choice = request.tool_choice
    if choice is None or not names:
        return None
    if choice.mode in ("any", "tool") and not ledger.facts.forced_tools:
        ledger.lose("tool_choice", "the upstream cannot be forced to call a tool")
        return {"mode": "AUTO"}
    if choice.mode == "tool":
        name = ledger.name(choice.name or "")
        if name not in names:
            ledger.lose("tool_choice", f"{choice.name} is not among the tools that were sent")
            return None
        return {"mode": "ANY", "allowedFunctionNames": [name]}
    allowed = [name for name in map(ledger.name, choice.allowed) if name in names]
    if allowed and choice.mode != "none":
        return {"mode": "ANY" if choice.mode == "any" else "VALIDATED", "allowedFunctionNames": allowed}
    return {"mode": choice.mode.upper()}

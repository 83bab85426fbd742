"""Tools and the choice among them; structured output by way of one."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.types import OutputFormat, Request, Tool
from trunkline.protocols.bedrock_converse.ledger import Ledger
from trunkline.protocols.bedrock_converse.part_encode import marks, refused
from trunkline.protocols.bedrock_converse.wire import ENCODER, OBJECT, Block
from trunkline.protocols.client_tools import client_tool

STRUCTURED_TOOL: Final = "structured_answer"
PLACEHOLDER: Final = "DeferredToolPlaceholder"
"""Claude Code declares it to switch tool search on; it must never be called."""
EMPTY_SCHEMA: Final = Raw(b'{"type":"object","properties":{}}')
INPUT_SCHEMA: Final = Raw(
    b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}'
)


class Tools(Struct):
    """The tool side of a body."""

    tools: list[Block]
    choice: Block | None = None
    custom: frozenset[str] = frozenset()
    structured: str | None = None
    told: str | None = None
    """An instruction that stands for a choice Converse does not have."""

    @property
    def forced(self) -> bool:
        """Whether the model must call something."""
        return self.choice is not None and "auto" not in self.choice


def encode_tools(request: Request, ledger: Ledger) -> Tools:
    """Every tool carried or noted, and the choice as far as the target takes it."""
    if request.tools and not ledger.facts.tools:
        raise refused(f"{ledger.who} takes no tools: send requests with tools to another model")
    choice = request.tool_choice
    wanted = request.tools
    if choice is not None and choice.allowed:
        wanted = tuple(tool for tool in wanted if tool.name in choice.allowed)
    found = Tools([])
    custom: set[str] = set()
    for tool in wanted:
        spec = _spec(tool, ledger)
        if spec is not None:
            found.tools.append({"toolSpec": spec})
            found.tools += marks(tool.cache, ledger)
            if tool.kind == "custom":
                custom.add(tool.name)
    found.custom = frozenset(custom)
    _choose(request, found, ledger)
    form = request.output_format
    if form is not None and form.kind == "json_schema" and ledger.facts.structured == "tool":
        _add_structured(found, form, ledger)
    return found


def declare_called(found: Tools, ledger: Ledger) -> None:
    """Tools must be declared where the history holds calls (E115): stubs where none are left."""
    if found.tools:
        return
    for name in ledger.sent_names:
        found.tools.append({"toolSpec": {"name": name, "inputSchema": {"json": EMPTY_SCHEMA}}})


def _spec(tool: Tool, ledger: Ledger) -> Block | None:
    if tool.name == PLACEHOLDER and tool.deferred:
        return None
    description, schema = tool.description, object_schema(tool.schema)
    match tool.kind:
        case "custom":
            description, schema = _freeform(tool), INPUT_SCHEMA
        case "client" if (known := client_tool(tool)) is not None:
            description, schema = known.description, known.schema
        case "client" | "server" if tool.schema is None:
            ledger.losses.add(f"tools.{tool.name}", f"a {tool.kind} tool that the target does not have")
            return None
        case _:
            pass
    spec: Block = {"name": ledger.names.upstream(tool.name)}
    if description:
        spec["description"] = description
    spec["inputSchema"] = {"json": schema}
    if tool.strict and tool.kind == "function":
        if ledger.facts.strict_tools:
            spec["strict"] = True
        else:
            ledger.losses.add("tools.strict", "the target takes no such setting")
    return spec


def object_schema(schema: Raw | None) -> Raw:
    """A schema whose ``type`` is there: a tool without it is refused."""
    if schema is None or bytes(schema) in (b"null", b"{}"):
        return EMPTY_SCHEMA
    try:
        fields = OBJECT.decode(schema)
    except msgspec.DecodeError:
        return EMPTY_SCHEMA
    return schema if "type" in fields else Raw(ENCODER.encode({"type": "object", **fields}))


def _freeform(tool: Tool) -> str:
    """A freeform tool's purpose, how to fill its one field, and its format (E41)."""
    lines = [tool.description or "", "Put the whole input of this tool, as plain text, into `input`."]
    if tool.raw is not None and bytes(tool.raw) not in (b"{}", b'{"type":"text"}'):
        lines.append(f"The text must follow this format: {bytes(tool.raw).decode()}")
    return "\n".join(line for line in lines if line)


def _choose(request: Request, found: Tools, ledger: Ledger) -> None:
    choice = request.tool_choice
    if request.parallel_tool_calls is False and found.tools:
        ledger.losses.add("parallel_tool_calls", "Converse has no switch against parallel calls")
    if choice is None:
        return
    if not found.tools:
        if choice.mode in ("any", "tool"):
            ledger.losses.add("tool_choice", "no tool is left to choose")
        return
    if choice.mode == "none":
        found.told = "Do not call any tool in this answer."
        ledger.losses.add("tool_choice", "Converse cannot forbid calls: the instructions ask for it")
    elif choice.mode == "auto":
        found.choice = {"auto": {}}
    elif not ledger.facts.forced_tools:
        ledger.losses.add("tool_choice", "the target cannot be made to call a tool")
    elif choice.mode == "tool":
        found.choice = {"tool": {"name": ledger.names.upstream(choice.name or "")}}
    else:
        found.choice = {"any": {}}


def _add_structured(found: Tools, form: OutputFormat, ledger: Ledger) -> None:
    """The answer's schema as a tool that must be called, beside the client's own tools (E120)."""
    spec: Block = {
        "name": STRUCTURED_TOOL,
        "description": form.description or "Give the final answer by calling this tool, once.",
        "inputSchema": {"json": object_schema(form.schema)},
    }
    others = bool(found.tools) and found.told is None
    found.tools.append({"toolSpec": spec})
    found.structured = STRUCTURED_TOOL
    if not ledger.facts.forced_tools:
        ledger.losses.add("output_format", "the target cannot be made to answer in a form: it is asked to")
    elif found.choice is None or "tool" not in found.choice:
        found.choice = {"any": {}} if others else {"tool": {"name": STRUCTURED_TOOL}}

"""The open way to read a request: field by field, so that what we do not know is kept instead of refused.

The fast way (:mod:`request_decode`) decodes a body in one pass and gives up at anything unusual; then this
one reads it again, and this one words the errors.
"""

from collections.abc import Callable
from typing import Final, Literal

import msgspec
from msgspec import Raw, Struct

from trunkline.core.types import Extra, Part, Text, Tool, ToolResult
from trunkline.protocols.anthropic_messages.marks import decode_mark
from trunkline.protocols.anthropic_messages.parts import (
    decode_blocks,
    decode_call,
    decode_document,
    decode_image,
    decode_redacted,
    decode_text,
    decode_thinking,
    decode_tool_reference,
)
from trunkline.protocols.anthropic_messages.refusals import checked, invalid, refusal
from trunkline.protocols.anthropic_messages.rendering import opaque
from trunkline.protocols.anthropic_messages.search import search_tool
from trunkline.protocols.anthropic_messages.wire import (
    ABSENT,
    CacheControl,
    DocumentBlock,
    ImageBlock,
    OutputConfig,
    RedactedBlock,
    TextBlock,
    ThinkingBlock,
    ToolReferenceBlock,
    ToolUseBlock,
    WireMessage,
    WireRequest,
    encode,
)


class OpenMessage(Struct, gc=False):
    """A message whose blocks stand undecoded."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[Raw]
    output_config: OutputConfig | None = None


class _OpenResult(Struct, gc=False):
    tool_use_id: str
    content: str | list[Raw] | None = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None


class _OpenTool(Struct, gc=False):
    name: str | None = None
    mcp_server_name: str | None = None
    type: str | None = None
    input_schema: Raw = ABSENT
    description: str | None = None
    strict: bool | None = None
    defer_loading: bool | None = None
    cache_control: CacheControl | None = None


class _Kind(Struct, gc=False):
    type: str


_fields: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_items: Final = msgspec.json.Decoder(list[Raw]).decode
_known_message: Final = msgspec.json.Decoder(WireMessage).decode
_message: Final = msgspec.json.Decoder(OpenMessage).decode
_string: Final = msgspec.json.Decoder(str).decode
_kind: Final = msgspec.json.Decoder(_Kind).decode
_result: Final = msgspec.json.Decoder(_OpenResult).decode
_tool: Final = msgspec.json.Decoder(_OpenTool).decode
_scalars: Final = msgspec.json.Decoder(WireRequest).decode

_TOOL_FIELDS: Final = frozenset(_OpenTool.__struct_fields__)
_KNOWN: Final = frozenset(WireRequest.__struct_fields__)
_LARGE: Final = frozenset({"messages", "system", "tools"})
_CLIENT_TOOLS: Final = ("bash_", "text_editor_", "computer_", "memory_")

_UNKNOWN_TAG: Final = "Invalid value '"

_READERS: Final[dict[str, tuple[Callable[[bytes | Raw], object], Callable[..., Part]]]] = {
    "text": (msgspec.json.Decoder(TextBlock).decode, decode_text),
    "image": (msgspec.json.Decoder(ImageBlock).decode, decode_image),
    "document": (msgspec.json.Decoder(DocumentBlock).decode, decode_document),
    "tool_use": (msgspec.json.Decoder(ToolUseBlock).decode, decode_call),
    "thinking": (msgspec.json.Decoder(ThinkingBlock).decode, decode_thinking),
    "redacted_thinking": (msgspec.json.Decoder(RedactedBlock).decode, decode_redacted),
    "tool_reference": (msgspec.json.Decoder(ToolReferenceBlock).decode, decode_tool_reference),
}


class OpenRequest(Struct):
    """What the open way found: small fields as in the fast way, the large ones already neutral."""

    scalars: WireRequest
    messages: list[tuple[OpenMessage | WireMessage, tuple[Part, ...]]]
    system: tuple[Part, ...]
    tools: tuple[Tool, ...]
    extras: list[Extra]


def read_open(body: bytes) -> OpenRequest:
    """A request with anything unknown in it. Raises GatewayError (INVALID_REQUEST) with the path."""
    fields = checked(_fields, body, "")
    for name in ("model", "messages"):
        if name not in fields:
            raise invalid(f"{name}: Field required", name)
    small = {name: raw for name, raw in fields.items() if name in _KNOWN and name not in _LARGE}
    scalars = checked(_scalars, encode({**small, "messages": []}), "")
    extras = [Extra(name, Raw(bytes(raw))) for name, raw in fields.items() if name not in _KNOWN]
    messages: list[tuple[OpenMessage | WireMessage, tuple[Part, ...]]] = []
    for index, raw in enumerate(checked(_items, fields["messages"], "messages")):
        messages.append(_read_message(raw, f"messages.{index}"))
    tools: list[Tool] = []
    for index, raw in enumerate(checked(_items, _or_empty(fields.get("tools")), "tools")):
        tools.append(read_tool(raw, f"tools.{index}", extras))
    return OpenRequest(
        scalars,
        messages,
        _read_system(_or_empty(fields.get("system"))),
        tuple(tools),
        extras,
    )


def _or_empty(raw: Raw | None) -> Raw:
    return Raw(b"[]") if raw is None or bytes(raw) == b"null" else raw


def _read_system(raw: Raw) -> tuple[Part, ...]:
    if bytes(raw).startswith(b'"'):
        return read_content(checked(_string, raw, "system"), "system")
    return read_content(checked(_items, raw, "system"), "system")


def _read_message(raw: Raw, path: str) -> tuple[OpenMessage | WireMessage, tuple[Part, ...]]:
    try:
        known = _known_message(raw)
    except msgspec.ValidationError:
        message = checked(_message, raw, path)
        return message, read_content(message.content, f"{path}.content")
    if isinstance(known.content, str):
        return known, (Text(known.content),) if known.content else ()
    return known, decode_blocks(known.content)


def read_content(content: str | list[Raw] | None, path: str) -> tuple[Part, ...]:
    """The parts of a text or a list of blocks."""
    if isinstance(content, str):
        return (Text(content),) if content else ()
    return tuple([read_block(raw, f"{path}.{index}") for index, raw in enumerate(content or ())])


def read_block(raw: Raw, path: str) -> Part:
    """One block, of whatever kind."""
    kind = checked(_kind, raw, path).type
    if kind == "tool_result":
        result = checked(_result, raw, path)
        return ToolResult(
            call_id=result.tool_use_id,
            content=read_content(result.content, f"{path}.content"),
            is_error=bool(result.is_error),
            cache=decode_mark(result.cache_control),
        )
    if kind not in _READERS:
        return opaque(raw, kind)
    decode, read = _READERS[kind]
    try:
        return read(decode(raw))
    except msgspec.ValidationError as cause:
        if str(cause).startswith(_UNKNOWN_TAG):  # a source or inner block of a new kind: kept as a whole
            return opaque(raw, kind)
        raise refusal(path, cause) from cause


def read_tool(raw: Raw, path: str, extras: list[Extra]) -> Tool:
    """One tool, of whatever kind; fields outside the vocabulary go into ``extras`` once each."""
    wire = checked(_tool, raw, path)
    name = wire.name or wire.mcp_server_name or wire.type
    if name is None:
        raise invalid(f"{path}.name: Field required", f"{path}.name")
    if wire.type is None or wire.type == "custom":
        return _function(wire, name, _fields(raw), extras)
    kind: Literal["client", "server"] = "client" if wire.type.startswith(_CLIENT_TOOLS) else "server"
    return Tool(
        name=name,
        kind=kind,
        description=wire.description,
        deferred=bool(wire.defer_loading),
        vendor_type=wire.type,
        raw=Raw(bytes(raw)),
        cache=decode_mark(wire.cache_control),
        search=search_tool(wire.type, raw),
    )


def _function(wire: _OpenTool, name: str, fields: dict[str, Raw], extras: list[Extra]) -> Tool:
    others = {key: raw for key, raw in fields.items() if key not in _TOOL_FIELDS}
    return Tool(
        name=name,
        description=wire.description,
        schema=wire.input_schema if bytes(wire.input_schema) else None,
        strict=wire.strict,
        deferred=bool(wire.defer_loading),
        raw=tool_extras(others, extras),
        cache=decode_mark(wire.cache_control),
    )


def tool_extras(others: dict[str, Raw], extras: list[Extra]) -> Raw | None:
    """A function's vendor fields as one object, each also noted once as an extra of the request."""
    if not others:
        return None
    noted = {extra.name for extra in extras}
    for key, raw in others.items():
        if f"tools.{key}" not in noted:
            extras.append(Extra(f"tools.{key}", Raw(bytes(raw))))
    return Raw(encode(others))

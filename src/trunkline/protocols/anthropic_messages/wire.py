"""The shapes of Anthropic Messages as Structs: the blocks of both directions, only with fields we use.

Every block the vocabulary knows is a tagged Struct. What is not in :data:`Block` is an :class:`OtherBlock`.
"""

from typing import Final, Literal

import msgspec
from msgspec import Raw, Struct

PROTOCOL: Final = "anthropic_messages"
ABSENT: Final = Raw(b"")
"""Stands for a raw field that was not there."""

encode: Final = msgspec.json.Encoder().encode


class CacheControl(Struct, omit_defaults=True, gc=False):
    """A cache breakpoint; ``type`` has only ever been ``ephemeral``."""

    type: str
    ttl: str | None = None


class Base64Source(Struct, tag="base64", gc=False):
    """Bytes within the request."""

    media_type: str
    data: str


class UrlSource(Struct, tag="url", gc=False):
    """Bytes that the vendor fetches."""

    url: str


class FileSource(Struct, tag="file", gc=False):
    """Bytes in the vendor's own store."""

    file_id: str


class TextSource(Struct, tag="text", gc=False):
    """A plain-text document."""

    data: str
    media_type: str = "text/plain"


class TextBlock(Struct, tag="text", omit_defaults=True, gc=False):
    """Text; ``citations`` are kept undecoded."""

    text: str
    citations: list[Raw] | None = None
    cache_control: CacheControl | None = None


class ImageBlock(Struct, tag="image", omit_defaults=True, gc=False):
    """A picture."""

    source: Base64Source | UrlSource | FileSource
    cache_control: CacheControl | None = None


class ContentSource(Struct, tag="content", gc=False):
    """A document made of blocks."""

    content: str | list[TextBlock | ImageBlock]


class Citations(Struct, gc=False):
    """Whether a document may be cited."""

    enabled: bool = False


class DocumentBlock(Struct, tag="document", omit_defaults=True, gc=False):
    """A file with what the model is told about it."""

    source: Base64Source | UrlSource | TextSource | ContentSource | FileSource
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None
    cache_control: CacheControl | None = None


class ToolReferenceBlock(Struct, tag="tool_reference", omit_defaults=True, gc=False):
    """Within a result: a deferred tool that the client now declares."""

    tool_name: str
    cache_control: CacheControl | None = None


class OtherBlock(Struct, gc=False):
    """A block outside the vocabulary, as it came."""

    kind: str
    raw: Raw


ResultItem = TextBlock | ImageBlock | DocumentBlock | ToolReferenceBlock


class ToolUseBlock(Struct, tag="tool_use", omit_defaults=True, gc=False):
    """A call; ``input`` is any JSON."""

    id: str
    name: str
    input: Raw
    cache_control: CacheControl | None = None


class ToolResultBlock(Struct, tag="tool_result", omit_defaults=True, gc=False):
    """A call's outcome."""

    tool_use_id: str
    content: str | list[ResultItem] | None = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None


class ThinkingBlock(Struct, tag="thinking", gc=False):
    """Readable reasoning and the proof of it."""

    thinking: str
    signature: str | None = ""


class RedactedBlock(Struct, tag="redacted_thinking", gc=False):
    """Reasoning that only its maker can read."""

    data: str


Block = (
    TextBlock
    | ToolUseBlock
    | ToolResultBlock
    | ThinkingBlock
    | RedactedBlock
    | ImageBlock
    | DocumentBlock
    | ToolReferenceBlock
)


class OutputConfig(Struct, gc=False):
    """Effort for one turn, as Claude Code puts it on its system messages."""

    effort: str | None = None


class WireMessage(Struct, gc=False):
    """One message whose blocks are all known."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[Block]
    output_config: OutputConfig | None = None


class WireTool(Struct, forbid_unknown_fields=True, gc=False):
    """A tool with a schema. Every other kind, and every other field, takes the open way."""

    name: str
    input_schema: Raw
    description: str | None = None
    type: Literal["custom"] | None = None
    strict: bool | None = None
    defer_loading: bool | None = None
    cache_control: CacheControl | None = None
    eager_input_streaming: Raw = ABSENT
    input_examples: Raw = ABSENT
    allowed_callers: Raw = ABSENT


class WireRequest(Struct, forbid_unknown_fields=True, gc=False):
    """A request without anything unusual, decoded in one pass."""

    model: str
    messages: list[WireMessage]
    system: str | list[TextBlock] | None = None
    tools: list[WireTool] | None = None
    tool_choice: Raw = ABSENT
    max_tokens: int | None = None
    stream: bool | None = None
    thinking: Raw = ABSENT
    output_config: Raw = ABSENT
    output_format: Raw = ABSENT
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    metadata: Raw = ABSENT
    service_tier: str | None = None
    cache_control: CacheControl | None = None
    context_management: Raw = ABSENT
    mcp_servers: Raw = ABSENT
    container: Raw = ABSENT
    speed: Raw = ABSENT
    inference_geo: Raw = ABSENT
    fallbacks: Raw = ABSENT
    diagnostics: Raw = ABSENT
    safeguards: Raw = ABSENT


EXTRA_FIELDS: Final = (
    "context_management",
    "mcp_servers",
    "container",
    "speed",
    "inference_geo",
    "fallbacks",
    "diagnostics",
    "safeguards",
)
"""Fields of :class:`WireRequest` that are carried and never read."""

TOOL_EXTRA_FIELDS: Final = ("eager_input_streaming", "input_examples", "allowed_callers")


class CacheCreation(Struct, gc=False):
    """Cache writes by lifetime."""

    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class OutputDetails(Struct, gc=False):
    """Output by kind."""

    thinking_tokens: int | None = None


class ServerToolUse(Struct, omit_defaults=True, gc=False):
    """Uses of server tools."""

    web_search_requests: int | None = None
    web_fetch_requests: int | None = None


class WireUsage(Struct, omit_defaults=True, gc=False):
    """Counts as the vendor states them: ``input_tokens`` excludes the cache."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None
    server_tool_use: ServerToolUse | None = None


class Tag(Struct, gc=False):
    """The kind of any object that has one."""

    type: str = ""


tag_of: Final = msgspec.json.Decoder(Tag).decode

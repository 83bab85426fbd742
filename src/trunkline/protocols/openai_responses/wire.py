"""The wire as we read it: only the fields that mean something to us, every one optional.

Items and parts are decoded in two steps, their kind first: what one kind calls a string is an object in
another, and kinds nobody knows must not fail.
"""

import re
from typing import Final, Literal, TypeVar

import msgspec
from msgspec import Raw, Struct

from trunkline.core.surrogates import decode_lenient

NAME: Final = "openai_responses"
ERROR_PREFIX: Final = "Error: "
"""Stands before a tool result that is an error; the protocol has no flag for it (E37)."""
ITEM: Final = "item."
"""Begins the kind of an opaque part that is a whole item; other opaque parts stand inside messages."""

ABSENT: Final = Raw()
"""Stands for a raw field of a request that was not there."""

Number = int | float
Value = TypeVar("Value")


class WireKind(Struct):
    """Enough of an item or part to tell what it is."""

    type: str | None = None
    role: object = None


class WirePart(Struct):
    """One element of a message's content, or of a result's output."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    annotations: list[Raw] | None = None
    encrypted_content: str | None = None


class WireSound(Struct):
    """``input_audio``."""

    data: str
    format: str = "wav"


class WireAudio(Struct):
    """A part of type ``input_audio``."""

    input_audio: WireSound


class WireMessage(Struct):
    """A ``message`` item, with or without its type."""

    role: str | None = None
    content: str | list[Raw] | None = None
    phase: str | None = None


class WireTextPart(Struct):
    """A part that is nothing but text."""

    type: Literal["input_text", "output_text", "text"]
    text: str
    annotations: list[Raw] | None = None


class WireTextMessage(Struct):
    """A ``message`` item of texts, as nearly all are: read in one pass."""

    role: str | None
    content: str | list[WireTextPart]
    phase: str | None = None


class WireCall(Struct):
    """``function_call`` and ``custom_tool_call``."""

    type: str = ""
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | dict[str, Raw] | None = None
    input: str | None = None
    status: str | None = None
    id: str | None = None


class WireTypedCall(Struct):
    """A call of one of OpenAI's own client tools: what it asks for stands under a name of its own."""

    call_id: str | None = None
    id: str | None = None
    action: Raw = Raw()
    operation: Raw = Raw()
    arguments: Raw = Raw()
    execution: str | None = None
    environment: WireKind | None = None


class WireOutput(Struct):
    """The outcome of a function call, a freeform call, or of one of OpenAI's own client tools."""

    call_id: str | None = None
    id: str | None = None
    output: str | list[Raw] | None = None
    status: str | None = None
    execution: str | None = None
    tools: list[Raw] | None = None


class WireText(Struct):
    """An element of a reasoning item's ``summary`` or ``content``."""

    text: str | None = None


class WireReasoning(Struct):
    """A ``reasoning`` item."""

    summary: list[WireText] | None = None
    content: list[WireText] | None = None
    encrypted_content: str | None = None


class WireTools(Struct):
    """An ``additional_tools`` item."""

    tools: list[Raw] = []


class WireAgentMessage(Struct):
    """What another agent sent: ``agent_message``."""

    author: str | None = None
    content: list[WirePart] = []


class WireImageCall(Struct):
    """``image_generation_call``."""

    result: str | None = None
    output_format: str | None = None


class WireTool(Struct, forbid_unknown_fields=True):
    """A function, freeform tool or group of them; every other type is read by its ``type`` and ``name``."""

    type: str = "function"
    name: str | None = None
    description: str | None = None
    parameters: Raw = Raw()
    strict: bool | None = None
    format: Raw = Raw()
    tools: list[Raw] | None = None


class WireOpenTool(WireTool, forbid_unknown_fields=False):
    """The same with fields outside our vocabulary."""

    server_label: str | None = None
    execution: str | None = None
    environment: WireKind | None = None


class WireNamed(Struct):
    """An object form of ``tool_choice``, and an element of its ``tools``."""

    type: str = "function"
    name: str | None = None
    namespace: str | None = None
    server_label: str | None = None
    mode: str | None = None
    tools: list["WireNamed"] | None = None


class WireFormat(Struct):
    """``text.format``."""

    type: str
    name: str | None = None
    schema: Raw = Raw()
    strict: bool | None = None
    description: str | None = None


class WireFields(Struct):
    """What we understand of a request."""

    model: str
    input: str | list[Raw] | None = None
    instructions: str | None = None
    tools: list[Raw] | None = None
    tool_choice: str | WireNamed | None = None
    parallel_tool_calls: bool | None = None
    reasoning: dict[str, Raw] | None = None
    text: dict[str, Raw] | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stream: bool | None = None
    user: str | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None


class WireRequest(WireFields, forbid_unknown_fields=True):
    """The request. What is not named here or above is kept for its own protocol too, at the price of more passes."""

    store: Raw = ABSENT
    include: Raw = ABSENT
    client_metadata: Raw = ABSENT
    truncation: Raw = ABSENT
    metadata: Raw = ABSENT
    previous_response_id: Raw = ABSENT
    stream_options: Raw = ABSENT
    max_tool_calls: Raw = ABSENT
    safety_identifier: Raw = ABSENT
    prompt_cache_retention: Raw = ABSENT
    top_logprobs: Raw = ABSENT
    context_management: Raw = ABSENT


CARRIED_FIELDS: Final = tuple(
    name for name in WireRequest.__struct_encode_fields__ if name not in WireFields.__struct_encode_fields__
)
"""Fields that are kept for this protocol and never read: agents send them with every request."""


class WireOpenRequest(WireRequest, forbid_unknown_fields=False):
    """The same, for requests with fields outside our vocabulary."""


class WireInputDetails(Struct, gc=False):
    """``input_tokens_details``."""

    cached_tokens: Number | None = None
    cache_write_tokens: Number | None = None


class WireOutputDetails(Struct, gc=False):
    """``output_tokens_details``."""

    reasoning_tokens: Number | None = None


class WireUsage(Struct, gc=False):
    """``usage``."""

    input_tokens: Number | None = None
    output_tokens: Number | None = None
    input_tokens_details: WireInputDetails | None = None
    output_tokens_details: WireOutputDetails | None = None


class WireIncomplete(Struct, gc=False):
    """``incomplete_details``."""

    reason: str | None = None


class WireResponse(Struct):
    """A whole answer, alone or inside a stream's events."""

    id: str | None = None
    model: str | None = None
    created_at: Number | None = None
    status: str | None = None
    error: Raw = Raw()
    incomplete_details: WireIncomplete | None = None
    output: list[Raw] | None = None
    usage: WireUsage | None = None


class WireEvent(Struct):
    """One event of a stream."""

    type: str = ""
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    delta: str | None = None
    text: str | None = None
    refusal: str | None = None
    arguments: str | None = None
    input: str | None = None
    item: Raw = Raw()
    annotation: Raw = Raw()
    response: Raw = Raw()
    error: Raw = Raw()


REQUEST: Final = msgspec.json.Decoder(WireRequest)
OPEN_REQUEST: Final = msgspec.json.Decoder(WireOpenRequest)
KNOWN_FIELDS: Final = frozenset(WireFields.__struct_encode_fields__)
_TYPE_FIRST: Final = re.compile(rb'\s*\{\s*"type"\s*:\s*"(\w+)"')
KIND: Final = msgspec.json.Decoder(WireKind)
PART: Final = msgspec.json.Decoder(WirePart)
RESPONSE: Final = msgspec.json.Decoder(WireResponse)
EVENT: Final = msgspec.json.Decoder(WireEvent)
OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
LIST: Final = msgspec.json.Decoder(list[Raw])
TEXT: Final = msgspec.json.Decoder(str)
ANY: Final = msgspec.json.Decoder()
encode: Final = msgspec.json.Encoder().encode
"""JSON bytes of anything this room writes."""

MESSAGE: Final = msgspec.json.Decoder(WireMessage)
TEXT_MESSAGE: Final = msgspec.json.Decoder(WireTextMessage)
CALL: Final = msgspec.json.Decoder(WireCall)
TYPED_CALL: Final = msgspec.json.Decoder(WireTypedCall)
OUTPUT: Final = msgspec.json.Decoder(WireOutput)
REASONING: Final = msgspec.json.Decoder(WireReasoning)


def kind_of(raw: Raw) -> WireKind:
    """Type and role of an item. Raises msgspec.ValidationError for what is no object.

    Most write the type first: then the rest, which may be long, is not read for it, and the role is left out.
    """
    data = bytes(raw)
    first = _TYPE_FIRST.match(data)
    return WireKind(type=first[1].decode()) if first else decode_lenient(KIND, data)


def read(decoder: "msgspec.json.Decoder[Value]", raw: Raw) -> Value:
    """``raw`` decoded, lone surrogates forgiven."""
    return decode_lenient(decoder, bytes(raw))


def checked(raw: Raw) -> Raw:
    """``raw`` itself. Raises UnicodeDecodeError: what is carried undecoded must be text too."""
    data = bytes(raw)
    if not data.isascii():
        data.decode()
    return raw


def present(raw: Raw) -> bool:
    """Whether a field was there and was not null."""
    return bool(raw) and bytes(raw) != b"null"

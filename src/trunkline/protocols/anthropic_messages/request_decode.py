"""A client's request to the neutral form."""

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Final, Literal, TypeVar, cast

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from trunkline.core.types import (
    Extra,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    Request,
    Sampling,
    Text,
    Tool,
    ToolChoice,
)
from trunkline.protocols.anthropic_messages.marks import decode_mark
from trunkline.protocols.anthropic_messages.open_request import (
    OpenMessage,
    OpenRequest,
    read_open,
    tool_extras,
)
from trunkline.protocols.anthropic_messages.parts import decode_blocks, decode_text
from trunkline.protocols.anthropic_messages.refusals import checked, invalid, malformed, mended
from trunkline.protocols.anthropic_messages.wire import (
    ABSENT,
    EXTRA_FIELDS,
    PROTOCOL,
    TOOL_EXTRA_FIELDS,
    OutputConfig,
    WireMessage,
    WireRequest,
    WireTool,
)
from trunkline.protocols.reading import Earlier, Reading, Seam

T = TypeVar("T")


class _Choice(Struct, gc=False):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Thinking(Struct, gc=False):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


class _Format(Struct, gc=False):
    type: str = "json_schema"
    schema: Raw = ABSENT
    name: str | None = None


_whole: Final = msgspec.json.Decoder(WireRequest).decode
_fields: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_choice: Final = msgspec.json.Decoder(_Choice).decode
_thinking: Final = msgspec.json.Decoder(_Thinking).decode
_effort: Final = msgspec.json.Decoder(OutputConfig).decode
_format: Final = msgspec.json.Decoder(_Format).decode
_text: Final = msgspec.json.Decoder(str).decode


class _Options(Struct, gc=False):
    """What a request may say beside its conversation, in fields of their own."""

    choice: ToolChoice | None = None
    parallel: bool | None = None
    reasoning: Reasoning | None = None
    output_format: OutputFormat | None = None
    user: str | None = None


_OPTIONS: Final = ("tool_choice", "thinking", "output_config", "output_format", "metadata", *EXTRA_FIELDS)
_optional_values: Final = attrgetter(*_OPTIONS)
_NO_OPTIONS: Final = (ABSENT,) * len(_OPTIONS)
_sampling_values: Final = attrgetter("temperature", "top_p", "top_k", "stop_sequences")
_NO_SAMPLING: Final = (None,) * 4
_UNSET_SAMPLING: Final = Sampling()
_extra_values: Final = attrgetter(*EXTRA_FIELDS)
_NO_EXTRAS: Final = (ABSENT,) * len(EXTRA_FIELDS)
_tool_extra_values: Final = attrgetter(*TOOL_EXTRA_FIELDS)
_NO_TOOL_EXTRAS: Final = (ABSENT,) * len(TOOL_EXTRA_FIELDS)
_SYSTEM: Final = frozenset({"system"})
_SHARED: Final = frozenset({"system", "tools"})
_OUTPUT_FIELDS: Final = frozenset({"effort", "format"})
_METADATA_FIELDS: Final = frozenset({"user_id"})

_CHOICES: Final[dict[str, Literal["auto", "any", "tool", "none"]]] = {
    "auto": "auto",
    "any": "any",
    "tool": "tool",
    "none": "none",
}
_MODES: Final[dict[str, Literal["off", "budget", "adaptive"]]] = {
    "disabled": "off",
    "enabled": "budget",
    "adaptive": "adaptive",
}


def decode_request(body: bytes) -> Request:
    """As :meth:`trunkline.protocols.codec.Codec.decode_request` promises."""
    return _mending(_decode, body)


def read_request(body: bytes, earlier: Earlier | None = None) -> Reading:
    """As :meth:`trunkline.protocols.codec.Codec.read_request` promises."""
    return _mending(partial(_read, earlier=earlier), body)


def _mending(read: Callable[[bytes], T], body: bytes) -> T:
    """What ``read`` makes of the body, mended if it has to be. Raises GatewayError (INVALID_REQUEST)."""
    try:
        return read(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        whole = mended(body)
        if whole is body:
            raise malformed(cause) from cause
        try:
            return read(whole)
        except (msgspec.DecodeError, UnicodeDecodeError) as second:
            raise malformed(second) from second


def _decode(body: bytes) -> Request:
    """As :func:`_read` by itself, without seams: they are as much work as the messages, and nobody reads on from here."""
    found = _take_apart(body)
    messages: list[Message] = []
    effort = None
    for message, parts in found.messages:
        messages.append(Message(message.role, parts))
        if message.output_config is not None:
            effort = message.output_config.effort or effort
    return _request(found, messages, effort, None)


def _take_apart(body: bytes) -> OpenRequest:
    if not body.isascii():
        body.decode()  # what is carried undecoded must be text too
    try:
        return _read_usual(body)
    except msgspec.ValidationError:
        return read_open(body)


def _read(body: bytes, earlier: Earlier | None) -> Reading:
    found = _take_apart(body)
    messages = [] if earlier is None else [*earlier.messages]
    seam = None if earlier is None else earlier.seam
    effort = None if seam is None or not seam.words else seam.words[0]
    seams: list[Seam | None] = []
    for message, parts in found.messages:
        messages.append(Message(message.role, parts))
        if message.output_config is not None:
            effort = message.output_config.effort or effort
        seams.append(Seam(len(messages), (), () if effort is None else (effort,)))
    request = _request(found, messages, effort, earlier)
    noted = found.extras and any(extra.name.startswith("tools.") for extra in found.extras)
    return Reading(request, tuple(seams), _SYSTEM if noted else _SHARED)


def _read_usual(body: bytes) -> OpenRequest:
    """A request without anything unusual. Raises msgspec.ValidationError for any other."""
    wire = _whole(body)
    extras: list[Extra] = []
    messages: list[tuple[OpenMessage | WireMessage, tuple[Part, ...]]] = []
    for message in wire.messages:
        content = message.content
        if isinstance(content, str):
            messages.append((message, (Text(content),) if content else ()))
        else:
            messages.append((message, decode_blocks(content)))
    system: tuple[Part, ...] = ()
    if isinstance(wire.system, str):
        system = (Text(wire.system),) if wire.system else ()
    elif wire.system:
        system = tuple([decode_text(block) for block in wire.system])
    tools = tuple([_decode_tool(tool, extras) for tool in wire.tools]) if wire.tools else ()
    return OpenRequest(wire, messages, system, tools, extras)


def _request(
    found: OpenRequest, messages: list[Message], turn_effort: str | None, earlier: Earlier | None
) -> Request:
    wire, extras = found.scalars, found.extras
    for part in found.system:
        if not isinstance(part, (Text, Opaque)):
            raise invalid("system: Input should be a string or a list of text blocks", "system")
    system, tools = cast("tuple[Text | Opaque, ...]", found.system), found.tools
    if earlier is not None:
        system = earlier.request.system if "system" in earlier.fields else system
        tools = earlier.request.tools if "tools" in earlier.fields else tools
    asked = None
    if turn_effort is not None or _optional_values(wire) != _NO_OPTIONS:
        asked = _decode_options(wire, turn_effort, extras)
    usual = Request(
        protocol=PROTOCOL,
        model=wire.model,
        messages=tuple(messages),
        system=system,
        tools=tools,
        max_tokens=wire.max_tokens,
        stream=bool(wire.stream),
        sampling=_UNSET_SAMPLING if _sampling_values(wire) == _NO_SAMPLING else _decode_sampling(wire),
        service_tier=wire.service_tier,
        cache=None if wire.cache_control is None else decode_mark(wire.cache_control),
        extras=tuple(extras),
    )
    if asked is None:
        return usual
    return replace(
        usual,
        tool_choice=asked.choice,
        parallel_tool_calls=asked.parallel,
        reasoning=asked.reasoning,
        output_format=asked.output_format,
        user=asked.user,
    )


def _decode_sampling(wire: WireRequest) -> Sampling:
    return Sampling(
        temperature=wire.temperature,
        top_p=wire.top_p,
        top_k=wire.top_k,
        stop=tuple(wire.stop_sequences) if wire.stop_sequences else (),
    )


def _decode_options(wire: WireRequest, turn_effort: str | None, extras: list[Extra]) -> _Options:
    """The fields that are decoded one by one; what of them is carried and never read goes into ``extras``."""
    choice, parallel = (None, None) if wire.tool_choice is ABSENT else _decode_choice(wire.tool_choice)
    if (carried := _extra_values(wire)) != _NO_EXTRAS:
        extras += [Extra(*pair) for pair in zip(EXTRA_FIELDS, carried, strict=True) if _given(pair[1])]
    output = _leftovers(wire.output_config, "output_config", _OUTPUT_FIELDS, extras)
    metadata = _leftovers(wire.metadata, "metadata", _METADATA_FIELDS, extras)
    output_format = output.get("format", wire.output_format)
    effort = checked(_effort, wire.output_config, "output_config").effort if output else None
    return _Options(
        choice=choice,
        parallel=parallel,
        # Claude Code states a turn's effort on its last system message; it is the one in force.
        reasoning=_decode_reasoning(wire.thinking, turn_effort or effort, extras),
        output_format=None if output_format is ABSENT else _decode_format(output_format, extras),
        user=_decode_user(metadata["user_id"]) if "user_id" in metadata else None,
    )


def _decode_tool(wire: WireTool, extras: list[Extra]) -> Tool:
    others: dict[str, Raw] = {}
    if (carried := _tool_extra_values(wire)) != _NO_TOOL_EXTRAS:
        others = {name: raw for name, raw in zip(TOOL_EXTRA_FIELDS, carried, strict=True) if bytes(raw)}
    return Tool(
        name=wire.name,
        description=wire.description,
        schema=wire.input_schema,
        strict=wire.strict,
        deferred=bool(wire.defer_loading),
        raw=tool_extras(others, extras) if others else None,
        cache=None if wire.cache_control is None else decode_mark(wire.cache_control),
    )


def _decode_choice(raw: Raw) -> tuple[ToolChoice | None, bool | None]:
    wire = checked(_choice, raw, "tool_choice") if _given(raw) else None
    if wire is None:
        return None, None
    if wire.type not in _CHOICES:
        raise invalid(
            "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'", "tool_choice.type"
        )
    if wire.type == "tool" and wire.name is None:
        raise invalid("tool_choice.tool.name: Field required", "tool_choice.name")
    disabled = wire.disable_parallel_tool_use
    return ToolChoice(_CHOICES[wire.type], wire.name), None if disabled is None else not disabled


def _decode_reasoning(raw: Raw, effort: str | None, extras: list[Extra]) -> Reasoning | None:
    wire = None if raw is ABSENT or not _given(raw) else checked(_thinking, raw, "thinking")
    if wire is None:
        return None if effort is None else Reasoning(effort=effort)
    if wire.type not in _MODES:
        extras.append(Extra("thinking", raw))
        return None if effort is None else Reasoning(effort=effort)
    return Reasoning(mode=_MODES[wire.type], budget=wire.budget_tokens, effort=effort, display=wire.display)


def _decode_format(raw: Raw, extras: list[Extra]) -> OutputFormat | None:
    if not _given(raw):
        return None
    wire = checked(_format, raw, "output_config.format")
    if wire.type != "json_schema" or not bytes(wire.schema):
        extras.append(Extra("output_config.format", raw))
        return None
    return OutputFormat(kind="json_schema", name=wire.name, schema=wire.schema)


def _decode_user(raw: Raw) -> str | None:
    return checked(_text, raw, "metadata.user_id") if _given(raw) else None


def _given(raw: Raw) -> bool:
    return raw is not ABSENT and bytes(raw) not in (b"", b"null")


def _leftovers(raw: Raw, path: str, known: frozenset[str], extras: list[Extra]) -> dict[str, Raw]:
    """The fields of a small object; those outside the vocabulary also go into ``extras``."""
    if raw is ABSENT or not _given(raw):
        return {}
    fields = checked(_fields, raw, path)
    extras.extend(Extra(f"{path}.{name}", value) for name, value in fields.items() if name not in known)
    return fields

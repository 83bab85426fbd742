"""A client's request to the neutral form. Strict about types, indifferent to what it does not know."""

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Final, cast

import msgspec
from msgspec import Raw

from trunkline.core.surrogates import decode_lenient, read_lenient
from trunkline.core.types import (
    Extra,
    Message,
    Opaque,
    OutputFormat,
    Reasoning,
    Request,
    Sampling,
    Text,
    Tool,
)
from trunkline.protocols.codec import Keeping, Peek
from trunkline.protocols.openai_responses import compaction
from trunkline.protocols.openai_responses.input_decode import InputDecoder
from trunkline.protocols.openai_responses.refusals import invalid, missing, refusal_of
from trunkline.protocols.openai_responses.tool_decode import decode_choice, decode_tools
from trunkline.protocols.openai_responses.usual_request import KNOWN_REQUEST, KnownItem
from trunkline.protocols.openai_responses.wire import (
    ABSENT,
    CARRIED_FIELDS,
    KNOWN_FIELDS,
    NAME,
    OBJECT,
    OPEN_REQUEST,
    REQUEST,
    WireFormat,
    WireRequest,
    checked,
    present,
    read,
)
from trunkline.protocols.reading import Earlier, Reading

STATE: Final = frozenset({"previous_response_id", "conversation", "prompt"})
"""Fields that bring a conversation of their own: with one of them ``input`` may be missing."""
_KEPT_FIELDS: Final = tuple(name for name in CARRIED_FIELDS if name != "store")
_carried: Final = attrgetter(*_KEPT_FIELDS)
_NOTHING: Final = (ABSENT,) * len(_KEPT_FIELDS)
_PROOFS: Final = b'["reasoning.encrypted_content"]'
_TEXT: Final = msgspec.json.Decoder(str)
_FORMAT: Final = msgspec.json.Decoder(WireFormat)


class WireOpening(msgspec.Struct):
    """The fields that routing needs, and those about answers that are kept."""

    model: str
    stream: bool | None = None
    store: bool | None = None
    previous_response_id: str | None = None
    background: bool | None = None
    conversation: Raw = ABSENT
    prompt: Raw = ABSENT


_OPENING: Final = msgspec.json.Decoder(WireOpening)
_continued: Final = attrgetter("previous_response_id", "background", "conversation", "prompt")
_ALONE: Final = (None, None, ABSENT, ABSENT)


def decode_request(body: bytes) -> Request:
    """See :meth:`Codec.decode_request`."""
    try:
        return read_lenient(_decode, body)
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise refusal_of(cause) from cause


def read_request(body: bytes, earlier: Earlier | None = None) -> Reading:
    """See :meth:`Codec.read_request`."""
    try:
        return read_lenient(lambda text: _reading(*_read(text), earlier), body)
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise refusal_of(cause) from cause


def peek(body: bytes) -> Peek:
    """See :meth:`Codec.peek`."""
    try:
        opening = decode_lenient(_OPENING, body)
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise refusal_of(cause) from cause
    if opening.model:
        return Peek(opening.model, opening.stream is True, _keeping(opening))
    raise missing("model")


def _keeping(opening: WireOpening) -> Keeping | None:
    """None for what coding agents send: the whole conversation each time, and nothing is to be kept."""
    keep = opening.store is not False  # OpenAI keeps unless told otherwise
    if not keep and _continued(opening) == _ALONE:
        return None
    only = None
    if opening.background:
        only = "background"
    elif present(opening.conversation):
        only = "conversation"
    elif present(opening.prompt):
        only = "prompt"
    return Keeping(keep=keep, previous=opening.previous_response_id or None, only=only)


def _read(body: bytes) -> tuple[WireRequest, list[Extra]]:
    """One typed pass; more for a body with an item or a field that hardly anyone sends."""
    try:
        return _with_extras(KNOWN_REQUEST.decode(body))
    except msgspec.DecodeError:
        pass  # the open way says what is wrong, if anything is
    try:
        return _with_extras(REQUEST.decode(body))
    except msgspec.ValidationError as cause:
        if "unknown field" not in str(cause):
            raise
    fields = OBJECT.decode(body)
    extras = [
        Extra(key, checked(raw))
        for key, raw in fields.items()
        if key not in KNOWN_FIELDS and _kept(key, raw)
    ]
    return OPEN_REQUEST.decode(body), extras


def _with_extras(wire: WireRequest) -> tuple[WireRequest, list[Extra]]:
    carried = _carried(wire)
    if carried == _NOTHING:
        return wire, []
    pairs = zip(_KEPT_FIELDS, carried, strict=True)
    return wire, [Extra(key, checked(raw)) for key, raw in pairs if _kept(key, raw)]


def _kept(key: str, raw: Raw) -> bool:
    """Whether a field is there and asks for more than every answer of ours gives anyway.

    Answers are kept by the gateway where the target does not keep them.
    """
    if not present(raw) or key == "store":
        return False
    return key != "include" or bytes(raw).replace(b" ", b"") != _PROOFS


def _decode(body: bytes) -> Request:
    wire, extras = _read(body)
    found = InputDecoder()
    _walk(wire, found)
    own = (Text(wire.instructions),) if wire.instructions else ()
    return _request(wire, extras, found, own, None)


def _reading(wire: WireRequest, extras: list[Extra], earlier: Earlier | None) -> Reading:
    own: tuple[Text | Opaque, ...] = (Text(wire.instructions),) if wire.instructions else ()
    if earlier is not None and "instructions" in earlier.fields:
        own = earlier.request.system[:1]
    found = InputDecoder(earlier)
    _walk(wire, found, partial(found.seam, len(own)))
    request = _request(wire, extras, found, own, earlier)
    if found.tools_before and (wire.tools or found.tools):
        return Reading(request)  # which of the earlier tools came from where is not known any more
    given = found.tools_before + len(found.tools)
    alone = not given or not wire.tools
    seams = [
        seam if seam is not None and alone and seam.counts[-1] == given else None for seam in found.seams
    ]
    shared = {"instructions": bool(own), "tools": not given}
    return Reading(request, tuple(seams), frozenset(name for name, fit in shared.items() if fit))


def _walk(wire: WireRequest, found: InputDecoder, note: Callable[[], None] | None = None) -> None:
    """All of the input. ``note`` is called at the end of each item."""
    if isinstance(wire.input, str):
        found.messages.append(Message("user", (Text(wire.input),)))
    elif wire.input is not None:
        for place, item in enumerate(cast("list[Raw | KnownItem]", wire.input)):
            if isinstance(item, Raw):
                found.feed(item, f"input[{place}]")
            else:
                found.feed_known(item, f"input[{place}]")
            if note is not None:
                note()
        found.close()


def _tools(wire: WireRequest, found: InputDecoder, earlier: Earlier | None) -> list[Tool]:
    if earlier is not None and (found.tools_before or "tools" in earlier.fields):
        return decode_tools(found.tools, known=earlier.request.tools)
    return decode_tools([*(wire.tools or ()), *found.tools])


def _request(
    wire: WireRequest,
    extras: list[Extra],
    found: InputDecoder,
    own: tuple[Text | Opaque, ...],
    earlier: Earlier | None,
) -> Request:
    """The request. ``own``: the instructions that stand beside the input."""
    messages = found.messages
    if not messages and not found.system and not any(extra.name in STATE for extra in extras):
        raise missing("input")
    tools = _tools(wire, found, earlier) if wire.tools or found.tools or earlier else []
    request = Request(
        NAME,
        wire.model,
        tuple(messages),
        (*own, *found.system) if found.system else own,
        tuple(tools),
        tool_choice=None if wire.tool_choice is None else decode_choice(wire.tool_choice, tools),
        parallel_tool_calls=wire.parallel_tool_calls,
        max_tokens=wire.max_output_tokens,
        stream=wire.stream is True,
        reasoning=None if wire.reasoning is None else _reasoning(wire.reasoning, extras),
        output_format=None if wire.text is None else _output_format(wire.text, extras),
        sampling=Sampling(temperature=wire.temperature, top_p=wire.top_p),
        user=wire.user,
        service_tier=wire.service_tier,
        prompt_cache_key=wire.prompt_cache_key,
        extras=tuple(extras),
    )
    if compaction.asks(request):
        return msgspec.structs.replace(request, tool_choice=compaction.without_calls(request))
    return request


def _reasoning(fields: dict[str, Raw], extras: list[Extra]) -> Reasoning | None:
    """``reasoning``; what only this protocol says of it becomes extras (``reasoning.context``)."""
    effort = summary = None
    for key, raw in fields.items():
        if key == "effort":
            effort = _string(raw, "reasoning.effort")
        elif key in ("summary", "generate_summary"):
            summary = summary or _string(raw, f"reasoning.{key}")
        elif present(raw):
            extras.append(Extra(f"reasoning.{key}", checked(raw)))
    if summary not in (None, "auto"):
        extras.append(Extra("reasoning.summary", Raw(msgspec.json.encode(summary))))
    display = "summarized" if summary is not None else None
    if effort == "none":
        return Reasoning(mode="off", effort="none")
    return None if effort is None and display is None else Reasoning(effort=effort, display=display)


def _string(raw: Raw, at: str) -> str | None:
    if not present(raw):
        return None
    try:
        return read(_TEXT, raw)
    except msgspec.ValidationError as cause:
        raise refusal_of(cause, at) from cause


def _output_format(fields: dict[str, Raw], extras: list[Extra]) -> OutputFormat | None:
    """``text.format``; the rest of ``text`` becomes extras (``text.verbosity``)."""
    wanted = None
    for key, raw in fields.items():
        if key == "format" and present(raw):
            try:
                wanted = read(_FORMAT, raw)
            except msgspec.ValidationError as cause:
                raise refusal_of(cause, "text.format") from cause
        elif present(raw):
            extras.append(Extra(f"text.{key}", checked(raw)))
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return OutputFormat(kind="json_object")
    if wanted.type != "json_schema":
        raise invalid(
            f"Invalid value: '{wanted.type}'. Supported values are: 'json_object', 'json_schema', and 'text'.",
            "text.format.type",
        )
    return OutputFormat(
        kind="json_schema",
        name=wanted.name,
        schema=checked(wanted.schema) if present(wanted.schema) else Raw(b"{}"),
        strict=wanted.strict,
        description=wanted.description,
    )

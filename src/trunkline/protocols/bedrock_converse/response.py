"""Whole answers to the neutral form."""

from typing import Final

import msgspec
from msgspec import Raw

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.types import Opaque, Part, Response, Text, Thinking, ToolCall
from trunkline.core.usage import Stop, StopReason, Usage
from trunkline.protocols.bedrock_converse.errors import error_of
from trunkline.protocols.bedrock_converse.wire import ANSWER, BLOCK, NAME, OBJECT, WireUsage

STOPS: Final[dict[str, StopReason]] = {
    "end_turn": "end",
    "tool_use": "tool_use",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "guardrail_intervened": "refusal",
    "content_filtered": "refusal",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_full",
}


def decode_response(body: bytes, origin: str) -> Response:
    """As :meth:`trunkline.protocols.codec.ProviderCodec.decode_response` promises."""
    try:
        wire = ANSWER.decode(body)
        if wire.output is None or wire.output.message is None:
            if wire.message is not None:
                raise error_of("", wire.message)
            raise _unreadable("it has no output")
        content = tuple(part for raw in wire.output.message.content for part in _parts(raw, origin))
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise _unreadable(str(cause)) from cause
    calls = any(isinstance(part, ToolCall) for part in content)
    return Response(
        id="",
        model="",
        content=content,
        stop=decode_stop(wire.stop_reason, calls=calls),
        usage=decode_usage(wire.usage),
    )


def _unreadable(why: str) -> GatewayError:
    return GatewayError(
        Kind.UPSTREAM_FAILED, f"the upstream's answer is not one of Converse: {why}", local=False
    )


def decode_stop(raw: str | None, *, calls: bool) -> Stop:
    """Why the model stopped. Raises GatewayError (UPSTREAM_FAILED) for output that the model spoiled."""
    if raw is not None and raw.startswith("malformed_"):
        raise GatewayError(
            Kind.UPSTREAM_FAILED, f"the model's output was malformed ({raw})", code=raw, local=False
        )
    reason = STOPS.get(raw or "", "other")
    if calls and reason in ("end", "other"):
        reason = "tool_use"  # protocols.md 4.1 rule 1
    elif not calls and reason == "tool_use":
        reason = "end"
    return Stop(reason, raw)


def decode_usage(wire: WireUsage | None) -> Usage:
    """Counts in our buckets; Converse's input excludes the cache as ours does."""
    if wire is None:
        return Usage()
    return Usage(
        input=wire.input_tokens,
        cache_read=wire.cache_read_input_tokens,
        cache_write=wire.cache_write_input_tokens,
        output=wire.output_tokens,
    )


def _parts(raw: Raw, origin: str) -> list[Part]:
    block = BLOCK.decode(raw)
    if block.text is not None:
        return [Text(block.text)] if block.text else []
    if block.tool_use is not None:
        call = block.tool_use
        return [ToolCall(id=call.tool_use_id, name=call.name, arguments=bytes(call.input).decode() or "{}")]
    if block.reasoning_content is not None:
        told, hidden = block.reasoning_content.reasoning_text, block.reasoning_content.redacted_content
        if told is not None:
            return [Thinking(text=told.text, signature=told.signature or None, origin=origin)]
        return [Thinking(redacted=hidden, origin=origin)] if hidden else []
    if block.citations_content is not None:
        cited = block.citations_content
        text = "".join(part.text for part in cited.content)
        sources = tuple(Opaque(NAME, "citation", citation.copy()) for citation in cited.citations)
        return [Text(text, sources)]
    kind = next(iter(OBJECT.decode(raw)), "unknown")
    return [Opaque(NAME, kind, raw.copy())]

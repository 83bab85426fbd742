"""Token counts and stop causes, both directions (protocols.md 4.1, 4.2)."""

from typing import Final

from msgspec import Struct

from trunkline.core.usage import Stop, StopReason, Usage
from trunkline.protocols.openai_responses.wire import (
    Number,
    WireInputDetails,
    WireOutputDetails,
    WireResponse,
    WireUsage,
)

CAUSES: Final[dict[str, StopReason]] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "content_filter": "refusal",
}
"""Reasons of an incomplete answer; what is missing is "other"."""

INCOMPLETE: Final[dict[StopReason, str]] = {
    "length": "max_output_tokens",
    "context_full": "max_output_tokens",
    "refusal": "content_filter",
}


def decode_stop(response: WireResponse, *, calls: bool, refused: bool) -> Stop:
    """Why it stopped. Calls decide "wants tools", but an answer cut off stays cut off (E42, 4.1)."""
    details = response.incomplete_details
    if response.status == "incomplete":
        raw = (details.reason if details is not None else None) or "incomplete"
        return Stop(CAUSES.get(raw, "other"), raw)
    raw = response.status or "completed"
    if calls:
        return Stop("tool_use", raw)
    return Stop("refusal" if refused else "end", raw)


def incomplete_reason(stop: Stop, *, refused: bool) -> str | None:
    """``incomplete_details.reason``; None for an answer that is complete, as a refusal with words of its own is."""
    return None if refused and stop.reason == "refusal" else INCOMPLETE.get(stop.reason)


def _count(value: Number | None) -> int | None:
    return None if value is None else max(int(value), 0)


def decode_usage(wire: WireUsage) -> Usage:
    """Disjoint buckets: cached and cache-written tokens are inside ``input_tokens`` (E101)."""
    read = write = reasoning = None
    if wire.input_tokens_details is not None:
        read = _count(wire.input_tokens_details.cached_tokens)
        write = _count(wire.input_tokens_details.cache_write_tokens)
    if wire.output_tokens_details is not None:
        reasoning = _count(wire.output_tokens_details.reasoning_tokens)
    fresh = _count(wire.input_tokens)
    if fresh is not None:
        fresh = max(fresh - (read or 0) - (write or 0), 0)
    return Usage(
        input=fresh,
        cache_read=read,
        cache_write=write,
        output=_count(wire.output_tokens),
        reasoning=reasoning,
    )


class UsageOut(Struct, kw_only=True, gc=False):
    """Inclusive counts; both details are always there, since Codex and the SDKs demand them (E75)."""

    input_tokens: int
    input_tokens_details: WireInputDetails
    output_tokens: int
    output_tokens_details: WireOutputDetails
    total_tokens: int


def encode_usage(usage: Usage) -> UsageOut:
    """The counts as this protocol has them; what was not reported is 0."""
    prompt, output = usage.prompt, usage.output or 0
    return UsageOut(
        input_tokens=prompt,
        input_tokens_details=WireInputDetails(usage.cache_read or 0, usage.cache_write or 0),
        output_tokens=output,
        output_tokens_details=WireOutputDetails(usage.reasoning or 0),
        total_tokens=prompt + output,
    )

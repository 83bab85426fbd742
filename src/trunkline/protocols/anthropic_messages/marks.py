"""Cache breakpoints, usage and stop causes: the small tables that both directions share."""

from typing import Final

from trunkline.core.types import CacheMark
from trunkline.core.usage import Stop, StopReason, Usage
from trunkline.protocols.anthropic_messages.wire import (
    CacheControl,
    CacheCreation,
    OutputDetails,
    ServerToolUse,
    WireUsage,
)

STOPS: Final[dict[str, StopReason]] = {
    "end_turn": "end",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_use",
    "pause_turn": "pause",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_full",
    "compaction": "compaction",
}

WORDS: Final[dict[StopReason, str]] = {
    "end": "end_turn",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_use",
    "pause": "pause_turn",
    "refusal": "refusal",
    "context_full": "model_context_window_exceeded",
    "compaction": "compaction",
    "other": "end_turn",
}

_MAY_BECOME_CALLS: Final = frozenset({"end", "other", "stop_sequence"})


def decode_mark(wire: CacheControl | None) -> CacheMark | None:
    """The neutral form of a ``cache_control``."""
    return None if wire is None else CacheMark(wire.ttl)


def encode_mark(mark: CacheMark | None) -> CacheControl | None:
    """The wire form of a mark."""
    return None if mark is None else CacheControl("ephemeral", mark.ttl)


def decode_stop(raw: str | None, sequence: str | None, *, calls: bool) -> Stop:
    """Why it stopped. Client calls decide "wants tools", whatever the word (protocols.md 4.1, E42)."""
    reason = STOPS.get(raw or "", "other") if raw else "end"
    if calls and reason in _MAY_BECOME_CALLS:
        reason = "tool_use"
    elif not calls and reason == "tool_use":
        reason = "end"
    return Stop(reason, raw, sequence)


def encode_stop(stop: Stop, *, calls: bool, refused: bool) -> str:
    """The vendor's word, under the same rule; an unknown cause is the mildest finished one."""
    reason = stop.reason
    if calls and reason in _MAY_BECOME_CALLS:
        reason = "tool_use"
    elif not calls and reason == "tool_use":
        reason = "end"
    if refused and reason == "end":
        reason = "refusal"
    return WORDS[reason]


def decode_usage(wire: WireUsage) -> Usage:
    """Counts in disjoint buckets, which is how this vendor counts anyway."""
    created, used = wire.cache_creation, wire.server_tool_use
    write, write_1h = wire.cache_creation_input_tokens, None
    if created is not None:
        write_1h = created.ephemeral_1h_input_tokens
        if write is None and (created.ephemeral_5m_input_tokens is not None or write_1h is not None):
            write = (created.ephemeral_5m_input_tokens or 0) + (write_1h or 0)
    return Usage(
        input=wire.input_tokens,
        cache_read=wire.cache_read_input_tokens,
        cache_write=write,
        cache_write_1h=write_1h,
        output=wire.output_tokens,
        reasoning=None
        if wire.output_tokens_details is None
        else wire.output_tokens_details.thinking_tokens,
        web_searches=None if used is None else used.web_search_requests,
        web_fetches=None if used is None else used.web_fetch_requests,
    )


def encode_usage(usage: Usage | None, estimate: int) -> WireUsage:
    """All counts a client's meter reads, present even when nobody reported them (E65)."""
    if usage is None:
        usage = Usage()
    write, write_1h = usage.cache_write or 0, usage.cache_write_1h
    known = usage.input is not None or usage.cache_read is not None or usage.cache_write is not None
    return WireUsage(
        input_tokens=(usage.input or 0) if known else estimate,
        cache_creation_input_tokens=write,
        cache_read_input_tokens=usage.cache_read or 0,
        output_tokens=usage.output or 0,
        cache_creation=None if write_1h is None else CacheCreation(max(write - write_1h, 0), write_1h),
        output_tokens_details=None if usage.reasoning is None else OutputDetails(usage.reasoning),
        server_tool_use=None
        if usage.web_searches is None and usage.web_fetches is None
        else ServerToolUse(usage.web_searches or 0, usage.web_fetches or 0),
    )

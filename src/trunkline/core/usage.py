"""Token counts and stop causes, in one convention for all protocols."""

from typing import Literal

from msgspec import Struct

StopReason = Literal[
    "end",  # finished by itself
    "tool_use",  # wants client tools run
    "length",  # output limit reached
    "stop_sequence",
    "context_full",  # the context window filled up while writing
    "refusal",  # refused or filtered
    "pause",  # server tools paused the turn
    "compaction",
    "other",  # a cause we do not know; treated as finished
]


class Stop(Struct, frozen=True):
    """Why the model stopped: our closed set, with the vendor's own word kept beside it."""

    reason: StopReason
    raw: str | None = None
    sequence: str | None = None
    """The stop string that matched, where the vendor says which."""


class Usage(Struct, frozen=True, kw_only=True):
    """Token counts in disjoint buckets. ``None`` is "not reported", ``0`` is zero.

    Convention (protocols.md 4.2): ``input`` excludes cache reads and writes; ``output``
    includes ``reasoning``, which is a part of it.
    """

    input: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    """All cache writes; ``cache_write_1h`` is the part of them with the long lifetime."""
    cache_write_1h: int | None = None
    output: int | None = None
    reasoning: int | None = None
    web_searches: int | None = None
    web_fetches: int | None = None
    """Uses of server tools, which are billed beside the tokens."""
    estimated: bool = False
    """True when we counted because the provider did not."""

    @property
    def prompt(self) -> int:
        """All input tokens, cached or not; what inclusive protocols call prompt tokens."""
        return (self.input or 0) + (self.cache_read or 0) + (self.cache_write or 0)


def latest(old: Usage | None, new: Usage) -> Usage:
    """The newer report with gaps filled from the older one: stream usage is cumulative, never added."""
    if old is None:
        return new
    return Usage(
        input=old.input if new.input is None else new.input,
        cache_read=old.cache_read if new.cache_read is None else new.cache_read,
        cache_write=old.cache_write if new.cache_write is None else new.cache_write,
        cache_write_1h=old.cache_write_1h if new.cache_write_1h is None else new.cache_write_1h,
        output=old.output if new.output is None else new.output,
        reasoning=old.reasoning if new.reasoning is None else new.reasoning,
        web_searches=old.web_searches if new.web_searches is None else new.web_searches,
        web_fetches=old.web_fetches if new.web_fetches is None else new.web_fetches,
        estimated=new.estimated,
    )


def total(one: Usage, other: Usage) -> Usage:
    """The sum of two requests' counts; what neither reported stays unknown."""
    return Usage(
        input=_sum(one.input, other.input),
        cache_read=_sum(one.cache_read, other.cache_read),
        cache_write=_sum(one.cache_write, other.cache_write),
        cache_write_1h=_sum(one.cache_write_1h, other.cache_write_1h),
        output=_sum(one.output, other.output),
        reasoning=_sum(one.reasoning, other.reasoning),
        web_searches=_sum(one.web_searches, other.web_searches),
        web_fetches=_sum(one.web_fetches, other.web_fetches),
        estimated=one.estimated or other.estimated,
    )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)

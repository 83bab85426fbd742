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
        estimated=new.estimated,
    )

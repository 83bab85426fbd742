"""Sums over exchanges: by model, provider, agent, session or route, and by minute. Those of several workers add up."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from msgspec import Struct

from trunkline.core.usage import Usage
from trunkline.dashboard.records import Kept
from trunkline.dashboard.rows import iso, shown
from trunkline.relay.ports import ExchangeRecord

MINUTES: Final = 60
"""Minutes that are told apart, the running one included."""
MOST_GROUPS: Final = 200
"""Groups that are shown, those with the most requests."""

BY: Final[Mapping[str, Callable[[ExchangeRecord], str]]] = {
    "model": lambda record: f"{record.provider}/{record.model}" if record.provider else "",
    "provider": lambda record: record.provider or "",
    "agent": lambda record: product(record.agent),
    "session": lambda record: record.session or "",
    "route": lambda record: shown(record.route),
}
"""What exchanges can be grouped by; the empty name is for those that have none."""


class Sums(Struct):
    """What adds up. Tokens that were not reported count as none."""

    requests: int = 0
    errors: int = 0
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    def add(self, other: "Sums") -> None:
        """Count what ``other`` has counted."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def count(self, record: ExchangeRecord) -> None:
        """Count one exchange."""
        self.requests += 1
        self.errors += failed(record)
        usage = record.usage or _NONE
        self.input += usage.input or 0
        self.cache_read += usage.cache_read or 0
        self.cache_write += usage.cache_write or 0
        self.output += usage.output or 0
        self.reasoning += usage.reasoning or 0


_SUMS: Final = Sums.__struct_fields__
_NONE: Final = Usage()


class Group(Sums):
    """All exchanges of one name, with how long each took."""

    seconds: list[float] = []
    first_byte: list[float] = []


class Tally(Struct):
    """What one worker has counted of those it keeps, which are all since ``since`` (Unix time)."""

    since: float
    groups: dict[str, Group] = {}
    minutes: dict[int, Sums] = {}
    """By whole minutes of Unix time."""

    def count(self, entries: Iterable[Kept], by: Callable[[ExchangeRecord], str]) -> None:
        """Count some exchanges."""
        for _, ended, record in entries:
            group = self.groups.setdefault(by(record), Group())
            group.count(record)
            group.seconds.append(round(record.seconds, 4))
            if record.first_byte_seconds is not None:
                group.first_byte.append(round(record.first_byte_seconds, 4))
            self.minutes.setdefault(int(ended // 60), Sums()).count(record)

    def add(self, other: "Tally") -> None:
        """Count what another worker has counted."""
        self.since = max(self.since, other.since)
        for name, group in other.groups.items():
            mine = self.groups.setdefault(name, Group())
            mine.add(group)
            mine.seconds += group.seconds
            mine.first_byte += group.first_byte
        for minute, sums in other.minutes.items():
            self.minutes.setdefault(minute, Sums()).add(sums)


def failed(record: ExchangeRecord) -> bool:
    """Whether an exchange counts as an error: not one that its client left, or that we were told to stop."""
    return record.outcome in ("error", "truncated")


def product(agent: str) -> str:
    """The name of a program in its user agent, without version and system."""
    return shown(agent).partition("/")[0].partition(" ")[0]


def summary(tally: Tally, now: float) -> dict[str, object]:
    """The sums as the page is told them."""
    total = Group()
    for group in tally.groups.values():
        total.add(group)
        total.seconds += group.seconds
        total.first_byte += group.first_byte
    ordered = sorted(tally.groups.items(), key=lambda pair: (-pair[1].requests, pair[0]))
    first = max(int(now // 60) - MINUTES + 1, int(tally.since // 60))
    return {
        "since": iso(tally.since),
        "totals": _shown("", total),
        "groups": [_shown(name, group) for name, group in ordered[:MOST_GROUPS]],
        "minutes": [
            {"at": iso(minute * 60), **_fields(tally.minutes.get(minute, Sums()))}
            for minute in range(first, int(now // 60) + 1)
        ],
    }


def _fields(sums: Sums) -> dict[str, object]:
    return {name: getattr(sums, name) for name in _SUMS}


def _shown(name: str, group: Group) -> dict[str, object]:
    times = {"seconds": _percentiles(group.seconds), "first_byte": _percentiles(group.first_byte)}
    return {"name": name, **_fields(group), **times}


def _percentiles(values: list[float]) -> dict[str, float | None]:
    """By nearest rank; None of nothing."""
    ordered = sorted(values)
    return {
        f"p{part}": ordered[math.ceil(len(ordered) * part / 100) - 1] if ordered else None
        for part in (50, 95)
    }

"""What has begun, gone on and ended since the last look: for pages that follow along.

Nothing is told when it happens: whoever follows looks, a few times a second, and costs nobody else anything.
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec
from msgspec import Struct

from trunkline.dashboard.records import Records
from trunkline.dashboard.rows import Row, ended_row, live_row
from trunkline.relay.journal import Journal

MOST: Final = 500
"""Rows of one look; of more the oldest are left out, and their number is told."""

_ENCODER: Final = msgspec.json.Encoder()


class Change(Struct, frozen=True):
    """One event of the feed: ``data`` is JSON. ``start`` may come again for an exchange of which more is known.

    ``here`` is between workers only: from now on all is told.
    """

    event: Literal["start", "end", "missed", "here"]
    data: msgspec.Raw


class Missed(Struct, frozen=True):
    """Rows that were left out."""

    rows: int


class Changes:
    """One follower's view of one process. ``live``: the exchanges under way, by id."""

    def __init__(self, live: Mapping[str, Journal], records: Records) -> None:
        self._live = live
        self._records = records
        self._last = records.last
        self._known: dict[str, tuple[object, ...]] = {}

    def look(self, now: float) -> list[Change]:
        """What is new; ``now`` in seconds of Unix time."""
        rows = [*self._begun(now), *self._ended()]
        if len(rows) <= MOST:
            return rows
        return [missed(len(rows) - MOST), *rows[-MOST:]]

    def _begun(self, now: float) -> list[Change]:
        known: dict[str, tuple[object, ...]] = {}
        changed: list[Change] = []
        for request_id, journal in self._live.items():
            known[request_id] = state = (journal.target, len(journal.attempts), journal.answering)
            if self._known.get(request_id) != state:
                changed.append(change("start", live_row(now, journal.record())))
        self._known = known
        return changed

    def _ended(self) -> list[Change]:
        last = self._last
        new = self._records.newer(last)
        self._last = self._records.last
        lost = self._last - last - len(new)
        rows = [change("end", ended_row(ended, record)) for _, ended, record in new]
        return [missed(lost), *rows] if lost > 0 else rows


def change(event: Literal["start", "end"], row: Row) -> Change:
    """An event about one exchange."""
    return Change(event, msgspec.Raw(_ENCODER.encode(row)))


def missed(rows: int) -> Change:
    """So many rows were left out."""
    return Change("missed", msgspec.Raw(_ENCODER.encode(Missed(rows))))


HERE: Final = Change("here", msgspec.Raw(b"{}"))

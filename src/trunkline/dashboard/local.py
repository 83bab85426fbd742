"""What one process knows, asked by the page or by another worker for it."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct

from trunkline.dashboard.changes import Changes
from trunkline.dashboard.records import Kept, Records
from trunkline.dashboard.rows import Filter, Row, detail, ended_row, live_row
from trunkline.dashboard.tally import BY, Tally
from trunkline.dashboard.targets import TargetState
from trunkline.relay.journal import Journal

PORTION: Final = 100
"""Records looked at before others have their turn: less than a millisecond."""


class Rows(Struct, frozen=True, kw_only=True):
    """The exchanges that a filter lets through; ``recent`` is newest first."""

    live: list[Row]
    recent: list[Row]
    kept: int
    capacity: int


class WorkerState(Struct, frozen=True, kw_only=True):
    """One process."""

    pid: int
    live: int


class Question(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every worker is asked. ``about``: an id, or what to group by."""

    verb: Literal["state", "rows", "one", "cancel", "totals", "targets", "spend", "follow"]
    about: str = ""
    filter: Filter = Filter()


class Local:
    """This process. ``targets`` says how its providers are; ``spend`` takes note of a used ticket."""

    def __init__(
        self,
        live: Mapping[str, Journal],
        records: Records,
        targets: Callable[[], Iterable[TargetState]],
        spend: Callable[[str], bool],
        unix: Callable[[], float] = time.time,
    ) -> None:
        self._live = live
        self._records = records
        self._targets = targets
        self._spend = spend
        self.unix = unix

    async def answer(self, question: Question) -> object:
        """The answer, for each verb of a type of its own."""
        match question.verb:
            case "state":
                return WorkerState(pid=os.getpid(), live=len(self._live))
            case "rows":
                return await self._rows(question.filter)
            case "one":
                return self._one(question.about)
            case "cancel":
                return self._cancel(question.about)
            case "totals":
                return await self._totals(question.about)
            case "targets":
                return list(self._targets())
            case "spend":
                return self._spend(question.about)
            case "follow":
                raise ValueError("whoever follows gets more than one answer")

    def follow(self) -> Changes:
        """For one who follows along."""
        return Changes(self._live, self._records)

    async def _rows(self, wanted: Filter) -> Rows:
        now = self.unix()
        live = [live_row(now, journal.record()) for journal in self._live.values()]
        recent: list[Row] = []
        entries = list(self._records.kept)
        for start in range(len(entries), 0, -PORTION):
            portion = entries[max(0, start - PORTION) : start]
            rows = (ended_row(ended, record) for _, ended, record in reversed(portion))
            recent += [row for row in rows if wanted.fits(row)]
            if len(recent) >= wanted.limit:
                break
            await asyncio.sleep(0)
        return Rows(
            live=[row for row in reversed(live) if wanted.fits(row)],
            recent=recent[: wanted.limit],
            kept=len(entries),
            capacity=self._records.capacity,
        )

    def _one(self, request_id: str) -> list[dict[str, object]]:
        journal = self._live.get(request_id)
        if journal is not None:
            record = journal.record()
            return [detail(live_row(self.unix(), record), record)]
        kept = self._records.find(request_id)
        return [] if kept is None else [detail(ended_row(kept[1], kept[2]), kept[2])]

    def _cancel(self, request_id: str) -> bool:
        journal = self._live.get(request_id)
        return journal is not None and journal.call_off()

    async def _totals(self, by: str) -> Tally:
        tally = Tally(self._records.since)
        entries: list[Kept] = list(self._records.kept)
        for start in range(0, len(entries), PORTION):
            tally.count(entries[start : start + PORTION], BY[by])
            await asyncio.sleep(0)
        return tally

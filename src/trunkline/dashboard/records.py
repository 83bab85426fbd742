"""The last exchanges of this process, in memory and nowhere else."""

import time
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Final

from trunkline.relay.ports import ExchangeRecord

CAPACITY: Final = 2_000
"""Exchanges that are kept: about 3 MB."""

Kept = tuple[int, float, ExchangeRecord]
"""The number of an exchange in this process, from 1; when it ended, in seconds of Unix time; and what is known of it."""


class Records:
    """Implements :class:`trunkline.relay.ports.Recorder`: keeps each record, and does nothing else with it."""

    def __init__(self, unix: Callable[[], float] = time.time, capacity: int = CAPACITY) -> None:
        self._unix = unix
        self._numbers = count(1)
        self.kept: deque[Kept] = deque(maxlen=capacity)
        """Oldest first."""
        self.began = unix()
        """When keeping began, in seconds of Unix time."""

    def record(self, record: ExchangeRecord) -> None:
        """Keep one; the oldest makes room for it."""
        self.kept.append((next(self._numbers), self._unix(), record))

    @property
    def since(self) -> float:
        """From when on all exchanges are here that ended in this process, in seconds of Unix time."""
        return self.kept[0][1] if self.kept and self.kept[0][0] > 1 else self.began

    @property
    def capacity(self) -> int:
        """How many are kept at most."""
        return self.kept.maxlen or 0

    def find(self, request_id: str) -> Kept | None:
        """The exchange of this id, the last one of several."""
        return next((entry for entry in reversed(self.kept) if entry[2].request_id == request_id), None)

    def newer(self, number: int) -> list[Kept]:
        """What came after the exchange of that number and is still here, oldest first."""
        found: list[Kept] = []
        for entry in reversed(self.kept):
            if entry[0] <= number:
                break
            found.append(entry)
        found.reverse()
        return found

    @property
    def last(self) -> int:
        """The number of the newest; 0 when there is none."""
        return self.kept[-1][0] if self.kept else 0

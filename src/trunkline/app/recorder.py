"""One line per exchange on stderr, written by the loop when it has a moment."""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from typing import Final

from trunkline.relay.ports import ExchangeRecord

MAX_WAITING: Final = 10_000
"""Lines kept for a reader that does not keep up; more are counted and left out."""
PAUSE: Final = 0.05
"""Seconds that lines are gathered before they are written together."""


class LineRecorder:
    """Takes records at any pace, blocks never, keeps a bounded number of lines.

    ``write`` gets whole lines as bytes; it runs in a thread, so that a full pipe stops only the log.
    """

    def __init__(self, line: Callable[[ExchangeRecord], str], write: Callable[[bytes], None]) -> None:
        self._line = line
        self._write = write
        self._waiting: deque[ExchangeRecord] = deque()
        self._left_out = 0
        self._wake = asyncio.Event()

    def record(self, record: ExchangeRecord) -> None:
        """Keep one record for the next writing."""
        if len(self._waiting) >= MAX_WAITING:
            self._left_out += 1
            return
        self._waiting.append(record)
        if len(self._waiting) == 1:
            self._wake.set()

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(PAUSE)
            self._wake.clear()
            await asyncio.to_thread(self.flush)

    def flush(self) -> None:
        """Write everything that waits."""
        lines: list[str] = []
        while self._waiting:
            lines.append(self._line(self._waiting.popleft()))
        if self._left_out:
            lines.append(f"{self._left_out} exchanges are not in this log: it was written too slowly")
            self._left_out = 0
        if lines:
            self._write("".join(f"{line}\n" for line in lines).encode())


def write_stderr(data: bytes) -> None:
    """To stderr, all of it; a closed stderr takes nothing and complains to nobody."""
    while data:
        try:
            data = data[os.write(2, data) :]
        except OSError:
            return

"""One line per exchange on stderr, written by the loop when it has a moment."""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from trunkline.relay.ports import ExchangeRecord

MAX_WAITING: Final = 10_000
"""Lines kept for a reader that does not keep up; more are counted and left out."""
PAUSE: Final = 0.05
"""Seconds that lines are gathered before they are written together."""
LAST_WORDS: Final = 1.0
"""Seconds that the end of the process waits for the last lines."""
PORTION: Final = 100
"""Lines formatted at a time: less than a millisecond."""


class LineRecorder:
    """Takes records at any pace, blocks never, keeps a bounded number of lines.

    ``write`` gets whole lines as bytes; it runs in a thread, so that a full pipe stops only the log.
    """

    def __init__(self, line: Callable[[ExchangeRecord], str], write: Callable[[bytes], None]) -> None:
        self._line = line
        self._write = write
        self._waiting: deque[ExchangeRecord] = deque()
        self._ready: list[bytes] = []
        self._left_out = 0
        self._wake = asyncio.Event()

    def record(self, record: ExchangeRecord) -> None:
        """Keep one record for the next writing."""
        if len(self._waiting) >= MAX_WAITING:
            self._left_out += 1
            return
        self._waiting.append(record)
        self._wake.set()

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(PAUSE)
            self._wake.clear()
            await self._write_all()

    async def close(self) -> None:
        """Write everything that still waits, if that can be done soon. Call when ``run`` has ended."""
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._write_all()
        except TimeoutError:
            return

    async def _write_all(self) -> None:
        """Everything that waits, in one piece: each hand-over to a thread stops the loop for a moment.

        Formatted here, in small portions: a thread that formats would hold up the loop for longer.
        """
        while self._waiting or self._left_out or self._ready:
            for _ in range(MAX_WAITING // PORTION):
                if not (self._waiting or self._left_out):
                    break
                self._ready.append(self._portion(PORTION))
                await asyncio.sleep(0)
            data = b"".join(self._ready)
            self._ready.clear()
            await self._hand_over(data)

    async def _hand_over(self, data: bytes) -> None:
        """Write in a thread that nobody has to wait for: a full pipe must not keep the process alive."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def work() -> None:
            self._write(data)
            with suppress(RuntimeError):  # the loop has gone in the meantime
                loop.call_soon_threadsafe(_finish, done)

        threading.Thread(target=work, name="trunkline-log", daemon=True).start()
        await done

    def _portion(self, most: int) -> bytes:
        """The next lines, with the count of those left out once nothing waits any more."""
        lines = [self._line(self._waiting.popleft()) for _ in range(min(most, len(self._waiting)))]
        if self._left_out and not self._waiting:
            lines.append(f"{self._left_out} exchanges are not in this log: it was written too slowly")
            self._left_out = 0
        text = "\n".join(filter(None, lines))
        return f"{text}\n".encode() if text else b""


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def write_stderr(data: bytes) -> None:
    """To stderr, all of it; a closed stderr takes nothing and complains to nobody."""
    while data:
        try:
            data = data[os.write(2, data) :]
        except OSError:
            return

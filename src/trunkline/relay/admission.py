"""How many exchanges run at once, and how long others wait for their turn."""

import asyncio
from collections import deque

from trunkline.core.errors import GatewayError, Kind

RETRY_AFTER = 1.0
"""Seconds that a client turned away is asked to wait."""


class Admission:
    """At most ``limit`` exchanges at a time, first come first served.

    Waiting ends after ``wait`` seconds (``queue.wait``; 0 turns away at once) with OVERLOADED and a
    ``Retry-After``. Who has a place, by ``enter`` or ``queue``, gives it back with ``leave``.
    """

    def __init__(self, limit: int, wait: float) -> None:
        self._limit = limit
        self._wait = wait
        self._free = limit
        self._waiting: deque[asyncio.Future[None]] = deque()

    def enter(self) -> bool:
        """Take a place, if one is free."""
        if not self._free:
            return False
        self._free -= 1
        return True

    def leave(self) -> None:
        """Give the place to whoever has waited longest, or keep it."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    async def queue(self) -> None:
        """Wait for a place. Raises GatewayError (OVERLOADED, naming ``queue.wait``) when there is none in time."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._wait):
                await turn
        except BaseException as cause:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif not turn.cancelled():
                self.leave()  # it was given in the very moment
            if isinstance(cause, TimeoutError):
                raise self._refusal() from cause
            raise

    def _refusal(self) -> GatewayError:
        return GatewayError(
            Kind.OVERLOADED,
            f"the gateway is serving {self._limit} requests and had no turn for this one within"
            f" {self._wait:g} s (queue.wait, server.max_concurrent)",
            retry_after=RETRY_AFTER,
            timeout="queue.wait",
        )

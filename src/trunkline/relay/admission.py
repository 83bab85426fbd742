"""How many exchanges run at once, and how long others wait for their turn."""

import asyncio
from typing import Self

from trunkline.core.errors import GatewayError, Kind

RETRY_AFTER = 1.0
"""Seconds that a client turned away is asked to wait."""


class Admission:
    """At most ``limit`` exchanges at a time, first come first served.

    Waiting ends after ``wait`` seconds (``queue.wait``; 0 turns away at once) with OVERLOADED and a
    ``Retry-After``.
    """

    def __init__(self, limit: int, wait: float) -> None:
        self._limit = limit
        self._wait = wait
        self._places = asyncio.Semaphore(limit)

    def place(self) -> Self:
        """A turn, as a context. Raises GatewayError (OVERLOADED, naming ``queue.wait``) when there is none in time."""
        return self

    async def __aenter__(self) -> None:
        if self._places.locked():
            await self._queue()
        else:
            await self._places.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._places.release()

    async def _queue(self) -> None:
        try:
            async with asyncio.timeout(self._wait):
                await self._places.acquire()
        except TimeoutError as cause:
            raise GatewayError(
                Kind.OVERLOADED,
                f"the gateway is serving {self._limit} requests and had no turn for this one within"
                f" {self._wait:g} s (queue.wait, server.max_concurrent)",
                retry_after=RETRY_AFTER,
                timeout="queue.wait",
            ) from cause

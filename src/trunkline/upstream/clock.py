"""The real clock."""

import asyncio
import itertools
import os
import random
import time


class SystemClock:
    """Implements :class:`trunkline.relay.ports.Clock`."""

    def __init__(self) -> None:
        self._prefix = os.urandom(10).hex()
        self._count = itertools.count()

    now = staticmethod(time.monotonic)
    """Monotonic seconds."""

    def unix(self) -> int:
        """Seconds since the epoch."""
        return int(time.time())

    async def sleep(self, seconds: float) -> None:
        """Wait; negative is no wait."""
        await asyncio.sleep(max(0.0, seconds))

    def jitter(self) -> float:
        """A random number in [0, 1)."""
        return random.random()  # noqa: S311 - spreads retries, protects nothing

    def unique(self) -> str:
        """A new identifier: random for this process, then a count."""
        return f"{self._prefix}{next(self._count):010x}"

"""Waiting for upstream bytes with a limit, at the price of two attribute writes a chunk."""

import asyncio
from math import inf
from typing import Final

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import Take
from trunkline.relay.ports import UpstreamAnswer

_MIN_REARM: Final = 0.001

WORDS: Final[dict[str, str]] = {
    "up.headers": "did not start to answer",
    "up.first_event": "answered, but sent no event",
    "up.idle": "sent nothing more",
    "up.total": "did not finish its answer",
}


def expired(name: str, seconds: float, who: str) -> GatewayError:
    """The error for a timeout of reliability_ux.md A2."""
    return GatewayError(
        Kind.TIMEOUT,
        f"{who} {WORDS[name]} within {seconds:g} s ({name})",
        timeout=name,
        local=False,
    )


class ReadGuard:
    """Reads with a deadline. One timer serves many reads: it is only armed anew when it fires too early.

    ``period`` is the shortest wait that will be asked for. Use as a context manager, from one task.
    """

    def __init__(self, answer: UpstreamAnswer, period: float) -> None:
        self._answer = answer
        self._period = max(_MIN_REARM, period)
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self.deadline = inf
        self._expired = False
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = inf

    def __enter__(self) -> "ReadGuard":
        return self

    def __exit__(self, *_: object) -> None:
        self.deadline = inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def read(self, deadline: float) -> bytes:
        """The next bytes. Raises TimeoutError at ``deadline`` (loop time); nothing is lost by that."""
        self.deadline = deadline
        if deadline < self._armed_for:
            self._arm(deadline)
        try:
            return await self._answer.read()
        except asyncio.CancelledError:
            if self._has_expired():
                raise TimeoutError from None
            raise
        finally:
            self.deadline = inf

    async def push(self, deadline: float, take: Take) -> None:
        """As :meth:`UpstreamAnswer.push`, with a deadline that ``take`` may move on by setting :attr:`deadline`."""
        self.deadline = deadline
        if deadline < self._armed_for:
            self._arm(deadline)
        try:
            await self._answer.push(take)
        except asyncio.CancelledError:
            if self._has_expired():
                raise TimeoutError from None
            raise
        finally:
            self.deadline = inf

    def _has_expired(self) -> bool:
        """Whether a cancellation was the deadline's and nobody else's."""
        expired, self._expired = self._expired, False
        return expired and self._task is not None and self._task.uncancel() == 0

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = when
        self._timer = self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        now = self._loop.time()
        self._timer = None
        if self.deadline <= now and self._task is not None:
            self._armed_for = inf
            self._expired = True
            self._task.cancel()
        else:
            self._arm(min(self.deadline, now + self._period))

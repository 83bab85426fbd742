"""Signs of life for a streaming client while there is no upstream stream to speak for itself.

Waiting for an answer's head, reading an error, backing off: none of it may take longer than the client's
patience (reliability_ux.md A2). One timer serves an exchange; a task exists only while a sign is sent.
"""

import asyncio
from types import TracebackType

from trunkline.relay.delivery import Delivery
from trunkline.relay.ports import ClientGone


class SignsOfLife:
    """A context around all attempts of one exchange. ``period`` is in seconds of silence.

    Inside it, ``pause`` before anybody else writes to the client and ``resume`` afterwards. When the client
    turns out to be gone, the waiting is cancelled and the context raises :class:`ClientGone`.
    """

    def __init__(self, delivery: Delivery, period: float) -> None:
        self._delivery = delivery
        self._period = period
        self._loop = asyncio.get_running_loop()
        self._active = False
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None
        self._owner: asyncio.Task[object] | None = None
        self._gone: ClientGone | None = None

    async def __aenter__(self) -> None:
        self._owner = asyncio.current_task()
        self.resume()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait({self._sending})
        if self._gone is not None and kind is asyncio.CancelledError and self._owner is not None:
            self._owner.uncancel()
            raise self._gone from None

    def resume(self) -> None:
        """Watch the silence from now on."""
        if not self._active:
            self._active = True
            self._arm()

    async def pause(self) -> None:
        """Stop watching; a sign that is being sent is finished first."""
        self._stop()
        if self._sending is not None:
            await self._sending

    def _stop(self) -> None:
        self._active = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._timer = self._loop.call_at(self._delivery.last + self._period, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._delivery.last + self._period > self._loop.time():
            self._arm()
        else:
            self._sending = self._loop.create_task(self._send())

    async def _send(self) -> None:
        try:
            await self._delivery.ping()
        except ClientGone as gone:
            self._gone = gone
            if self._owner is not None:
                self._owner.cancel()
            return
        finally:
            self._sending = None
        if self._active:
            self._arm()

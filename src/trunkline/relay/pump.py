"""A stream on its way: piece by piece from the upstream through a pipe to the client, with limits and signs of life."""

from collections.abc import Callable
from typing import Final

from trunkline.core.errors import GatewayError
from trunkline.relay.course import Course
from trunkline.relay.pipe import MAX_HELD, Pipe
from trunkline.relay.ports import UpstreamAnswer
from trunkline.relay.timeouts import ReadGuard, expired

LINGER: Final = 2.0
"""Seconds the upstream gets to close its body after its protocol's own end."""


class Pump:
    """Moves one stream; ``run`` it once.

    In mid-stream a piece goes on within the callback that brought it, and no task has to wake
    (:meth:`UpstreamAnswer.push`). Openings, ends, failures and a client that can take no more go through the loop.
    """

    def __init__(
        self,
        course: Course,
        upstream: UpstreamAnswer,
        pipe: Pipe,
        *,
        who: str,
        before_end: Callable[[Pipe], None],
    ) -> None:
        """``before_end`` is called before the client sees the end: it may come back at once."""
        self._pipe = pipe
        self._delivery = course.delivery
        self._time = course.time
        self._ping_every = course.services.ping
        self._who = who
        self._before_end = before_end
        self._name = "up.first_event"
        self._seconds = course.services.timeouts.up_first_event
        self._idle = course.services.timeouts.up_idle
        self._guard = ReadGuard(upstream, min(self._ping_every, LINGER))
        self._limit = 0.0
        self._ended = False
        self._kept: bytes | None = None
        """What a piece became that could not simply go on."""
        self.opening = bytearray()
        """What came before the first event."""
        self.complete = False
        """The upstream's body came to its end."""

    async def run(self) -> bytes:
        """Until the stream is over; ``pipe.failed`` says if it broke. Returns what is still owed to the client."""
        pipe = self._pipe
        self._delivery.last = self._time()
        self._limit = self._delivery.last + self._seconds
        with self._guard:
            while True:
                try:
                    out = await self._next()
                except TimeoutError:
                    if self._kept is None and self._time() >= self._limit:
                        return b"" if self._ended else pipe.fail(self._late())
                    await self._ping()
                    continue
                except GatewayError as error:
                    return pipe.fail(error)
                if self.complete or pipe.failed is not None:
                    return out
                await self._deliver(out)

    def _late(self) -> GatewayError:
        return expired(self._name, self._seconds, self._who)

    def _due(self) -> float:
        return min(self._limit, self._delivery.last + self._ping_every)

    async def _next(self) -> bytes:
        """Client bytes for what comes next; in mid-stream, for the next piece that needs more than to go on."""
        if self._kept is None and not self._ended and self._pipe.released and self._delivery.direct:
            await self._guard.push(self._due(), self._take)
        if self._kept is not None:
            out, self._kept = self._kept, None
            return out
        chunk = await self._guard.read(self._due())
        if not chunk:
            self.complete = True
            return self._pipe.close()
        out = self._pipe.feed(chunk)
        if not self._pipe.begun and len(self.opening) < MAX_HELD:
            self.opening += chunk
        return out

    def _take(self, chunk: bytes) -> bool:
        """A piece in mid-stream, at once; False when the loop has to go on."""
        pipe, delivery = self._pipe, self._delivery
        out = pipe.feed(chunk)
        if pipe.failed is not None or pipe.finished:
            self._kept = out
            return False
        room = delivery.push(out) if out else True
        now = self._time()
        self._limit = now + self._idle
        self._guard.deadline = min(self._limit, delivery.last + self._ping_every)
        return room

    async def _deliver(self, out: bytes) -> None:
        pipe = self._pipe
        if pipe.finished and not self._ended:
            self._before_end(pipe)
            self._ended, self._idle = True, LINGER
        if out:
            await self._delivery.content(out)
        self._delivery.complete = self._ended
        if pipe.begun:
            self._name, self._seconds = "up.idle", self._idle
            self._limit = self._time() + self._idle

    async def _ping(self) -> None:
        if self._pipe.at_boundary:
            await self._delivery.ping()
        else:
            self._delivery.last = self._time()

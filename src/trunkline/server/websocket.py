"""A client's connection after its upgrade: messages in and out, pings, and the limits of reliability_ux.md A2.

Framing is websockets' sans-I/O protocol, a module that is only loaded for the first upgrade. No extension is
offered: compressed messages would need their own bounds, and loopback gains nothing by them.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, cast

from uvicorn.protocols.http.flow_control import FlowControl
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol

from trunkline.server.asgi import Successor
from trunkline.server.deadlines import LINGER, Deadlines
from trunkline.server.stall import StallWatch

MAX_WAITING: Final = 16
"""Messages that may wait for their turn before we stop reading."""


class WebSocket(Successor):
    """One upgraded connection. One task receives from it and sends on it."""

    transport: asyncio.Transport
    flow: FlowControl

    def __init__(self, *, max_message: int, deadlines: Deadlines) -> None:
        self._protocol = Protocol(SERVER, state=OPEN, max_size=max_message)
        self._max_message = max_message
        self._silence = deadlines.keepalive
        self._stall = StallWatch(deadlines.write_stall)
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[bytes] = deque()
        self._held = 0
        self._pieces: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard = self._pinged = self._loop.time()
        self._closed_at: float | None = None
        self._ended = False
        self.on_lost: Callable[[str], object] | None = None
        self.lost: str | None = None
        """Why nobody is there any more; None while somebody is."""
        self.draining = False
        """The server stops: the answer that is under way is the last one."""

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.flow = FlowControl(self.transport)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone(self)
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._lose("client_closed")
        self.flow.resume_writing()

    def _lose(self, why: str) -> None:
        """Nobody waits for an answer any more: the work is called off."""
        if self.lost is None:
            self.lost = why
            if self.on_lost is not None:
                self.on_lost(why)
        self._wake()

    def shutdown(self) -> None:
        """The server stops."""
        self.draining = True
        self._wake()

    def pause_writing(self) -> None:
        self.flow.pause_writing()
        self._stall.queued = 0
        self._look_in(self._stall.step)

    def resume_writing(self) -> None:
        self.flow.resume_writing()

    # Bytes in

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        self._protocol.receive_data(data)
        self._after_reading()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._after_reading()

    def _after_reading(self) -> None:
        for frame in self._protocol.events_received():
            if isinstance(frame, Frame):
                self._take(frame)
        self._flush()
        if self._protocol.close_expected():
            self._lose("client_closed")
            self._end_soon()

    def _take(self, frame: Frame) -> None:
        """A piece of a message. The framing has bounded its size and answers pings by itself."""
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        self._pieces.append(bytes(frame.data))
        if not frame.fin:
            return
        message = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._inbox.append(message)
        self._held += len(message)
        if len(self._inbox) >= MAX_WAITING or self._held > self._max_message:
            self.flow.pause_reading()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # For the session

    async def receive(self) -> bytes | None:
        """The next message; None when there will be none: the client is gone, or the server stops."""
        while self.lost is None and not self.draining:
            if self._inbox:
                message = self._inbox.popleft()
                self._held -= len(message)
                self.flow.resume_reading()
                return message
            self._waiter = self._loop.create_future()
            await self._waiter
        return None

    async def send(self, messages: Sequence[bytes]) -> None:
        """Text messages, together; returns when the connection can take more."""
        if self.flow.write_paused and self.lost is None:
            await self.flow.drain()
        if self.lost is not None or self._protocol.state is not OPEN:
            return
        for message in messages:
            self._protocol.send_text(message)
        self._flush()

    def close(self, code: int) -> None:
        """Say goodbye; what was sent before still arrives. May be called again."""
        if self._ended:
            return
        if self._protocol.state is OPEN:
            self._protocol.send_close(code)
            self._flush()
        self._end_soon()

    # Bytes out, time

    def _flush(self) -> None:
        pending = self._protocol.data_to_send()
        ends = b"" in pending
        data = b"".join(pending)
        if self.transport.is_closing():
            return
        if data:
            self.transport.write(data)
        if ends:
            if self.transport.can_write_eof():
                self.transport.write_eof()
            self._end_soon()

    def _end_soon(self) -> None:
        if self._closed_at is None:
            self._closed_at = self._loop.time()
            self._look_in(LINGER)

    def _look_in(self, seconds: float) -> None:
        when = self._loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        """Act on what has expired, ping whoever is silent, and look again in time."""
        self._timer = None
        now = self._loop.time()
        queued = self.transport.get_write_buffer_size()
        stalled = self._stall.stalled(queued, now)
        silent = now - self._heard >= self._silence and not self.flow.read_paused
        over = self._closed_at is not None and now - self._closed_at >= LINGER
        if stalled or silent or over:
            self._lose("client_stalled" if stalled else "client_closed")
            self.transport.abort()
            return
        step = self._silence / 3
        if now - max(self._heard, self._pinged) >= step and self._protocol.state is OPEN:
            self._pinged = now
            self._protocol.send_ping(b"")
            self._flush()
        wait = step if self._closed_at is None else LINGER
        self._look_in(max(0.001, min(wait, self._stall.step) if queued else wait))

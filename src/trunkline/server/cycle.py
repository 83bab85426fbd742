"""One request on a client's connection and its answer: ASGI's two calls over HTTP/1.1 framing, and no more.

The application is ours: headers come with names in lower case and harmless values, so nothing is looked at
twice. What would break the framing is refused all the same.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, Protocol

from uvicorn.protocols.http.flow_control import FlowControl

from trunkline.server.asgi import RawHeaders, Receive, Received, Scope, Send, Sent

log: Final = logging.getLogger("uvicorn.error")

Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_STATUS_LINES: Final = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus
}
_NO_BODY: Final = frozenset({204, 304})
MAX_CORKED: Final = 64 * 1024
"""Bytes of a stream's beginning that are held at most; more goes out at once, so that back-pressure is felt."""
_FAILED: Final = b"Internal Server Error"
_FAILED_HEADERS: Final = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-length", b"%d" % len(_FAILED)),
    (b"connection", b"close"),
]


class Wire(Protocol):
    """The connection, as its requests see it."""

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    flow: FlowControl

    def default_headers(self) -> bytes:
        """Header lines that every answer has."""
        ...

    def on_response_complete(self) -> None: ...


class Cycle:
    """One request and its answer. The connection feeds the body, unless it is here, and sets ``disconnected``."""

    __slots__ = (
        "_arrived", "_chunked", "_corked", "_expects", "_left", "_more_body", "_pieces", "_task", "_tasks",
        "_unsent", "_waiter", "_wire",
        "disconnected", "held", "keep_alive", "response_complete", "response_started", "scope",
    )  # fmt: skip

    def __init__(
        self,
        scope: Scope,
        wire: Wire,
        *,
        keep_alive: bool = True,
        expects: bool = False,
        body: bytes | None = None,
    ) -> None:
        self.scope = scope
        self._wire = wire
        self.keep_alive = keep_alive
        self._expects = expects
        self.disconnected = self.response_started = self.response_complete = False
        self._corked = self._chunked = False
        self._more_body = body is None
        self._arrived = body is not None
        self._pieces: list[bytes] = [] if body is None else [body]
        self.held = 0 if body is None else len(body)
        """Bytes of the body that nobody has taken yet."""
        self._waiter: asyncio.Future[None] | None = None
        self._unsent = b""
        self._left = 0

    # From the connection

    def feed(self, body: bytes) -> None:
        """More of the body."""
        self._pieces.append(body)
        self.held += len(body)
        self._arrived = True
        if self._waiter is not None:
            self.wake()

    def end(self) -> None:
        """The body is complete."""
        self._more_body = False
        self._arrived = True
        if self._waiter is not None:
            self.wake()

    def disconnect(self) -> None:
        """Nobody is there any more: what is still sent goes nowhere."""
        self.disconnected = True
        self.wake()

    def hand_over(self, headers: RawHeaders) -> None:
        """Answer with 101: what is said on the connection from now on is not this request's business."""
        if self.response_started or self.disconnected:
            raise RuntimeError("the answer has begun, or nobody is there")
        lines = b"".join(b"%b: %b\r\n" % pair for pair in headers)
        head = b"HTTP/1.1 101 Switching Protocols\r\n%b%b\r\n" % (self._wire.default_headers(), lines)
        self.response_started = self.response_complete = True
        self._wire.transport.write(head)

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def start(self, application: Application, tasks: set[asyncio.Task[None]]) -> None:
        """Have the request answered, in a task of its own that is among ``tasks`` until its end."""
        self._tasks = tasks
        self._task = self._wire.loop.create_task(self._run(application))
        tasks.add(self._task)

    async def _run(self, application: Application) -> None:
        try:
            await application(self.scope, self.receive, self.send)
            if not (self.response_complete or self.disconnected):
                raise RuntimeError("the application returned without a complete answer")
        except BaseException as cause:
            log.error("Exception in ASGI application\n", exc_info=cause)
            await self._fail()
        finally:
            self._tasks.discard(self._task)

    async def _fail(self) -> None:
        if not self.response_started:
            await self.send({"type": "http.response.start", "status": 500, "headers": _FAILED_HEADERS})
            await self.send({"type": "http.response.body", "body": _FAILED, "more_body": False})
        else:
            self._uncork()
            self._wire.transport.close()

    # From the application

    def arrived(self, limit: int) -> bytes | None:
        """The whole body, where it is here and has at most ``limit`` bytes; in place of :meth:`receive`."""
        if self._more_body or self._expects or self.disconnected or self.held > limit:
            return None
        flow, pieces = self._wire.flow, self._pieces
        if flow.read_paused:
            flow.resume_reading()
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.held = 0
        self._arrived = False
        return body

    async def receive(self) -> Received:
        """What has come of the body; after its end, waits for the answer's end or the client's going."""
        if self._expects and not self._wire.transport.is_closing():
            self._expects = False
            self._wire.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._wire.flow.resume_reading()
        while not (self._arrived or self.disconnected or self.response_complete):
            self._waiter = self._wire.loop.create_future()
            await self._waiter
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        pieces = self._pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.held = 0
        self._arrived = False
        return {"type": "http.request", "body": body, "more_body": self._more_body}

    async def send(self, message: Sent) -> None:
        """Returns when the connection can take more. Raises RuntimeError for what would break the framing."""
        if self._wire.flow.write_paused and not self.disconnected:
            await self._wire.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if kind == "http.response.body" and self.response_started and not self.response_complete:
            self._send_body(message.get("body", b""), message.get("more_body", False))
        elif kind == "http.response.start" and not self.response_started:
            self._send_head(message.get("status", 200), message.get("headers", []))
        else:
            raise RuntimeError(f"{kind} does not belong here")

    def whole(self, status: int, lines: bytes, body: bytes) -> bool:
        """A whole answer in one piece; False when the connection can take no more for now, and nothing was sent.

        ``lines`` are its header lines, but for those that frame the body.
        """
        if self.disconnected:
            return True
        if self._wire.flow.write_paused:
            return False
        if self.response_started:
            raise RuntimeError("a whole answer does not belong here")
        self.response_started = True
        self._expects = False
        wire = self._wire
        begin = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
        length = str(len(body)).encode()
        end = b"\r\n\r\n" if self.keep_alive else b"\r\nconnection: close\r\n\r\n"
        sent = b"" if self.scope["method"] == "HEAD" else body
        wire.transport.write(
            b"".join((begin, wire.default_headers(), lines, b"content-length: ", length, end, sent))
        )
        self._complete()
        return True

    def push(self, body: bytes) -> bool:
        """More of a streamed body, at once; False when the connection can take no more for now."""
        if not self.disconnected and not self.response_complete:
            self._send_body(body, True)
        return not self._wire.flow.write_paused

    def _send_head(self, status: int, headers: RawHeaders) -> None:
        """The head waits for the first bytes of its body, to leave with them; that of a stream not for long."""
        self.response_started = True
        self._expects = False
        length: int | None = None
        defaults = self._wire.default_headers()
        head = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status, defaults]
        for pair in headers:
            name, value = pair
            if name == b"content-length":
                length = int(value)
            elif name == b"connection":
                self.keep_alive = self.keep_alive and b"close" not in value.lower()
                continue
            head.append(b"%b: %b\r\n" % pair)
        if not self.keep_alive:
            head.append(b"connection: close\r\n")
        bodiless = self.scope["method"] == "HEAD" or status in _NO_BODY
        self._chunked = length is None and not bodiless
        if self._chunked:
            head.append(b"transfer-encoding: chunked\r\n")
        head.append(b"\r\n")
        self._left = 0 if bodiless or length is None else length
        encoded = b"".join(head)
        lines = len(head) - 1 + defaults.count(b"\n")
        if encoded.count(b"\n") != lines or encoded.count(b"\r") != lines:
            raise RuntimeError("a header of the answer holds a line break")
        self._unsent = encoded
        if self._chunked:
            self._corked = True
            self._wire.loop.call_soon(self._uncork)

    def _send_body(self, body: bytes, more_body: bool) -> None:
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not more_body:
                data += b"0\r\n\r\n"
        elif self.scope["method"] == "HEAD":
            data = b""
        else:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more_body):
                raise RuntimeError("the body of the answer is not of its declared length")
            data = body
        if self._unsent:
            data = self._unsent + data
            self._unsent = b""
        if self._corked and more_body and len(data) < MAX_CORKED:
            self._unsent = data
        elif data:
            self._wire.transport.write(data)
        if not more_body:
            self._complete()

    def _uncork(self) -> None:
        """The turn of the loop in which a stream began is over: from now on each event leaves at once."""
        self._corked = False
        if self._unsent and not self.disconnected:
            self._wire.transport.write(self._unsent)
        self._unsent = b""

    def _complete(self) -> None:
        self.response_complete = True
        if self._waiter is not None:
            self.wake()
        if not self.keep_alive:
            self._wire.transport.close()
        self._wire.on_response_complete()

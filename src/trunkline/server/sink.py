"""The client's side of an exchange over ASGI."""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from trunkline.core.http import Headers, Take
from trunkline.protocols.gemini import JsonArrayWriter
from trunkline.relay.ports import AtOnce
from trunkline.server.asgi import Connection, Send
from trunkline.server.routes import DEPRECATED, Match

DROPPED: Final = frozenset(
    {
        "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
        "date", "server", "set-cookie", "x-trunkline-request-id",
    }
)  # fmt: skip
"""Headers of an answer that are the connection's, the server's or another host's business."""

_EVENTS: Final = "text/event-stream"

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")


def encode_value(value: str) -> bytes:
    """A header value that can do no harm: no control characters, anything beyond ASCII percent-encoded."""
    if not (value.isascii() and value.isprintable()):
        value = quote(_CONTROL.sub(" ", value), safe="".join(map(chr, range(0x20, 0x7F))))
    return value.encode("ascii")


def _pair(name: str, value: str) -> tuple[bytes, bytes] | None:
    """A header as ASGI has it, None for one that is not sent."""
    if not name.isprintable():
        raise ValueError(f"{name!r} is no name of a header")
    return None if name in DROPPED else (name.encode("ascii"), encode_value(value))


def _line(name: str, value: str) -> bytes:
    """A header as it goes on the wire, nothing for one that is not sent."""
    line = f"{name}: {value}"
    if line.isascii() and line.isprintable():
        return b"" if name in DROPPED else line.encode() + b"\r\n"
    pair = _pair(name, value)
    return b"" if pair is None else b"%b: %b\r\n" % pair


_known_pair = lru_cache(maxsize=1024)(_pair)


@lru_cache(maxsize=512)
def _lines(headers: Headers) -> bytes:
    """Header lines that many answers have."""
    return b"".join([_line(name, value) for name, value in headers])


class ClientSink:
    """One answer. ``start`` and ``send`` return once the connection can take more."""

    __slots__ = (
        "_connection", "_last", "_left", "_request_id", "_send", "complete", "event_stream", "extra",
        "started",
    )  # fmt: skip

    def __init__(self, send: Send, request_id: bytes, connection: Connection) -> None:
        self._send = send
        self._connection = connection
        self._request_id = request_id
        self._left: int | None = None
        self._last = b""
        self.started = False
        self.complete = False
        self.event_stream = False
        self.extra: Headers = ()
        """What every answer on this route says beside its own headers."""

    async def start(self, status: int, headers: Headers) -> None:
        """Status and headers, once. The request's id is added."""
        raw = [(b"x-trunkline-request-id", self._request_id)]
        for name, value in (*headers, *self.extra):
            pair = _known_pair(name, value)
            if pair is None:
                continue
            if name == "content-length":
                self._left = int(value)
            elif name == "content-type":
                self.event_stream = value.startswith(_EVENTS)
            raw.append(pair)
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    @property
    def at_once(self) -> AtOnce | None:
        """See :class:`trunkline.relay.ports.Sink`."""
        return None if self._connection.whole is None else self._at_once

    def _at_once(self, same: Headers, own: Headers, body: bytes) -> bool:
        send = self._connection.whole
        assert send is not None, "there is no such way"
        lines = [b"x-trunkline-request-id: ", self._request_id, b"\r\n", _lines(same + self.extra)]
        for name, value in own:
            lines.append(_line(name, value))
        self.started = self.complete = send(200, b"".join(lines), body)
        return self.complete

    async def send(self, data: bytes) -> None:
        """More of the body. With a known length, the last bytes complete the answer."""
        self._last = data
        if self._left is not None:
            self._left -= len(data)
            self.complete = self._left <= 0
        await self._send({"type": "http.response.body", "body": data, "more_body": not self.complete})

    @property
    def direct(self) -> Take | None:
        """See :class:`trunkline.relay.ports.Sink`."""
        return None if self._connection.push is None else self._direct

    def _direct(self, data: bytes) -> bool:
        push = self._connection.push
        assert push is not None, "there is no direct way"
        self._last = data
        return push(data)

    async def end(self) -> None:
        """The answer is complete. May be called again."""
        if not self.complete:
            self.complete = True
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def interrupt(self, event: bytes) -> None:
        """End an event stream with one error event, whole even where the last event was cut."""
        gap = b"" if not self._last or self._last.endswith(b"\n\n") else b"\n\n"
        await self.send(gap + event)
        await self.end()


class ArraySink(ClientSink):
    """For a caller that asked for a stream without ``alt=sse``: its events as one JSON array (protocols.md E99).

    An error before the first event is an array of that one error, as Google has it.
    """

    __slots__ = ("_array", "_error")

    def __init__(self, send: Send, request_id: bytes, connection: Connection) -> None:
        super().__init__(send, request_id, connection)
        self._array: JsonArrayWriter | None = None
        self._error = False

    @property
    def at_once(self) -> AtOnce | None:
        """What comes at once is no array yet."""
        return None

    async def start(self, status: int, headers: Headers) -> None:
        """Status and headers, once; an event stream is announced as JSON."""
        if not any(name == "content-type" and value.startswith(_EVENTS) for name, value in headers):
            self._error = status >= 400
            await super().start(status, _longer(headers) if self._error else headers)
            return
        self._array = JsonArrayWriter()
        json = ("content-type", "application/json; charset=utf-8")
        await super().start(status, tuple(json if pair[0] == "content-type" else pair for pair in headers))
        self.event_stream = True

    async def send(self, data: bytes) -> None:
        """More of the body, event by event."""
        if self._array is not None:
            data = self._array.feed(data)
        elif self._error:
            data = b"[" + data + b"]"
        if data:
            await super().send(data)

    def _direct(self, data: bytes) -> bool:
        if self._array is not None:
            data = self._array.feed(data)
        return super()._direct(data) if data else True

    async def end(self) -> None:
        """The answer is complete, and so is the array."""
        if self._array is not None and not self.complete:
            await super().send(self._array.close())
        await super().end()


def _longer(headers: Headers) -> Headers:
    """The headers of a body in brackets."""
    return tuple(
        (name, str(int(value) + 2) if name == "content-length" else value) for name, value in headers
    )


def sink_for(found: Match | None, send: Send, request_id: str, connection: Connection) -> ClientSink:
    """The sink of one answer on a route, None for a path that is none."""
    encoded_id = request_id.encode("ascii")
    if found is None:
        return ClientSink(send, encoded_id, connection)
    called = found.called
    kind = ClientSink if called is None or called.framing == "sse" else ArraySink
    sink = kind(send, encoded_id, connection)
    if found.route.direct is not None:
        sink.extra = DEPRECATED
    return sink

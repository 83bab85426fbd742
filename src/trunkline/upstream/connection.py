"""One HTTP/1.1 connection to an upstream: a request out, an answer in, in pieces and with back-pressure."""

import asyncio
import ssl
import zlib
from functools import lru_cache
from typing import Final, Protocol, cast

import httptools

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import Headers, HttpHead, Take

HIGH_WATER: Final = 256 * 1024
"""Bytes of an answer held for a slow reader before we stop reading from the upstream."""
MAX_HEAD: Final = 64 * 1024
_NAMES: Final[dict[bytes, str]] = {}
"""Header names as seen so far, in lower case: providers send the same few dozen with every answer."""
_MAX_NAMES: Final = 512
_MAX_INFLATED_PIECE: Final = 1024 * 1024


class _Inflater(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes: ...


class Connection(asyncio.Protocol):
    """Serves one exchange at a time; between exchanges the pool keeps it.

    All errors are GatewayErrors that name ``origin`` and nothing else of the request. There is one timer, which
    looks at what is due and sets itself again: an answer that comes in time arms and cancels nothing.
    """

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self.closed = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._error: GatewayError | None = None
        self._reset()

    def _reset(self) -> None:
        self._headers: list[tuple[str, str]] = []
        self._head: HttpHead | None = None
        self._head_size = 0
        self._pieces: list[bytes] = []
        self._held = 0
        self._paused = False
        self._complete = False
        self._keep_alive = False
        self._until_close = False
        self._inflater: _Inflater | None = None
        self.take_over: Take | None = None
        """Gets pieces of the body as they come, while somebody waits for a :meth:`change`."""

    # --- asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:  # bytes nobody asked for: the connection cannot be trusted any more
            self.abort()
            return
        if self._head is None:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD + HIGH_WATER:
                self._fail(
                    GatewayError(Kind.UPSTREAM_FAILED, f"{self.origin} sent endless headers", local=False)
                )
                return
        try:
            parser.feed_data(data)
        except httptools.HttpParserError as cause:
            self._fail(
                GatewayError(
                    Kind.UPSTREAM_FAILED, f"{self.origin} does not answer in HTTP: {cause}", local=False
                )
            )
        except zlib.error as cause:
            self._fail(
                GatewayError(
                    Kind.UPSTREAM_FAILED, f"{self.origin} sent broken compression: {cause}", local=False
                )
            )
        if self.take_over is None or not self._hand_over(self.take_over):
            self._wake()

    def _hand_over(self, take: Take) -> bool:
        """Give ``take`` what is here; False when whoever waits has to see to it."""
        if self._complete or self._error is not None or self._waiter is None:
            return False
        data = self.take()
        if data is None or take(data):
            return True
        self.take_over = None
        return False

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._parser is not None and not self._complete and self._error is None:
            if self._until_close and exc is None:
                self._complete = True
            else:
                self._error = _broken(self.origin, self._head is not None)
        self._wake()

    # --- httptools' callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((_NAMES.get(name) or _lower(name), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        parser = self._parser
        status = parser.get_status_code() if parser is not None else 0
        if status < 200:
            self._headers = []
            return
        self._head = head = HttpHead(status, tuple(self._headers))
        fields = dict(head.headers)
        self._until_close = not ("content-length" in fields or "transfer-encoding" in fields)
        if "content-encoding" in fields:
            self._decompress(head)

    def _decompress(self, head: HttpHead) -> None:
        encoding = (head.header("content-encoding") or "identity").strip().lower()
        if encoding in ("gzip", "x-gzip", "deflate"):
            self._inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        elif encoding not in ("", "identity"):
            self._fail(
                GatewayError(
                    Kind.UPSTREAM_FAILED,
                    f"{self.origin} answered in encoding {encoding!r}, unasked",
                    local=False,
                )
            )

    def on_body(self, body: bytes) -> None:
        if self._inflater is None:
            self._hold(body)
            return
        while body:
            self._hold(self._inflater.decompress(body, _MAX_INFLATED_PIECE))
            body = self._inflater.unconsumed_tail
            if self._held > 64 * _MAX_INFLATED_PIECE:
                raise zlib.error("the decompressed answer is out of proportion")

    def on_message_complete(self) -> None:
        if self._head is not None:
            self._complete = True
            # Only inside this callback does the parser still know the message's own headers.
            self._keep_alive = self._parser is not None and self._parser.should_keep_alive()

    # --- the exchange

    def _hold(self, data: bytes) -> None:
        if not data:
            return
        self._pieces.append(data)
        self._held += len(data)
        if self._held > HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail(self, error: GatewayError) -> None:
        if self._error is None:
            self._error = error
        self.abort()
        self._wake()

    def send(self, head: bytes, body: bytes) -> None:
        """Start an exchange. Raises GatewayError (UNREACHABLE) when the connection is already gone."""
        if self.closed or self._transport is None or self._transport.is_closing():
            raise _broken(self.origin, False)
        self._parser = httptools.HttpResponseParser(self)
        if len(body) < 65536:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)

    async def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Go on in TLS with ``host``, to which a proxy has answered that it connects us.

        Raises OSError, and GatewayError (UNREACHABLE) when the connection is gone.
        """
        self.finish()
        if self.closed or self._transport is None:
            raise _broken(self.origin, False)
        secured = await self._loop.start_tls(self._transport, self, context, server_hostname=host)
        if secured is None:
            raise _broken(self.origin, False)
        self._transport = secured

    async def head(self, seconds: float) -> HttpHead:
        """Status and headers of the answer. Raises GatewayError, and TimeoutError after so many seconds."""
        self._deadline = self._loop.time() + seconds
        if self._timer is None or self._timer.when() > self._deadline:
            self._set_timer()
        while self._head is None:
            if self._error is not None:
                raise self._error
            if self._loop.time() >= self._deadline:
                raise TimeoutError
            await self.change()
        return self._head

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        """Wake who has waited for a head long enough; look again when somebody may have."""
        self._timer = None
        if self._parser is None or self._head is not None:
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
        else:
            self._wake()

    def take(self) -> bytes | None:
        """All bytes that are here, ``b""`` at the complete end, None while there are none. Raises GatewayError."""
        pieces = self._pieces
        if not pieces:
            if self._complete:
                return b""
            if self._error is not None:
                raise self._error
            return None
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._held = 0
        if self._paused:
            self._resume()
        return data

    def all(self) -> bytes | None:
        """The whole body, when it is complete; None before. Raises nothing."""
        return self.take() if self._complete else None

    def change(self) -> asyncio.Future[None]:
        """Done when something has happened; for one to wait at a time."""
        self._waiter = self._loop.create_future()
        return self._waiter

    def _resume(self) -> None:
        self._paused = False
        if self._transport is not None and not self.closed:
            self._transport.resume_reading()

    def finish(self) -> bool:
        """End the exchange; True when the connection can serve another one."""
        self._parser = None
        reusable = (
            self._complete
            and self._keep_alive
            and self._error is None
            and not self.closed
            and not self._pieces
            and not self._until_close
        )
        self._reset()
        return reusable

    def abort(self) -> None:
        """Close at once, whatever is under way."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()


def _broken(origin: str, begun: bool) -> GatewayError:
    if begun:
        return GatewayError(
            Kind.TRUNCATED, f"{origin} closed the connection before its answer was complete", local=False
        )
    return GatewayError(Kind.UNREACHABLE, f"{origin} closed the connection without an answer", local=False)


def _lower(raw_name: bytes) -> str:
    name = raw_name.decode("latin-1").lower()
    if len(_NAMES) < _MAX_NAMES:
        _NAMES[raw_name] = name
    return name


def encode_head(method: str, target: str, host: str, headers: Headers, length: int) -> bytes:
    """A request's head. Raises GatewayError (INTERNAL) for a header that would break the framing."""
    prefix = _encode_headers(method, target, host, headers)
    if length or method != "GET":
        return b"".join((prefix, b"content-length: ", str(length).encode(), b"\r\n\r\n"))
    return prefix + b"\r\n"


@lru_cache(maxsize=128)
def _encode_headers(method: str, target: str, host: str, headers: Headers) -> bytes:
    """A head but for its length: the same client asks the same provider with the same headers each time."""
    lines = [
        f"{method} {target} HTTP/1.1",
        f"host: {host}",
        *(f"{name}: {value}" for name, value in headers),
        "accept-encoding: identity",
        "",
    ]
    text = "\r\n".join(lines)
    breaks = len(lines) - 1
    if text.count("\n") != breaks or text.count("\r") != breaks or "\0" in text:
        raise GatewayError(Kind.INTERNAL, "a header towards the upstream holds a line break")
    return text.encode("latin-1")

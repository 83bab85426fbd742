"""HTTP out over aiohttp: one pool, no redirects, no cookies, no proxy unless configured."""

import asyncio
import io
from collections import OrderedDict
from contextvars import ContextVar
from functools import partial
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from multidict import CIMultiDict
from yarl import URL

from trunkline.config.schema import Timeouts
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead, HttpRequest, Take

MAX_CONNECTIONS: Final = 1000
KEEP_ALIVE: Final = 55.0
"""Seconds an idle connection is kept: less than the 60 s after which most balancers drop it."""
MAX_URLS: Final = 1024
LARGE: Final = 512 * 1024
"""Bytes from which a body is written piece by piece, so that it never stands in the buffers twice."""
READ_BUFFER: Final = 64 * 1024
MAX_LINE: Final = 64 * 1024
"""Bytes of one header line: some gateways answer with very long ones."""

_sending: ContextVar["_Patience | None"] = ContextVar("sending", default=None)


class _Patience:
    """Limits the phases of one opening in turn: a place in the pool and the connection, then the head."""

    __slots__ = ("_headers", "guard", "phase")

    def __init__(self, guard: asyncio.Timeout, headers: float) -> None:
        self.guard = guard
        self.phase = "up.connect"
        self._headers = headers

    def connected(self) -> None:
        """The request is about to be sent: from now on the limit is the one for the head."""
        self.phase = "up.headers"
        self.guard.reschedule(asyncio.get_running_loop().time() + self._headers)


class _Handler(ResponseHandler):
    """Ends a body whose connection went away; aiohttp 3.14 leaves its reader waiting after a broken chunk."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """The socket is gone."""
        body = self._payload
        super().connection_lost(exc)
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("the connection was lost inside the body"))


class _Connector(aiohttp.TCPConnector):
    """Says when the connection is there: aiohttp has no limit of its own for the time until the head."""

    def __init__(self) -> None:
        super().__init__(limit=0, keepalive_timeout=KEEP_ALIVE)  # pyright: ignore[reportUnknownMemberType]
        loop = asyncio.get_running_loop()
        self._factory = partial(_Handler, loop=loop)  # type: ignore[assignment]  # partial is invariant

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        """A pooled or a new connection."""
        connection = await super().connect(req, traces, timeout)
        patience = _sending.get()
        if patience is not None:
            patience.connected()
        return connection


class AiohttpUpstream:
    """Implements :class:`trunkline.relay.ports.Upstream`. Make and use it inside one event loop; close it."""

    def __init__(
        self,
        timeouts: Timeouts,
        *,
        proxy: str | None = None,
        connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._connect = timeouts.up_connect
        self._pool_seconds = timeouts.up_pool
        self._slots = asyncio.Semaphore(connections)
        connector = _Connector()
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"accept-encoding": "identity"},
            skip_auto_headers=("User-Agent", "Content-Type"),
            timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
            proxy=proxy,
            read_bufsize=READ_BUFFER,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
        )
        self._urls: OrderedDict[str, URL] = OrderedDict()

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def open(self, request: HttpRequest, *, headers_timeout: float) -> "AiohttpAnswer":
        """Send and wait for the head; see :class:`trunkline.relay.ports.Upstream` for what it raises."""
        url = self._url(request.url)
        where = url.host or "?"
        await self._slot(where)
        try:
            response = await self._send(request, url, headers_timeout)
        except BaseException:
            self._slots.release()
            raise
        return AiohttpAnswer(response, where, self._slots)

    async def _slot(self, where: str) -> None:
        if not self._slots.locked():
            await self._slots.acquire()
            return
        try:
            async with asyncio.timeout(self._pool_seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise GatewayError(
                Kind.TIMEOUT,
                f"no free connection for {where} within {self._pool_seconds:g} s (up.pool)",
                timeout="up.pool",
            ) from None

    async def _send(self, request: HttpRequest, url: URL, headers_timeout: float) -> aiohttp.ClientResponse:
        where = url.host or "?"
        phase = "up.connect"
        try:
            async with asyncio.timeout(self._connect) as guard:
                patience = _Patience(guard, headers_timeout)
                token = _sending.set(patience)
                try:
                    return await self._session.request(
                        request.method,
                        url,
                        data=request.body if len(request.body) < LARGE else io.BytesIO(request.body),
                        headers=CIMultiDict(request.headers),
                        allow_redirects=False,
                    )
                finally:
                    phase = patience.phase
                    _sending.reset(token)
        except TimeoutError:
            raise _too_late(phase, where, self._connect, headers_timeout) from None
        except aiohttp.ClientConnectorError as cause:
            raise GatewayError(
                Kind.UNREACHABLE, f"cannot connect to {where}: {_reason(cause)}", local=False
            ) from None
        except (aiohttp.ClientError, OSError) as cause:
            raise GatewayError(
                Kind.UPSTREAM_FAILED, f"{where} broke off before it answered: {_reason(cause)}", local=False
            ) from None

    def _url(self, text: str) -> URL:
        url = self._urls.get(text)
        if url is None:
            try:
                url = URL(text, encoded=True)
            except ValueError:
                raise GatewayError(Kind.INTERNAL, "a provider's URL cannot be read") from None
            if len(self._urls) >= MAX_URLS:
                self._urls.popitem(last=False)
            self._urls[text] = url
        return url


class AiohttpAnswer:
    """Implements :class:`trunkline.relay.ports.UpstreamAnswer`."""

    __slots__ = ("_response", "_slots", "_where", "head")

    def __init__(self, response: aiohttp.ClientResponse, where: str, slots: asyncio.Semaphore) -> None:
        self._response = response
        self._where = where
        self._slots: asyncio.Semaphore | None = slots
        self.head = HttpHead(
            response.status,
            tuple(
                (name.decode("latin-1").lower(), value.decode("latin-1"))
                for name, value in response.raw_headers
            ),
        )

    async def read(self) -> bytes:
        """The next bytes; ``b""`` at the end."""
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError, RuntimeError) as cause:
            raise GatewayError(
                Kind.TRUNCATED,
                f"{self._where} broke off in the middle of its answer: {_reason(cause)}",
                local=False,
            ) from None

    async def push(self, take: Take) -> None:
        """See :class:`trunkline.relay.ports.UpstreamAnswer`."""
        while (data := await self.read()) and take(data):
            pass

    async def close(self, *, reuse: bool) -> None:
        """Give the connection back or close it; may be called again."""
        if self._slots is None:
            return
        self._slots.release()
        self._slots = None
        if reuse:
            self._response.release()
        else:
            self._response.close()


def _too_late(phase: str, where: str, connect: float, headers: float) -> GatewayError:
    if phase == "up.connect":
        message = f"cannot connect to {where} within {connect:g} s (up.connect)"
    else:
        message = f"{where} did not start to answer within {headers:g} s (up.headers)"
    return GatewayError(Kind.TIMEOUT, message, timeout=phase, local=False)


def _reason(cause: BaseException) -> str:
    """Why, without a URL's query or a header: aiohttp's own texts may hold either."""
    match cause:
        case aiohttp.ClientConnectorDNSError():
            return "its name cannot be resolved"
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate cannot be trusted"
        case aiohttp.ClientSSLError():
            return "no secure connection could be made"
        case aiohttp.ClientConnectorError():
            return cause.os_error.strerror or type(cause.os_error).__name__
        case aiohttp.ServerDisconnectedError():
            return "it closed the connection"
        case OSError() if cause.strerror:
            return cause.strerror
        case aiohttp.ClientPayloadError():
            return "the body is incomplete"
        case _:
            return type(cause).__name__

"""HTTP out over pooled HTTP/1.1 connections, directly or through a proxy."""

import asyncio
import ssl
from collections import deque
from types import TracebackType
from typing import Final, Self

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead, HttpRequest, Take
from trunkline.upstream.connection import Connection, encode_head
from trunkline.upstream.place import Place, place_of
from trunkline.upstream.proxy import AUTHENTICATE, Proxy, check, opening

IDLE_SECONDS: Final = 55.0
"""An idle connection is not used again after this; most servers close theirs at 60 s or later."""
MAX_PER_ORIGIN: Final = 1024


class _Pool:
    """The connections to one origin, and how many more there may be."""

    def __init__(self) -> None:
        self.idle: deque[Connection] = deque()
        self.free = MAX_PER_ORIGIN
        self._queue: deque[asyncio.Future[None]] = deque()

    def take(self, now: float) -> Connection | None:
        while self.idle:
            connection = self.idle.pop()
            if not connection.closed and now - connection.idle_since < IDLE_SECONDS:
                return connection
            connection.abort()
        return None

    async def wait(self) -> None:
        """Wait for a slot when none is free; who has waited longest gets the next."""
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """Give a slot to whoever waits, or keep it."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1


class Http1Answer:
    """An open answer on a pooled connection; :class:`trunkline.relay.ports.UpstreamAnswer`."""

    __slots__ = ("_connection", "_pool", "head")

    def __init__(self, head: HttpHead, connection: Connection, pool: _Pool) -> None:
        self.head = head
        self._connection: Connection | None = connection
        self._pool = pool

    async def read(self) -> bytes:
        """The next bytes, ``b""`` at a complete end. Raises GatewayError (TRUNCATED). May be cancelled and called again."""
        connection = self._connection
        if connection is None:
            return b""
        while (data := connection.take()) is None:
            await connection.change()
        return data

    def arrived(self) -> bytes | None:
        """See :class:`trunkline.relay.ports.UpstreamAnswer`: small answers come with their head, in one read."""
        connection = self._connection
        return None if connection is None else connection.all()

    async def push(self, take: Take) -> None:
        """See :class:`trunkline.relay.ports.UpstreamAnswer`. Pieces that come while this waits cost no task's turn."""
        connection = self._connection
        if connection is None:
            return
        while (data := connection.take()) is not None:
            if not data or not take(data):
                return
        connection.take_over = take
        try:
            await connection.change()
        finally:
            connection.take_over = None

    async def close(self, *, reuse: bool) -> None:
        """Give the connection back, or close it at once. Safe to call again."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._pool.release()
        if connection.finish() and reuse:
            connection.idle_since = asyncio.get_running_loop().time()
            self._pool.idle.append(connection)
        else:
            connection.abort()


class Http1Upstream:
    """Sends requests and hands out open answers; :class:`trunkline.relay.ports.Upstream`.

    Certificates are always checked, redirects never followed, no cookies are kept and only ``identity`` is
    asked for. Times are in seconds. Through ``proxy``, https goes over a connection that it opens (CONNECT), http in
    requests to itself.
    """

    def __init__(self, *, connect_timeout: float, pool_timeout: float, proxy: Proxy | None = None) -> None:
        self._proxy = proxy
        self._connect_timeout = connect_timeout
        self._pool_timeout = pool_timeout
        self._pools: dict[str, _Pool] = {}
        self._tls: ssl.SSLContext | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every idle connection."""
        for pool in self._pools.values():
            while pool.idle:
                pool.idle.pop().abort()
        await asyncio.sleep(0)

    async def open(self, request: HttpRequest, *, headers_timeout: float) -> Http1Answer:
        """Send and wait for the head. Raises GatewayError: UNREACHABLE, or TIMEOUT naming
        ``up.pool``, ``up.connect`` or ``up.headers``, or UPSTREAM_FAILED for what is not HTTP."""
        place = place_of(request.url)
        pool = self._pools.get(place.origin)
        if pool is None:
            pool = self._pools[place.origin] = _Pool()
        target, headers, asked = place.target, request.headers, None
        if self._proxy is not None and not place.tls:
            asked = self._proxy
            target, headers = place.origin + target, headers + asked.headers
        head = encode_head(request.method, target, place.authority, headers, len(request.body))
        if pool.free:
            pool.free -= 1
        else:
            await self._wait_for_slot(pool, place)
        connection: Connection | None = None
        try:
            connection = pool.take(asyncio.get_running_loop().time()) or await self._connect(place)
            connection.send(head, request.body)
            answer = await connection.head(headers_timeout)
            if asked is not None and answer.status == AUTHENTICATE:
                check(asked, place, answer.status)
        except BaseException as error:
            pool.release()
            if connection is not None:
                connection.abort()
            if isinstance(error, TimeoutError):
                raise _expired("up.headers", place.origin, headers_timeout) from error
            raise
        return Http1Answer(answer, connection, pool)

    async def _wait_for_slot(self, pool: _Pool, place: Place) -> None:
        try:
            async with asyncio.timeout(self._pool_timeout):
                await pool.wait()
        except TimeoutError as cause:
            raise _expired("up.pool", place.origin, self._pool_timeout) from cause

    async def _connect(self, place: Place) -> Connection:
        loop = asyncio.get_running_loop()
        proxy = self._proxy
        near = place if proxy is None else proxy.place
        where = place.origin if proxy is None else f"the proxy {near.origin}"
        try:
            async with asyncio.timeout(self._connect_timeout):
                _, connection = await loop.create_connection(
                    lambda: Connection(place.origin),
                    near.host,
                    near.port,
                    ssl=self._tls_context() if near.tls else None,
                    server_hostname=near.host if near.tls else None,
                )
                if proxy is not None and place.tls:
                    where = place.origin
                    await self._go_through(proxy, place, connection)
        except TimeoutError as cause:
            raise _expired("up.connect", where, self._connect_timeout) from cause
        except ssl.SSLError as cause:
            reason = getattr(cause, "verify_message", "") or cause.reason or "TLS failed"
            raise GatewayError(
                Kind.UNREACHABLE, f"no secure connection to {where}: {reason}", should_retry=False
            ) from cause
        except OSError as cause:
            raise GatewayError(Kind.UNREACHABLE, f"cannot connect to {where}: {cause}") from cause
        return connection

    async def _go_through(self, proxy: Proxy, place: Place, connection: Connection) -> None:
        """Have the proxy connect to ``place``, and go on in TLS with who is there."""
        try:
            connection.send(opening(proxy, place), b"")
            answer = await connection.head(self._connect_timeout)
            check(proxy, place, answer.status)
            await connection.secure(self._tls_context(), place.host)
        except BaseException:
            connection.abort()
            raise

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


def _expired(name: str, origin: str, seconds: float) -> GatewayError:
    return GatewayError(
        Kind.TIMEOUT, f"timeout {name}: {origin} needed more than {seconds:g} s", timeout=name, local=False
    )

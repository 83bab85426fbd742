"""The lean HTTP client against a server that answers exactly what each test says."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from trunkline.config.secret import Secret
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpRequest
from trunkline.relay.ports import Clock, Credentials, Upstream
from trunkline.upstream import http1
from trunkline.upstream.clock import SystemClock
from trunkline.upstream.credentials import StaticCredentials
from trunkline.upstream.http1 import Http1Answer, Http1Upstream

pytestmark = pytest.mark.server

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Peer:
    """A server that plays one script for each request of a connection and remembers what it saw."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.requests: list[bytes] = []
        self.connections = 0
        self.closed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.scripts:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
                self.requests.append(head + await reader.readexactly(length))
                await self.scripts.pop(0)(reader, writer)
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed.set()
            writer.close()


def says(data: bytes, *, then_close: bool = False) -> Script:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if then_close:
            writer.close()

    return play


@asynccontextmanager
async def peer_of(*scripts: Script) -> AsyncIterator[tuple[Peer, str]]:
    peer = Peer(*scripts)
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    try:
        yield peer, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def client(**changes: float) -> Http1Upstream:
    return Http1Upstream(**{"connect_timeout": 5.0, "pool_timeout": 1.0, **changes})


def post(url: str, body: bytes = b"{}") -> HttpRequest:
    return HttpRequest("POST", url + "/v1/x?y=1", (("content-type", "application/json"),), body)


async def everything(answer: Http1Answer) -> bytes:
    pieces: list[bytes] = []
    while piece := await answer.read():
        pieces.append(piece)
    return b"".join(pieces)


LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"
OPEN_END = b"HTTP/1.1 200 OK\r\n\r\nhello"
ZIPPED = gzip.compress(b"hello")
GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED) + ZIPPED
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\n" + LENGTH


@pytest.mark.parametrize(
    ("sent", "body", "closes"),
    [
        (LENGTH, b"hello", False),
        (CHUNKED, b"hello!", False),
        (OPEN_END, b"hello", True),
        (GZIP, b"hello", False),
        (CONTINUED, b"hello", False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", False),
    ],
    ids=["length", "chunked", "until close", "gzip", "continue", "no content"],
)
def test_every_framing_of_a_body(sent: bytes, body: bytes, closes: bool) -> None:
    async def run() -> None:
        async with peer_of(says(sent, then_close=closes)) as (peer, url), client() as upstream:
            answer = await upstream.open(post(url), headers_timeout=30)
            assert await everything(answer) == body
            assert await answer.read() == b""
            await answer.close(reuse=True)
            assert peer.requests[0].startswith(b"POST /v1/x?y=1 HTTP/1.1\r\nhost: 127.0.0.1:")
            assert peer.requests[0].endswith(b"content-length: 2\r\n\r\n{}")

    asyncio.run(run())


def test_a_finished_connection_is_used_again() -> None:
    async def run() -> None:
        async with peer_of(says(LENGTH), says(CHUNKED)) as (peer, url), client() as upstream:
            for expected in (b"hello", b"hello!"):
                answer = await upstream.open(post(url), headers_timeout=30)
                assert await everything(answer) == expected
                await answer.close(reuse=True)
            assert peer.connections == 1

    asyncio.run(run())


def test_T19_a_connection_that_has_rested_too_long_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http1, "IDLE_SECONDS", 0.0)

    async def run() -> None:
        async with peer_of(says(LENGTH)) as (peer, url), client() as upstream:
            for connections in (1, 2):
                peer.scripts = [says(LENGTH)]
                answer = await upstream.open(post(url), headers_timeout=30)
                assert await everything(answer) == b"hello"
                await answer.close(reuse=True)
                assert peer.connections == connections

    asyncio.run(run())


@pytest.mark.parametrize("headline", [b"HTTP/1.0 200 OK", b"HTTP/1.1 200 OK\r\nConnection: close"])
def test_a_connection_the_server_will_close_is_not_used_again(headline: bytes) -> None:
    async def run() -> None:
        body = headline + b"\r\nContent-Length: 2\r\n\r\nok"
        async with peer_of(says(body), says(body)) as (peer, url), client() as upstream:
            for _ in range(2):
                answer = await upstream.open(post(url), headers_timeout=30)
                assert await everything(answer) == b"ok"
                await answer.close(reuse=True)
            assert peer.connections == 2

    asyncio.run(run())


@pytest.mark.parametrize(
    "sent",
    [LENGTH[:-1], CHUNKED[:-3], CHUNKED[:-9], b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"],
    ids=["length", "last chunk", "inside a chunk", "nothing"],
)
def test_T02_a_cut_body_is_truncated_never_complete(sent: bytes) -> None:
    async def run() -> None:
        async with peer_of(says(sent, then_close=True)) as (_, url), client() as upstream:
            answer = await upstream.open(post(url), headers_timeout=30)
            with pytest.raises(GatewayError) as caught:
                await everything(answer)
            assert caught.value.kind is Kind.TRUNCATED
            await answer.close(reuse=True)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (b"", Kind.UNREACHABLE),
        (b"HTTP/1.1 200", Kind.UNREACHABLE),
        (b"SSH-2.0-x\r\n\r\n", Kind.UPSTREAM_FAILED),
    ],
    ids=["closed", "half a head", "another protocol"],
)
def test_no_answer_is_an_error_that_names_the_origin(sent: bytes, kind: Kind) -> None:
    async def run() -> None:
        async with peer_of(says(sent, then_close=True)) as (_, url), client() as upstream:
            with pytest.raises(GatewayError) as caught:
                await upstream.open(post(url), headers_timeout=30)
            assert caught.value.kind is kind
            assert url in caught.value.message
            assert "/v1/x" not in caught.value.message

    asyncio.run(run())


def test_T16_headers_timeout_names_itself() -> None:
    async def run() -> None:
        async with peer_of(says(b"")) as (peer, url), client() as upstream:
            with pytest.raises(GatewayError) as caught:
                await upstream.open(post(url), headers_timeout=0.05)
            assert caught.value.timeout == "up.headers"
            assert caught.value.kind is Kind.TIMEOUT
            await asyncio.wait_for(peer.closed.wait(), 1)

    asyncio.run(run())


def test_T16_a_later_request_on_the_connection_has_its_own_headers_timeout() -> None:
    async def run() -> None:
        async with peer_of(says(LENGTH), says(b"")) as (peer, url), client() as upstream:
            answer = await upstream.open(post(url), headers_timeout=30)
            assert await everything(answer) == b"hello"
            await answer.close(reuse=True)
            began = asyncio.get_running_loop().time()
            with pytest.raises(GatewayError) as caught:
                await upstream.open(post(url), headers_timeout=0.1)
            assert caught.value.timeout == "up.headers"
            assert 0.09 < asyncio.get_running_loop().time() - began < 0.5
            assert peer.connections == 1

    asyncio.run(run())


def test_T16_a_timer_of_an_earlier_request_does_not_end_a_later_one() -> None:
    async def run() -> None:
        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.2)
            writer.write(LENGTH)

        async with peer_of(says(LENGTH), slow) as (peer, url), client() as upstream:
            for timeout in (0.1, 5.0):
                answer = await upstream.open(post(url), headers_timeout=timeout)
                assert await everything(answer) == b"hello"
                await answer.close(reuse=True)
            assert peer.connections == 1

    asyncio.run(run())


def test_T16_the_pool_is_bounded_and_its_queue_is_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "MAX_PER_ORIGIN", 1)

    async def run() -> None:
        async with peer_of(says(LENGTH), says(LENGTH)) as (peer, url), client(pool_timeout=0.1) as upstream:
            first = await upstream.open(post(url), headers_timeout=30)
            with pytest.raises(GatewayError) as caught:
                await upstream.open(post(url), headers_timeout=30)
            assert caught.value.timeout == "up.pool"
            waiting = asyncio.create_task(upstream.open(post(url), headers_timeout=30))
            given_up = asyncio.create_task(upstream.open(post(url), headers_timeout=30))
            await asyncio.sleep(0.01)
            given_up.cancel()
            await everything(first)
            await first.close(reuse=True)
            assert await everything(await waiting) == b"hello"
            assert peer.connections == 1

    asyncio.run(run())


def test_it_implements_the_ports() -> None:
    upstream: type[Upstream] = Http1Upstream
    clock: Clock = SystemClock()
    keys: Credentials = StaticCredentials({"one": Secret("k")})
    assert upstream is not None
    assert len(clock.unique()) >= 24
    assert clock.unique() != clock.unique()
    assert 0 <= clock.jitter() < 1
    assert asyncio.run(keys.credential("one")) == "k"
    assert asyncio.run(keys.credential("two")) is None
    assert asyncio.run(keys.refused("one", GatewayError(Kind.AUTHENTICATION, "no"))) is False


def test_T16_T17_up_connect() -> None:
    """A listener whose backlog is full lets the handshake hang."""

    async def main() -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            port = listener.getsockname()[1]
            fillers = [socket.socket() for _ in range(4)]
            try:
                for filler in fillers:
                    filler.setblocking(False)
                    filler.connect_ex(("127.0.0.1", port))
                async with Http1Upstream(connect_timeout=0.3, pool_timeout=5) as upstream:
                    with pytest.raises(GatewayError) as raised:
                        await upstream.open(
                            HttpRequest("POST", f"http://127.0.0.1:{port}/", ()), headers_timeout=30
                        )
                assert raised.value.timeout == "up.connect"
            finally:
                for filler in fillers:
                    filler.close()

    asyncio.run(main())


def test_a_refused_connection_is_unreachable() -> None:
    async def run() -> None:
        async with peer_of() as (_, url):
            pass
        async with client() as upstream:
            with pytest.raises(GatewayError) as caught:
                await upstream.open(post(url), headers_timeout=30)
            assert caught.value.kind is Kind.UNREACHABLE

    asyncio.run(run())


def test_a_cancelled_read_loses_nothing() -> None:
    async def run() -> None:
        go = asyncio.Event()

        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(LENGTH[:-5])
            await go.wait()
            writer.write(b"hello")

        async with peer_of(slow) as (_, url), client() as upstream:
            answer = await upstream.open(post(url), headers_timeout=30)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await answer.read()
            go.set()
            assert await everything(answer) == b"hello"
            await answer.close(reuse=True)

    asyncio.run(run())


def test_T08_closing_early_closes_the_socket_at_once() -> None:
    async def run() -> None:
        async with peer_of(says(LENGTH[:-2])) as (peer, url), client() as upstream:
            answer = await upstream.open(post(url), headers_timeout=30)
            await answer.close(reuse=False)
            await asyncio.wait_for(peer.closed.wait(), 0.5)

    asyncio.run(run())


def test_T13_a_slow_reader_stops_the_upstream() -> None:
    async def run() -> None:
        sent = 0

        async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
            for _ in range(500):
                writer.write(b"x" * 100_000)
                await writer.drain()
                sent += 100_000

        async with peer_of(flood) as (_, url), client() as upstream:
            answer = await upstream.open(post(url), headers_timeout=30)
            await asyncio.sleep(0.3)
            stalled_at = sent
            assert stalled_at < 20_000_000  # what the kernel's own buffers took
            assert len(await everything(answer)) == 50_000_000
            await answer.close(reuse=True)

    asyncio.run(run())


def test_T78_a_compressed_bomb_is_refused() -> None:
    bomb = gzip.compress(b"\0" * 200_000_000)

    async def run() -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
        async with peer_of(says(head + bomb)) as (_, url), client() as upstream:
            answer = await upstream.open(post(url), headers_timeout=30)
            with pytest.raises(GatewayError) as caught:
                while await answer.read():
                    pass
            assert caught.value.kind is Kind.UPSTREAM_FAILED
            await answer.close(reuse=False)

    asyncio.run(run())


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\ny", "a\0b"])
def test_T55_no_header_breaks_the_framing(value: str) -> None:
    async def run() -> None:
        async with peer_of(says(LENGTH)) as (peer, url), client() as upstream:
            with pytest.raises(GatewayError):
                await upstream.open(HttpRequest("POST", url, (("x-a", value),), b""), headers_timeout=30)
            assert peer.requests == []

    asyncio.run(run())


def test_T57_a_redirect_is_an_answer_not_an_order() -> None:
    async def run() -> None:
        moved = b"HTTP/1.1 303 See Other\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"
        async with peer_of(says(moved)) as (peer, url), client() as upstream:
            answer = await upstream.open(post(url), headers_timeout=30)
            assert answer.head.status == 303
            assert answer.head.header("location") == "/login"
            await answer.close(reuse=True)
            assert len(peer.requests) == 1

    asyncio.run(run())

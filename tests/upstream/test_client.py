"""The HTTP client against a server on a raw socket that does what it likes."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from trunkline.config.schema import Timeouts
from trunkline.config.secret import Secret
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpRequest
from trunkline.relay.ports import Clock, Credentials, Upstream
from trunkline.upstream.client import AiohttpUpstream
from trunkline.upstream.clock import SystemClock
from trunkline.upstream.credentials import StaticCredentials
from upstream.raw_server import OK, Peer, RawServer, chunk, serving

SHORT = Timeouts(up_connect=0.3, up_pool=0.2)
HEADERS = (("authorization", "Bearer hidden-key"), ("content-type", "application/json"))


def ask(server: RawServer, body: bytes = b"{}") -> HttpRequest:
    return HttpRequest("POST", server.url, HEADERS, body)


def with_server(
    play: Callable[[Peer], Awaitable[None]],
    use: Callable[[RawServer, AiohttpUpstream], Awaitable[None]],
    timeouts: Timeouts = SHORT,
    connections: int = 10,
) -> None:
    async def main() -> None:
        async with serving(play) as server:
            upstream = AiohttpUpstream(timeouts, connections=connections)
            try:
                await use(server, upstream)
            finally:
                await upstream.close()

    asyncio.run(main())


async def read_all(answer: object) -> bytes:
    out = b""
    while data := await answer.read():
        out += data
    return out


async def stream(peer: Peer) -> None:
    await peer.send(OK)
    for text in (b"data: 1\n\n", b"data: 2\n\n"):
        await peer.send(chunk(text))
    await peer.send(chunk(b""))


def failing(kind: Kind, timeout: str | None, server: RawServer, upstream: Upstream) -> Awaitable[None]:
    async def check() -> None:
        with pytest.raises(GatewayError) as raised:
            await upstream.open(ask(server), headers_timeout=0.3)
        assert raised.value.kind is kind
        assert raised.value.timeout == timeout
        assert not raised.value.local or timeout == "up.pool"
        assert "hidden" not in raised.value.message
        assert "hidden" not in repr(raised.value.__cause__)

    return check()


def test_it_implements_the_ports() -> None:
    upstream: type[Upstream] = AiohttpUpstream
    clock: Clock = SystemClock()
    keys: Credentials = StaticCredentials({"one": Secret("k")})
    assert upstream is not None
    assert len(clock.unique()) >= 24
    assert clock.unique() != clock.unique()
    assert 0 <= clock.jitter() < 1
    assert asyncio.run(keys.credential("one")) == "k"
    assert asyncio.run(keys.credential("two")) is None
    assert asyncio.run(keys.refused("one", GatewayError(Kind.AUTHENTICATION, "no"))) is False


def test_a_stream_comes_through_and_the_connection_is_used_again() -> None:
    async def use(server: RawServer, upstream: AiohttpUpstream) -> None:
        for _ in range(3):
            answer = await upstream.open(ask(server), headers_timeout=30)
            assert answer.head.status == 200
            assert answer.head.media_type == "text/event-stream"
            assert await read_all(answer) == b"data: 1\n\ndata: 2\n\n"
            await answer.close(reuse=True)
        assert server.connections == 1
        head, body = server.requests[0]
        assert body == b"{}"
        assert b"accept-encoding: identity" in head.lower()
        assert b"authorization: bearer hidden-key" in head.lower()
        assert b"user-agent" not in head.lower()
        assert b"/v1/x?key=hidden" in head

    with_server(stream, use)


def test_a_large_body_arrives_whole() -> None:
    async def use(server: RawServer, upstream: AiohttpUpstream) -> None:
        body = b"x" * 3_000_000
        answer = await upstream.open(ask(server, body), headers_timeout=30)
        await read_all(answer)
        await answer.close(reuse=True)
        assert server.requests[0][1] == body

    with_server(stream, use)


def test_no_redirect_is_followed_and_no_cookie_kept() -> None:
    async def play(peer: Peer) -> None:
        await peer.send(
            b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"
        )

    async def use(server: RawServer, upstream: AiohttpUpstream) -> None:
        for _ in range(2):
            answer = await upstream.open(ask(server), headers_timeout=30)
            assert answer.head.status == 302
            assert await answer.read() == b""
            await answer.close(reuse=True)
        assert b"cookie" not in server.requests[1][0].lower()

    with_server(play, use)


def test_T16_up_headers() -> None:
    async def play(peer: Peer) -> None:
        await peer.gone()

    async def use(server: RawServer, upstream: AiohttpUpstream) -> None:
        began = asyncio.get_running_loop().time()
        await failing(Kind.TIMEOUT, "up.headers", server, upstream)
        assert 0.29 < asyncio.get_running_loop().time() - began < 0.6
        await asyncio.sleep(0.05)
        assert server.open == 0

    with_server(play, use)


def test_T16_up_pool() -> None:
    async def use(server: RawServer, upstream: AiohttpUpstream) -> None:
        first = await upstream.open(ask(server), headers_timeout=30)
        await failing(Kind.TIMEOUT, "up.pool", server, upstream)
        await first.close(reuse=False)
        second = await upstream.open(ask(server), headers_timeout=30)
        await second.close(reuse=False)

    with_server(stream, use, connections=1)


def test_T16_T17_up_connect() -> None:
    """A listener whose backlog is full lets the handshake hang."""

    async def main() -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            port = listener.getsockname()[1]
            fillers = [socket.socket() for _ in range(4)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            upstream = AiohttpUpstream(SHORT)
            try:
                with pytest.raises(GatewayError) as raised:
                    await upstream.open(
                        HttpRequest("POST", f"http://127.0.0.1:{port}/", HEADERS), headers_timeout=5
                    )
                assert raised.value.timeout == "up.connect"
            finally:
                await upstream.close()
                for filler in fillers:
                    filler.close()

    asyncio.run(main())


def test_a_closed_port_is_unreachable() -> None:
    async def main() -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        upstream = AiohttpUpstream(SHORT)
        try:
            with pytest.raises(GatewayError) as raised:
                await upstream.open(
                    HttpRequest("POST", f"http://127.0.0.1:{port}/?key=hidden", HEADERS), headers_timeout=1
                )
            assert raised.value.kind is Kind.UNREACHABLE
            assert "hidden" not in raised.value.message
            assert "127.0.0.1" in raised.value.message
        finally:
            await upstream.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n"],
    ids=["nothing", "half", "nonsense", "header"],
)
def test_a_broken_head_is_an_upstream_fault(answer: bytes) -> None:
    async def play(peer: Peer) -> None:
        await peer.send(answer)
        peer.writer.close()

    async def use(server: RawServer, upstream: AiohttpUpstream) -> None:
        await failing(Kind.UPSTREAM_FAILED, None, server, upstream)

    with_server(play, use)


async def _reset(peer: Peer) -> None:
    await peer.send(OK + chunk(b"data: 1\n\n"))
    await asyncio.sleep(0.05)
    peer.reset()


async def _no_last_chunk(peer: Peer) -> None:
    await peer.send(OK + chunk(b"data: 1\n\n"))
    peer.writer.close()


async def _short_body(peer: Peer) -> None:
    await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ndata: 1\n\n")
    peer.writer.close()


async def _bad_chunk(peer: Peer) -> None:
    await peer.send(OK + chunk(b"data: 1\n\n"))
    await asyncio.sleep(0.05)
    await peer.send(b"zz\r\n")


@pytest.mark.parametrize("play", [_reset, _no_last_chunk, _short_body, _bad_chunk])
def test_T01_an_incomplete_body_is_truncated(play: Callable[[Peer], Awaitable[None]]) -> None:
    async def use(server: RawServer, upstream: AiohttpUpstream) -> None:
        answer = await upstream.open(ask(server), headers_timeout=30)
        got = b""
        with pytest.raises(GatewayError) as raised:
            while data := await answer.read():
                got += data
        assert raised.value.kind is Kind.TRUNCATED
        assert got in (b"data: 1\n\n", b"")
        await answer.close(reuse=False)
        await answer.close(reuse=False)

    with_server(play, use)


def test_a_body_may_end_with_the_connection() -> None:
    async def play(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n")
        peer.writer.close()

    async def use(server: RawServer, upstream: AiohttpUpstream) -> None:
        answer = await upstream.open(ask(server), headers_timeout=30)
        assert await read_all(answer) == b"data: 1\n\n"
        await answer.close(reuse=True)

    with_server(play, use)


def test_T08_E117_close_is_seen_by_the_upstream_at_once() -> None:
    seen: list[float] = []

    async def play(peer: Peer) -> None:
        await peer.send(OK + chunk(b"data: 1\n\n"))
        await peer.gone()
        seen.append(asyncio.get_running_loop().time())

    async def use(server: RawServer, upstream: AiohttpUpstream) -> None:
        answer = await upstream.open(ask(server), headers_timeout=30)
        await answer.read()
        began = asyncio.get_running_loop().time()
        await answer.close(reuse=False)
        await asyncio.sleep(0.1)
        assert seen
        assert seen[0] - began < 0.1

    with_server(play, use)


def test_T10_a_cancelled_opening_closes_the_connection() -> None:
    async def play(peer: Peer) -> None:
        await peer.gone()

    async def use(server: RawServer, upstream: AiohttpUpstream) -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(upstream.open(ask(server), headers_timeout=30))
            await asyncio.sleep(0.05)
            assert server.open == 1
            task.cancel()
        await asyncio.sleep(0.05)
        assert server.open == 0

    with_server(play, use, connections=1)


def test_a_cancelled_read_loses_nothing() -> None:
    async def play(peer: Peer) -> None:
        await peer.send(OK)
        for number in range(20):
            await asyncio.sleep(0.01)
            await peer.send(chunk(b"%d;" % number))
        await peer.send(chunk(b""))

    async def use(server: RawServer, upstream: AiohttpUpstream) -> None:
        answer = await upstream.open(ask(server), headers_timeout=30)
        out = b""
        while True:
            try:
                async with asyncio.timeout(0.003):
                    data = await answer.read()
            except TimeoutError:
                continue
            if not data:
                break
            out += data
        assert out == b"".join(b"%d;" % number for number in range(20))
        await answer.close(reuse=True)

    with_server(play, use)

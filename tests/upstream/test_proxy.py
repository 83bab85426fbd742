"""The HTTP client through a proxy: CONNECT for https, its own requests for http, credentials, refusals."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpRequest
from trunkline.upstream.http1 import Http1Upstream
from trunkline.upstream.proxy import proxy_of
from upstream.proxies import Proxy, certificate, proxying
from upstream.raw_server import Peer, RawServer, serving

pytestmark = pytest.mark.server

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
BASIC = b"proxy-authorization: Basic " + base64.b64encode(b"me:pass word")
LOOPS = pytest.mark.parametrize(
    "loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)


async def answering(peer: Peer) -> None:
    await peer.send(ANSWER)


def through(
    use: Callable[[Http1Upstream, Proxy, RawServer], Awaitable[None]],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    url: str = "http://127.0.0.1:{}",
    answer: bytes = b"",
    tls: bool = True,
    loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
) -> None:
    """``use`` a client behind a proxy that takes everybody to a server, which speaks TLS if ``tls``."""
    trusted, context = certificate(folder)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))

    async def main() -> None:
        async with (
            serving(answering, context if tls else None) as server,
            proxying(server.port, answer, context if url.startswith("https") else None) as proxy,
            Http1Upstream(
                connect_timeout=30, pool_timeout=5, proxy=proxy_of(url.format(proxy.port))
            ) as upstream,
        ):
            await use(upstream, proxy, server)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


def ask(url: str) -> HttpRequest:
    return HttpRequest("POST", url, (("authorization", "Bearer hidden"),), b"{}")


async def fetch(upstream: Http1Upstream, url: str) -> bytes:
    answer = await upstream.open(ask(url), headers_timeout=30)
    data = b""
    while piece := await answer.read():
        data += piece
    await answer.close(reuse=True)
    return data


@LOOPS
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_https_goes_over_a_connection_that_the_proxy_opens(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """The proxy sees host and port, and nothing of the request. The connection is used again."""

    async def use(upstream: Http1Upstream, proxy: Proxy, server: RawServer) -> None:
        for _ in range(2):
            assert await fetch(upstream, "https://up.example:8443/v1/x?a=b") == b"hi"
        (head,) = proxy.heads
        assert head.split(b"\r\n")[:2] == [b"CONNECT up.example:8443 HTTP/1.1", b"host: up.example:8443"]
        assert BASIC in head
        assert b"hidden" not in head
        assert server.connections == 1
        for asked, body in server.requests:
            assert asked.startswith(b"POST /v1/x?a=b HTTP/1.1\r\nhost: up.example:8443\r\n")
            assert b"authorization: Bearer hidden" in asked
            assert b"proxy-authorization" not in asked
            assert body == b"{}"

    url = f"{scheme}://me:pass%20word@127.0.0.1:{{}}"
    through(use, tmp_path, monkeypatch, url=url, loop=loop)


@LOOPS
def test_http_is_asked_of_the_proxy_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def use(upstream: Http1Upstream, proxy: Proxy, server: RawServer) -> None:
        assert await fetch(upstream, "http://up.example:81/v1/x?a=b") == b"hi"
        assert proxy.heads[0].startswith(
            b"POST http://up.example:81/v1/x?a=b HTTP/1.1\r\nhost: up.example:81\r\n"
        )
        assert BASIC in proxy.heads[0]

    through(use, tmp_path, monkeypatch, url="http://me:pass%20word@127.0.0.1:{}", tls=False, loop=loop)


REFUSALS = [
    (407, "https://up.example", "http://127.0.0.1:{}", "it wants a user name and a password"),
    (
        407,
        "https://up.example",
        "http://a:secret@127.0.0.1:{}",
        "it does not take the user name and password",
    ),
    (
        407,
        "http://up.example",
        "http://a:secret@127.0.0.1:{}",
        "it does not take the user name and password",
    ),
    (403, "https://up.example", "http://127.0.0.1:{}", "it answers 403"),
    (502, "https://up.example", "http://127.0.0.1:{}", "it answers 502"),
]


@pytest.mark.parametrize(("status", "asked", "url", "why"), REFUSALS)
def test_a_proxy_that_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, asked: str, url: str, why: str
) -> None:
    async def use(upstream: Http1Upstream, proxy: Proxy, server: RawServer) -> None:
        with pytest.raises(GatewayError) as caught:
            await fetch(upstream, f"{asked}/v1")
        error = caught.value
        assert error.kind is Kind.UNREACHABLE
        assert error.message.startswith(
            f"the proxy http://127.0.0.1:{proxy.port} makes no connection to {asked}: {why}"
        )
        assert "secret" not in error.message
        assert (error.should_retry is None) == (status >= 500)
        assert server.requests == []

    said = b"HTTP/1.1 %d No\r\ncontent-length: 0\r\n\r\n" % status
    through(use, tmp_path, monkeypatch, url=url, answer=said)


SILENT = [
    (b"", "closed the connection without an answer"),
    (b"SSH-2.0-x\r\n\r\n", "does not answer in HTTP"),
]


@pytest.mark.parametrize(("said", "why"), SILENT)
def test_a_proxy_that_is_none(said: bytes, why: str) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        server = await asyncio.start_server(play, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with (
            server,
            Http1Upstream(
                connect_timeout=30, pool_timeout=5, proxy=proxy_of(f"http://127.0.0.1:{port}")
            ) as upstream,
        ):
            with pytest.raises(GatewayError, match=why):
                await fetch(upstream, "https://up.example/v1")

    asyncio.run(main())


def test_T84_the_certificate_is_checked_behind_a_proxy_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(upstream: Http1Upstream, proxy: Proxy, server: RawServer) -> None:
        with pytest.raises(GatewayError, match=r"no secure connection to https://other\.example"):
            await fetch(upstream, "https://other.example/v1")
        assert server.requests == []

    through(use, tmp_path, monkeypatch)


def test_nobody_is_there() -> None:
    async def main() -> None:
        server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        proxy = proxy_of(f"http://u:secret@127.0.0.1:{port}")
        async with Http1Upstream(connect_timeout=30, pool_timeout=5, proxy=proxy) as upstream:
            with pytest.raises(GatewayError) as caught:
                await fetch(upstream, "https://up.example/v1")
            assert caught.value.message.startswith(f"cannot connect to the proxy http://127.0.0.1:{port}:")

    asyncio.run(main())


URLS = [
    ("http://p", "p", 80, False, ()),
    ("https://p", "p", 443, True, ()),
    ("p:3128", "p", 3128, False, ()),
    ("http://[::1]:8/", "::1", 8, False, ()),
    ("http://u:p%40s@p:1", "p", 1, False, (("proxy-authorization", "Basic dTpwQHM="),)),
]


@pytest.mark.parametrize(("url", "host", "port", "tls", "headers"), URLS)
def test_urls_of_proxies(
    url: str, host: str, port: int, tls: bool, headers: tuple[tuple[str, str], ...]
) -> None:
    proxy = proxy_of(url)
    assert (proxy.place.host, proxy.place.port, proxy.place.tls, proxy.headers) == (
        host,
        port,
        tls,
        headers,
    )
    assert "@" not in proxy.place.origin


@pytest.mark.parametrize("url", ["socks5://secret:1", "http://secret:x", "http://p:1/secret"])
def test_what_is_no_proxy(url: str) -> None:
    with pytest.raises(GatewayError, match="cannot be used") as caught:
        proxy_of(url)
    assert "secret" not in caught.value.message

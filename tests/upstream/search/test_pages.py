"""Reading pages: what is refused, what is bounded, what a reader gets (reliability_ux.md A5, SSRF)."""

import asyncio
import socket

import pytest

from trunkline.core.search import SearchFailed, Source
from trunkline.upstream.search import fetch
from trunkline.upstream.search.fetch import MAX_HOPS, PageReader
from trunkline.upstream.search.guard import GuardedResolver, check_url, is_public
from trunkline.upstream.search.page import read_html
from upstream.raw_server import Peer, Play, RawServer, serving

PAGE = b"""<!doctype html><html><head><title> A
 title </title><style>p{}</style><script>var x = "<p>no</p>";</script>
<body><nav><ul><li>Home<li>About</ul></nav><h1>Head&amp;er</h1><p>One   two<br>three</p>
<table><tr><td>a</td><td>b</td></tr></table><noscript>no</noscript><pre>x = 1</pre></body>"""


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
     "192.0.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0",
     "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
     "2001:0:4136:e378:8000:63bf:3fff:fdd2", "not an address", ""],
)  # fmt: skip
def test_T80_addresses_that_are_never_read(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1/", "url_not_allowed"),
        ("http://[::1]/", "url_not_allowed"),
        ("http://[::ffff:10.0.0.1]/", "url_not_allowed"),
        ("https://1.1.1.1:22/", "url_not_allowed"),
        ("https://example.com:6379/", "url_not_allowed"),
        ("file:///etc/passwd", "invalid_input"),
        ("gopher://1.1.1.1/", "invalid_input"),
        ("https://user:secret@example.com/", "invalid_input"),
        ("https:///nowhere", "invalid_input"),
        ("http://[bad/", "invalid_input"),
        ("example.com", "invalid_input"),
    ],
)
def test_addresses_that_show_what_they_are(url: str, code: str) -> None:
    with pytest.raises(SearchFailed) as refused:
        check_url(url, is_public)
    assert refused.value.code == code


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.1", "017700000001"])
def test_T80_names_and_odd_numbers_that_lead_home(host: str) -> None:
    """A resolver takes all of them; what they resolve to is what counts."""

    async def scenario() -> None:
        resolver = GuardedResolver(is_public)
        with pytest.raises(OSError, match=r"private address|not known|No address|Name or service"):
            await resolver.resolve(host, 80, socket.AF_INET)
        reader = PageReader(seconds=5.0)
        with pytest.raises(SearchFailed) as refused:
            await reader.read(f"http://{host}/", None)
        assert refused.value.code in ("url_not_allowed", "url_not_accessible")

    asyncio.run(scenario())


def reply(body: bytes, kind: bytes = b"text/html", status: bytes = b"200 OK", head: bytes = b"") -> Play:
    async def play(peer: Peer) -> None:
        await peer.send(
            b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b\r\n%b"
            % (status, kind, len(body), head, body)
        )

    return play


def read(
    play: Play, max_tokens: int | None = None, seconds: float = 5.0
) -> tuple[Source | SearchFailed, RawServer]:
    """A page from loopback, which only this test allows."""

    async def scenario() -> tuple[Source | SearchFailed, RawServer]:
        async with serving(play) as server:
            reader = PageReader(seconds=seconds, allow=lambda address: address == "127.0.0.1", ports=None)
            try:
                return await reader.read(f"http://127.0.0.1:{server.port}/p", max_tokens), server
            except SearchFailed as failed:
                return failed, server

    return asyncio.run(scenario())


@pytest.mark.server
def test_a_page_as_text() -> None:
    page, server = read(reply(PAGE))
    assert isinstance(page, Source)
    assert page.title == "A title"
    assert page.text == "- Home\n- About\n\nHead&er\n\nOne two\nthree\n\na b\n\nx = 1"
    head = server.requests[0][0].lower()
    assert b"authorization" not in head
    assert b"cookie" not in head


@pytest.mark.server
@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        (b"text/plain; charset=latin-1", b"caf\xe9", "café"),
        (b"application/json", b'{"a":1}', '{"a":1}'),
        (b"text/markdown", b"# x", "# x"),
        (b"text/html; charset=no-such-thing", b"<p>a", "a"),
        (b"text/html", b'<meta charset="iso-8859-1"><p>\xe9', "é"),
    ],
)
def test_kinds_of_text(kind: bytes, body: bytes, text: str) -> None:
    page, _ = read(reply(body, kind))
    assert isinstance(page, Source)
    assert page.text == text


@pytest.mark.server
@pytest.mark.parametrize(
    ("play", "code"),
    [
        (reply(b"%PDF", b"application/pdf"), "unsupported_content_type"),
        (reply(b"\x00", b"application/octet-stream"), "unsupported_content_type"),
        (reply(b"no", status=b"404 Not Found"), "url_not_accessible"),
        (reply(b"no", status=b"429 Slow Down"), "too_many_requests"),
        (reply(b"", status=b"302 Found", head=b"location: http://10.0.0.1/\r\n"), "url_not_allowed"),
        (
            reply(b"", status=b"302 Found", head=b"location: http://169.254.169.254/latest\r\n"),
            "url_not_allowed",
        ),
        (reply(b"", status=b"301 Moved", head=b"location: file:///etc/passwd\r\n"), "invalid_input"),
        (reply(b"", status=b"307 Again", head=b"location: /p\r\n"), "url_not_accessible"),
    ],
)
def test_what_is_not_read(play: Play, code: str) -> None:
    failed, server = read(play)
    assert isinstance(failed, SearchFailed)
    assert failed.code == code
    assert len(server.requests) <= MAX_HOPS + 1


@pytest.mark.server
def test_a_page_is_cut_to_what_the_tool_allows() -> None:
    page, _ = read(reply(b"x" * 1000, b"text/plain"), max_tokens=100)
    assert isinstance(page, Source)
    assert page.text == "x" * 400 + "\n[600 more characters left out]"


@pytest.mark.server
def test_a_page_without_end_is_read_to_the_limit_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 100_000)

    async def endless(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n")
        while True:
            await peer.send(b"y" * 65536)

    page, _ = read(endless)
    assert isinstance(page, Source)
    assert page.text == "y" * 100_000


@pytest.mark.server
def test_a_page_that_never_comes() -> None:
    async def silent(peer: Peer) -> None:
        await peer.gone()

    failed, _ = read(silent, seconds=0.2)
    assert isinstance(failed, SearchFailed)
    assert failed.code == "url_not_accessible"


def test_pages_of_any_shape_are_read() -> None:
    assert read_html(b"", None) == ("", "")
    assert read_html(b"</p></script><script>never closed <p>x", None) == ("", "")
    assert read_html(b"<head><title>t</title><body>b", None) == ("t", "b")
    assert read_html(b"\xff\xfe<p>\x00", "utf-8")[0] == ""

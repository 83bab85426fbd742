"""The HTTP edge over raw sockets (reliability_ux.md A2, A4)."""

import select
import socket
import time
from contextlib import suppress

import pytest

from server.harness import ANSWER, POST, STREAM, Gateway, Stream, closed, gateway, read_answer, request
from trunkline.config.schema import Timeouts
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import Sink

HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
POST_HEAD = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def host(value: bytes) -> bytes:
    return b"GET /health HTTP/1.1\r\nHost: " + value + b"\r\n\r\n"


REFUSED: dict[str, tuple[bytes, int]] = {
    "host with query and path": (host(b"a?b#c/"), 400),
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", 400),
    "no host in HTTP/1.0": (b"GET /health HTTP/1.0\r\n\r\n", 400),
    "two hosts": (HEAD + b"Host: localhost\r\n\r\n", 400),
    "two hosts, other case": (HEAD + b"hOST: evil\r\n\r\n", 400),
    "empty host": (host(b""), 400),
    "length and transfer encoding": (POST_HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "transfer encoding and length": (POST_HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    "bare LF everywhere": (b"GET /health HTTP/1.1\nHost: localhost\n\n", 400),
    "bare LF in one line": (b"GET /health HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n", 400),
    "bare CR in a value": (HEAD + b"X: a\rb\r\n\r\n", 400),
    "folded header": (HEAD + b"X: a\r\n b\r\n\r\n", 400),
    "folded by tab": (HEAD + b"X: a\r\n\tb\r\n\r\n", 400),
    "LF in a chunk extension": (CHUNKED + b"2;a=b\nX\r\n{}\r\n0\r\n\r\n", 400),
    "LF after a chunk size": (CHUNKED + b"2\n{}\r\n0\r\n\r\n", 400),
    "chunk size with prefix": (CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n", 400),
    "chunk size with sign": (CHUNKED + b"+2\r\n{}\r\n0\r\n\r\n", 400),
    "chunk size beyond 64 bits": (CHUNKED + b"fffffffffffffffff\r\n{}", 400),
    "chunk longer than its size": (CHUNKED + b"2\r\n{}}\r\n0\r\n\r\n", 400),
    "two differing lengths": (POST_HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}}", 400),
    "two equal lengths": (POST_HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
    "length with sign": (POST_HEAD + b"Content-Length: +2\r\n\r\n{}", 400),
    "negative length": (POST_HEAD + b"Content-Length: -1\r\n\r\n", 400),
    "length list": (POST_HEAD + b"Content-Length: 2, 2\r\n\r\n{}", 400),
    "length in Unicode digits": (POST_HEAD + "Content-Length: \uff12\r\n\r\n{}".encode(), 400),
    "length beyond 64 bits": (POST_HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n", 400),
    "unknown transfer encoding": (POST_HEAD + b"Transfer-Encoding: foo\r\n\r\n", 400),
    "transfer encoding list": (POST_HEAD + b"Transfer-Encoding: foo, chunked\r\n\r\n0\r\n\r\n", 400),
    "gzip transfer encoding": (POST_HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    "identity transfer encoding": (POST_HEAD + b"Transfer-Encoding: identity\r\n\r\n", 400),
    "chunked twice": (POST_HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "transfer encoding after vertical tab": (POST_HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "transfer encoding in HTTP/1.0": (
        b"POST /v1/messages HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "NUL in a value": (HEAD + b"X: a\0b\r\n\r\n", 400),
    "NUL in a name": (HEAD + b"X\0: a\r\n\r\n", 400),
    "space before colon": (HEAD + b"X : a\r\n\r\n", 400),
    "tab before colon": (HEAD + b"X\t: a\r\n\r\n", 400),
    "no name": (HEAD + b": a\r\n\r\n", 400),
    "non-ASCII name": (HEAD + b"X\xe9: a\r\n\r\n", 400),
    "300 headers": (HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(300)) + b"\r\n", 431),
    "101 headers": (HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(100)) + b"\r\n", 431),
    "one header of 17 KiB": (HEAD + b"X: " + b"a" * 17 * 1024 + b"\r\n\r\n", 431),
    "one header of 64 KiB": (HEAD + b"X: " + b"a" * 64 * 1024 + b"\r\n\r\n", 431),
    "one header without an end": (HEAD + b"X: " + b"a" * 200 * 1024, 431),
    "headers of 70 KiB together": (HEAD + b"".join(b"X-%d: %s\r\n" % (n, b"a" * 14 * 1024) for n in range(5)) + b"\r\n", 431),
    "target of 64 KiB": (b"GET /" + b"a" * 64 * 1024 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    "target of 9 KiB": (b"GET /health?" + b"a" * 9 * 1024 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    "absolute target elsewhere": (b"GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "absolute target, userinfo": (b"GET http://localhost@evil/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "absolute target, other scheme": (b"GET ftp://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "asterisk target": (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "fragment in the target": (b"GET /health#x HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "CONNECT": (b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /health\r\n\r\n", 505),
    "HTTP/2.0": (b"GET /health HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "TLS on a plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "unknown method": (b"FOO /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "lower-case method": (b"get /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_T48_refused_and_closed(plain: Gateway, raw: bytes, status: int) -> None:
    with plain.connect() as client:
        client.sendall(raw + b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = read_answer(client)
        assert answer.status == status
        assert answer.header("connection") == "close"
        assert answer.header("x-trunkline-request-id")
        error = answer.json["error"]
        assert isinstance(error, dict)
        assert error["message"]
        assert error["type"] == "invalid_request_error"
        assert closed(client)
    assert not plain.relay.seen


@pytest.mark.parametrize(
    "value",
    [b"a/b", b"a?b", b"a#b", b"a@b", b"a\\b", b"user:pw@localhost", b"localhost:", b"localhost:x", b"localhost:0",
     b"localhost:65536", b"localhost:+80", b"localhost:8 0", b"localhost:80:80", b"[::1", b"::1", b"[::1]x",
     b"[localhost]", b"local host", b"localhost\t.evil", b"\xe9vil", "l\u043ecalhost".encode(), b"localhost%00",
     b"localhost, evil", b"<localhost>", b"localhost;x", b"*"],
)  # fmt: skip
def test_T52_host_is_a_name_and_a_port(plain: Gateway, value: bytes) -> None:
    answer = plain.ask(host(value))
    assert answer.status == 400
    assert answer.header("connection") == "close"


@pytest.mark.parametrize(
    "value",
    [b"localhost", b"LOCALHOST:80", b"127.0.0.1:3456", b"127.9.9.9", b"[::1]:1", b"[::1]", b"localhost \t"],
)
def test_T52_local_hosts_are_fine(plain: Gateway, value: bytes) -> None:
    assert plain.ask(host(value)).status == 200


ACCEPTED: dict[str, bytes] = {
    "absolute target that is ours": b"GET http://LOCALHOST/health?x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "empty lines before": b"\r\n\r\n" + HEAD + b"\r\n",
    "tabs around a value": HEAD + b"X:\ta\tb\t\r\n\r\n",
    "high bytes in a value": HEAD + b"X: \xe9\r\n\r\n",
    "100 headers": HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(99)) + b"\r\n",
    "a header of 15 KiB": HEAD + b"X: " + b"a" * 15 * 1024 + b"\r\n\r\n",
    "a target of 8000 bytes": b"GET /health?" + b"a" * 8000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("raw", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_T48_what_is_clear_is_served(plain: Gateway, raw: bytes) -> None:
    assert plain.ask(raw).status == 200


def test_T48_chunked_bodies_and_trailers(plain: Gateway) -> None:
    raw = CHUNKED + b"1;x=y\r\n{\r\n1\r\n}\r\n0\r\nHost: evil\r\nX-Api-Key: k\r\n\r\n"
    with plain.connect() as client:
        client.sendall(raw + POST)
        stream = Stream(client)
        assert [read_answer(stream).status, read_answer(stream).status] == [200, 200]
    assert [inbound.body for inbound in plain.relay.seen] == [b"{}", b"{}"]
    assert all(name not in ("host", "x-api-key") for name, _ in plain.relay.seen[0].headers)


def test_T48_one_byte_at_a_time(plain: Gateway) -> None:
    with plain.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in POST:
            client.sendall(bytes([byte]))
        assert read_answer(client).body == ANSWER


def test_T48_pipelined_requests_are_answered_in_order(plain: Gateway) -> None:
    paths = ["/livez", "/v1/models", "/readyz", "/nothing", "/livez"]
    with plain.connect() as client:
        client.sendall(b"".join(request("GET", path) for path in paths))
        stream = b""
        while stream.count(b"HTTP/1.1") < 5 or not stream.endswith(b'"alive"}'):
            stream += client.recv(65536)
    order = [part[:3] for part in stream.split(b"HTTP/1.1 ")[1:]]
    assert order == [b"200", b"200", b"200", b"404", b"200"]


def test_T48_a_bad_pipelined_request_does_not_cut_the_answer_before_it() -> None:
    async def slow(inbound: Inbound, sink: Sink) -> None:
        import asyncio

        await sink.start(200, (STREAM,))
        for _ in range(5):
            await asyncio.sleep(0.02)
            await sink.send(b"data: x\n\n")

    with gateway(slow) as running, running.connect() as client:
        client.sendall(POST + b"GET / HTTP/1.1\r\n\r\n" + POST)
        stream = b""
        while chunk := client.recv(65536):
            stream += chunk
        first, refusal = stream.split(b"0\r\n\r\n", 1)
        assert first.count(b"data: x") == 5
        assert refusal.startswith(b"HTTP/1.1 400")
        assert len(running.relay.seen) == 1


def test_T48_pipelining_is_bounded(plain: Gateway) -> None:
    with plain.connect() as client:
        client.sendall(POST * 200)
        stream = b""
        while chunk := client.recv(65536):
            stream += chunk
    assert b"HTTP/1.1 400" in stream
    assert stream.count(b"HTTP/1.1 200") < 40


def test_T50_slow_heads_are_cut() -> None:
    with gateway(timeouts=Timeouts(client_header=0.3)) as running:
        clients = [running.connect() for _ in range(50)]
        for client in clients:
            client.sendall(b"GET /health HTTP/1.1\r\nHo")
        began = time.monotonic()
        dripping = running.connect()
        dripping.sendall(b"GET ")
        cut = False
        while not cut:
            assert time.monotonic() - began < 60
            time.sleep(0.05)
            try:
                dripping.sendall(b"/")
                cut = b"408" in dripping.recv(4096, socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except OSError:
                cut = True
            assert running.request("GET", "/health").status == 200
        dripping.close()
        for client in clients:
            answer = read_answer(client)
            assert answer.status == 408
            assert b"client.header" in answer.body
            assert closed(client)
            client.close()


def test_T50_slow_bodies_are_cut() -> None:
    with gateway(timeouts=Timeouts(client_body_idle=0.2)) as running, running.connect() as silent:
        silent.sendall(POST[:-1])
        answer = read_answer(silent)
        assert (answer.status, b"client.body_idle" in answer.body) == (408, True)
        assert closed(silent)
        assert not running.relay.seen
    with gateway(timeouts=Timeouts(client_body_total=0.6)) as running, running.connect() as dripping:
        dripping.sendall(POST_HEAD + b"Content-Length: 100000\r\n\r\n")
        while not select.select([dripping], [], [], 0.03)[0]:
            dripping.sendall(b" ")
        answer = read_answer(dripping)
        assert (answer.status, b"client.body_total" in answer.body) == (408, True)
        assert not running.relay.seen


def test_T50_very_many_tiny_chunks_are_refused_early(plain: Gateway) -> None:
    with plain.connect() as client:
        with suppress(OSError):  # it may be refused before everything was sent
            client.sendall(CHUNKED + b"1\r\n \r\n" * 100_000)
        answer = read_answer(client)
        assert answer.status == 400
        assert b"chunks" in answer.body


def test_T50_a_thousand_tiny_chunks_are_fine(plain: Gateway) -> None:
    assert plain.ask(CHUNKED + b"1\r\n \r\n" * 1000 + b"0\r\n\r\n").status == 200


def test_idle_connections_are_closed_before_and_after_a_request() -> None:
    with gateway(timeouts=Timeouts(client_keepalive=0.3)) as running:
        fresh, used = running.connect(), running.connect()
        began = time.monotonic()
        used.sendall(POST)
        assert read_answer(used).status == 200
        assert closed(fresh)
        assert closed(used)
        assert time.monotonic() - began > 0.25
        fresh.close()
        used.close()


def test_a_request_longer_than_the_idle_timeout_is_left_alone() -> None:
    async def slow(inbound: Inbound, sink: Sink) -> None:
        import asyncio

        await asyncio.sleep(0.5)
        await sink.start(200, (("content-length", "2"),))
        await sink.send(b"ok")

    timeouts = Timeouts(
        client_keepalive=0.2, client_header=0.2, client_body_idle=0.2, client_body_total=0.2
    )
    with gateway(slow, timeouts=timeouts) as running:
        assert running.ask(POST).body == b"ok"


def test_upgrade_offers_are_ignored_and_the_request_answered(plain: Gateway) -> None:
    offer = [
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAAQCAAAA"),
    ]
    body = b'{"x": 1}'
    raw = request("POST", "/v1/messages", body, offer)
    with plain.connect() as client:
        client.sendall(raw[:-3])
        time.sleep(0.02)
        client.sendall(raw[-3:] + raw)
        stream = Stream(client)
        assert [read_answer(stream).body, read_answer(stream).body] == [ANSWER, ANSWER]
    assert [inbound.body for inbound in plain.relay.seen] == [body, body]
    assert all(
        name not in ("upgrade", "http2-settings", "connection") for name, _ in plain.relay.seen[0].headers
    )


def test_upgrade_offer_without_a_body_ends_the_connection(plain: Gateway) -> None:
    offer = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
    with plain.connect() as client:
        client.sendall(request("GET", "/livez", b"", offer) + b"\x81\x05hello")
        assert read_answer(client).status == 200
        assert closed(client)


def test_expect_continue(plain: Gateway) -> None:
    head = request("POST", "/v1/messages", b"", [("Expect", "100-continue")]).replace(
        b"Length: 0", b"Length: 2"
    )
    with plain.connect() as client:
        client.sendall(head)
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        client.sendall(b"{}")
        assert read_answer(client).status == 200


def test_expect_continue_that_is_refused_ends_the_connection(plain: Gateway) -> None:
    head = request("POST", "/v1/messages", b"", [("Expect", "100-continue")])
    with plain.connect() as client:
        client.sendall(head.replace(b"Length: 0", b"Length: 99999999999"))
        assert read_answer(client).status == 413
        assert closed(client)


@pytest.mark.parametrize("sent", [b"o", b"okay"], ids=["too short", "too long"])
def test_a_body_that_is_not_of_its_declared_length_is_never_a_whole_answer(sent: bytes) -> None:
    async def wrong(inbound: Inbound, sink: Sink) -> None:
        await sink.start(200, (("content-length", "2"),))
        await sink.send(sent)

    with gateway(wrong) as running, running.connect() as client:
        client.sendall(POST)
        stream = b""
        while chunk := client.recv(65536):
            stream += chunk
        head, _, body = stream.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert len(body) < 2


@pytest.mark.parametrize("at_once", [False, True])
def test_T55_a_header_name_cannot_break_the_framing(at_once: bool) -> None:
    async def split(inbound: Inbound, sink: Sink) -> None:
        bad = (("x-a: b\r\nset-cookie", "c"),)
        if at_once:
            assert sink.at_once is not None
            sink.at_once((), bad, b"ok")
        await sink.start(200, (*bad, ("content-length", "2")))
        await sink.send(b"ok")

    with gateway(split) as running:
        answer = running.ask(POST)
    assert answer.status == 500
    assert answer.header("set-cookie") is None
    assert answer.complete


def test_an_answer_handed_over_at_once_is_framed_like_any_other() -> None:
    async def script(inbound: Inbound, sink: Sink) -> None:
        assert sink.at_once is not None
        assert sink.at_once(
            (("content-type", "application/json"), ("date", "never")), (("request-id", "r"),), ANSWER
        )

    with gateway(script) as running, running.connect() as client:
        client.sendall(POST + POST + POST.replace(b"HTTP/1.1", b"HTTP/1.0"))
        stream = Stream(client)
        answers = [read_answer(stream) for _ in range(3)]
        assert closed(client)
    for answer in answers:
        assert (answer.status, answer.body, answer.complete) == (200, ANSWER, True)
        assert answer.header("content-type") == "application/json"
        assert answer.header("request-id") == "r"
        assert answer.header("date") not in (None, "never")
    assert [answer.header("connection") for answer in answers] == [None, None, "close"]
    assert len({answer.header("x-trunkline-request-id") for answer in answers}) == 3


def test_answers_carry_a_date_and_heads_no_body(plain: Gateway) -> None:
    with plain.connect() as client:
        client.sendall(request("HEAD", "/livez") + request("GET", "/livez"))
        stream = Stream(client)
        head = read_answer(stream, head=True)
        whole = read_answer(stream)
    assert head.header("content-length") == str(len(whole.body)) != "0"
    assert whole.header("date")


def test_T48_a_body_beyond_what_is_held_arrives_whole(plain: Gateway) -> None:
    body = b"x" * 3_000_000
    with plain.connect() as client:
        client.sendall(request("POST", "/v1/messages", body) + POST)
        stream = Stream(client)
        assert [read_answer(stream).status, read_answer(stream).status] == [200, 200]
    assert [inbound.body for inbound in plain.relay.seen] == [body, b"{}"]


def test_what_is_sent_in_one_moment_leaves_in_one_write(plain: Gateway) -> None:
    async def burst(inbound: Inbound, sink: Sink) -> None:
        await sink.start(200, (STREAM,))
        for _ in range(3):
            await sink.send(b"data: x\n\n")

    plain.relay.script = burst
    with plain.connect() as client:
        for _ in range(20):
            client.sendall(POST)
            answer = client.recv(65536)
            assert answer.count(b"data: x") == 3
            assert answer.endswith(b"\r\n0\r\n\r\n")

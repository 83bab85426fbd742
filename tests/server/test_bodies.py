"""Bodies: bounded, decompressed within bounds, and never a crash (reliability_ux.md T51, T53, T54)."""

import gzip
import resource
import zlib

import msgspec
import pytest

from server.harness import Gateway, Stream, answer, gateway, read_answer, request
from trunkline.config.schema import MEBIBYTE, Server
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import Sink

LIMIT = 256 * 1024
PATH = "/v1/messages"


def chunked(body: bytes, size: int = 8192) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    head = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@pytest.fixture(scope="module")
def small() -> object:
    with gateway(server=Server(max_body=LIMIT)) as running:
        yield running


def test_T51_a_body_at_the_limit_is_taken(small: Gateway) -> None:
    body = b"x" * LIMIT
    assert small.request("POST", PATH, body).status == 200
    assert small.relay.seen[-1].body == body
    assert small.ask(chunked(body)).status == 200
    assert small.relay.seen[-1].body == body


def test_T51_one_byte_more_is_refused_and_the_connection_goes_on(small: Gateway) -> None:
    body = b"x" * (LIMIT + 1)
    for raw in (request("POST", PATH, body), chunked(body)):
        with small.connect() as client:
            client.sendall(raw + request("GET", "/livez"))
            stream = Stream(client)
            refusal = read_answer(stream)
            assert refusal.status == 413
            assert refusal.json["protocol"] == "anthropic_messages"
            assert refusal.header("x-should-retry") == "false"
            assert read_answer(stream).status == 200


def test_T51_a_declared_length_is_refused_before_anything_is_read(small: Gateway) -> None:
    with small.connect() as client:
        client.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 33554433\r\n\r\n")
        assert read_answer(client).status == 413


def test_T51_a_compressed_body_counts_decoded(small: Gateway) -> None:
    body = gzip.compress(bytes(range(256)) * (LIMIT // 256) + b"x")
    assert small.request("POST", PATH, body, [("Content-Encoding", "gzip")]).status == 413


def test_T51_the_default_limit_is_32_mebibytes(plain: Gateway) -> None:
    with plain.connect() as client:
        length = 32 * MEBIBYTE + 1
        client.sendall(
            b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % length
        )
        assert read_answer(client).status == 413


def test_T15_a_large_body_is_in_memory_once(plain: Gateway) -> None:
    async def drop(inbound: Inbound, sink: Sink) -> None:
        plain.relay.seen.clear()
        await answer(inbound, sink)

    plain.relay.script = drop
    raw = request("POST", PATH, b"x" * (32 * MEBIBYTE))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with plain.connect() as client:
        client.sendall(raw)
        assert read_answer(client).status == 200
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < (32 + 12) * MEBIBYTE, f"{grown / MEBIBYTE:.1f} MiB"


@pytest.mark.parametrize(
    ("encoding", "encoded"),
    [
        ("gzip", gzip.compress(b'{"a":1}', mtime=0)),
        ("GZIP", gzip.compress(b'{"a":1}', mtime=0)),
        ("x-gzip", gzip.compress(b'{"a":1}', mtime=0)),
        ("deflate", zlib.compress(b'{"a":1}')),
        ("identity", b'{"a":1}'),
    ],
)
def test_T53_encodings_that_are_decoded(plain: Gateway, encoding: str, encoded: bytes) -> None:
    assert plain.request("POST", PATH, encoded, [("Content-Encoding", encoding)]).status == 200
    (inbound,) = plain.relay.seen
    assert inbound.body == b'{"a":1}'
    assert "content-encoding" not in dict(inbound.headers)


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "gzip, br", "x", "é"])
def test_T53_other_encodings_are_415(plain: Gateway, encoding: str) -> None:
    refusal = plain.request("POST", PATH, b"abc", [("Content-Encoding", encoding)])
    assert refusal.status == 415
    assert b"gzip" in refusal.body
    assert not plain.relay.seen


@pytest.mark.parametrize(
    "broken",
    [b"", b"abc", gzip.compress(b"abc", mtime=0)[:-1], gzip.compress(b"abc", mtime=0) + b"x", gzip.compress(b"a", mtime=0) + gzip.compress(b"b", mtime=0),
     gzip.compress(b"abc", mtime=0)[:-8] + b"\0" * 8, zlib.compress(b"abc")],
    ids=["empty", "no gzip", "cut", "more after it", "two members", "wrong sum", "zlib"],
)  # fmt: skip
def test_T53_broken_gzip_is_400(plain: Gateway, broken: bytes) -> None:
    assert plain.request("POST", PATH, broken, [("Content-Encoding", "gzip")]).status == 400
    assert not plain.relay.seen


def test_T53_a_bomb_is_refused_within_bounds(plain: Gateway) -> None:
    bomb = gzip.compress(b"\0" * (200 * MEBIBYTE))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refusal = plain.request("POST", PATH, bomb, [("Content-Encoding", "gzip")])
    assert refusal.status == 413
    assert "100 times" in str(refusal.json["message"])
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 2 * 32 * MEBIBYTE


async def peek(inbound: Inbound, sink: Sink) -> None:
    """Reads the body as a codec would, and lets the parser's own errors out."""
    try:
        msgspec.json.decode(inbound.body)
    except msgspec.DecodeError:
        await sink.start(400, (("content-length", "0"),))
        return
    await answer(inbound, sink)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" * 10_000 + b"]" * 10_000, 400),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400),
        (b'{"a":NaN}', 400),
        (b"{" + b",".join(b'"k%d":1' % n for n in range(200_000)) + b"}", 200),
        (b'{"a":1,"a":2}', 200),
        (b'{"a":' + b"1" * 10_000_000 + b"}", 400),
    ],
    ids=["deep lists", "deep objects", "NaN", "many keys", "duplicate keys", "huge number"],
)
def test_T54_abusive_json_is_answered(plain: Gateway, body: bytes, status: int) -> None:
    plain.relay.script = peek
    refusal = plain.request("POST", PATH, body)
    assert refusal.status == status
    assert plain.request("GET", "/livez").status == 200

"""Damaged requests over raw sockets, with a second parser as the judge (reliability_ux.md T49)."""

import asyncio
import random
import re
import socket

import h11
import pytest

from server.harness import ANSWER, Gateway, eventually, gateway, read_answer

pytestmark = pytest.mark.server

HEAD = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
WHOLE = [
    HEAD + b"Content-Length: 9\r\n\r\n" + b'{"a": 12}',
    HEAD + b'Transfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n5;x=y\r\n: 12}\r\n0\r\nX-After: 1\r\n\r\n',
    HEAD + b"Content-Length: 2\r\n\r\n{}" + HEAD + b"Content-Length: 3\r\n\r\n[1]",
]
PIECES = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"0", b"1", b"-", b"+", b"\xff", b"a",
    b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: other\r\n", b"GET / HTTP/1.1\r\n\r\n", b"0\r\n\r\n",
]  # fmt: skip
TRIES = 400
BEFORE = re.compile(rb"[\r\n]POST /")
"""Empty lines before a request's first line: llhttp passes over more of them than h11. They change nothing of the request."""


def damaged(chance: random.Random) -> bytes:
    """A request with one to three pieces put in, taken out or put in place of others."""
    text = chance.choice(WHOLE)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text))
        taken = chance.choice((0, 0, 1, 1, 2, 8))
        put = chance.choice((b"", chance.choice(PIECES)))
        text = text[:at] + put + text[at + taken :]
    return text


def as_judged(text: bytes) -> list[bytes]:
    """The bodies of the whole requests in ``text``, as h11 reads them, up to what it refuses."""
    judge = h11.Connection(h11.SERVER)
    judge.receive_data(text)
    judge.receive_data(b"")
    found: list[bytes] = []
    body = b""
    try:
        while True:
            event = judge.next_event()
            if isinstance(event, h11.Request):
                body = b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                found.append(body)
                judge.send(h11.Response(status_code=200, headers=[(b"content-length", b"0")]))
                judge.send(h11.EndOfMessage())
                judge.start_next_cycle()
            else:
                return found
    except (h11.RemoteProtocolError, h11.LocalProtocolError):
        return found


def send(running: Gateway, text: bytes) -> bytes:
    """All that the server says to it."""
    said = b""
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as client:
        try:
            client.sendall(text)
            client.shutdown(socket.SHUT_WR)
            while piece := client.recv(65536):
                said += piece
        except ConnectionError:
            pass
    return said


def settled(running: Gateway) -> bool:
    """Whether all that the server has taken up is over."""
    assert running.loop is not None
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), running.loop).result(60)
    return not running.application.active


def test_T49_what_is_served_is_what_another_parser_reads_too() -> None:
    chance = random.Random(49)
    with gateway() as running:
        served = 0
        for _ in range(TRIES):
            text = damaged(chance)
            if BEFORE.search(text):
                continue
            before = len(running.relay.seen)
            said = send(running, text)
            assert not said or said.startswith(b"HTTP/1.1 "), text
            assert b" 500 " not in said, text
            assert eventually(lambda: settled(running), 60)
            seen = [bytes(inbound.body) for inbound in running.relay.seen[before:]]
            judged = iter(as_judged(text))
            assert all(body in judged for body in seen), (text, seen)
            served += len(seen)
        assert served > TRIES // 10, "some of them are whole requests"
        with socket.create_connection(("127.0.0.1", running.port), timeout=60) as client:
            client.sendall(WHOLE[1])
            assert read_answer(client).body == ANSWER

"""Clients that go away, read slowly, or not at all (reliability_ux.md T08, T13, T14)."""

import asyncio
import random
import time

import pytest

from server.harness import POST, STREAM, ScriptedRelay, closed, eventually, gateway, read_answer, request
from trunkline.config.schema import Timeouts
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import Sink

CHUNK = b"data: " + b"x" * 16_376 + b"\n\n"


async def endless(inbound: Inbound, sink: Sink) -> None:
    """Waits before the head, then streams for ever; without ``stream`` in the body, waits for ever."""
    await asyncio.sleep(0.001)
    if b"stream" not in inbound.body:
        await asyncio.sleep(3600)
    await sink.start(200, (STREAM,))
    while True:
        await sink.send(b"data: x\n\n")
        await asyncio.sleep(0.001)


ROUTES = [
    "/v1/messages",
    "/messages",
    "/v1/chat/completions",
    "/chat/completions",
    "/v1/messages/count_tokens",
]


def one_more(relay: ScriptedRelay, before: int) -> bool:
    return eventually(lambda: len(relay.seen) > before)


@pytest.mark.server
def test_T08_a_client_that_goes_cancels_its_exchange() -> None:
    chance = random.Random(8)
    with gateway(endless) as running:
        assert running.request("GET", "/livez").status == 200
        assert eventually(
            lambda: running.uvicorn is not None and not running.uvicorn.server_state.connections
        )
        tasks = running.tasks()
        for cycle in range(500):
            body = b'{"stream":true}' if cycle % 2 else b"{}"
            client = running.connect()
            before = len(running.relay.seen)
            client.sendall(request("POST", chance.choice(ROUTES), body))
            if cycle % 5 == 0:
                assert one_more(running.relay, before)
            else:
                time.sleep(chance.random() * 0.006)
            client.close()
        assert eventually(lambda: running.relay.running == 0)
        # Those that went before their request was read have no exchange to cancel.
        assert len(running.relay.seen) >= 100
        assert running.relay.cancelled == ["client_closed"] * len(running.relay.seen)
        assert eventually(lambda: running.tasks() <= tasks)
        assert running.uvicorn is not None
        assert not running.uvicorn.server_state.connections
        assert not running.uvicorn.server_state.tasks


def test_T08_the_exchange_notices_it_at_once() -> None:
    with gateway(endless) as running:
        for body in (b"{}", b'{"stream":true}'):
            client = running.connect()
            client.sendall(request("POST", "/v1/messages", body))
            assert eventually(lambda: running.relay.running == 1)
            client.close()
            assert eventually(lambda: running.relay.running == 0)


def test_T08_a_pipelining_client_that_goes_cancels_the_exchange_under_way() -> None:
    with gateway(endless) as running:
        client = running.connect()
        client.sendall(request("POST", "/v1/messages", b'{"stream":true}') + POST)
        assert client.recv(100)
        client.setsockopt(1, 13, b"\x01\0\0\0\0\0\0\0")  # SO_LINGER of zero: a reset
        client.close()
        assert eventually(lambda: running.relay.running == 0)
        assert running.relay.cancelled == ["client_closed"]
        assert len(running.relay.seen) == 1


def test_T08_a_client_that_goes_while_sending_its_body_starts_nothing() -> None:
    with gateway() as running:
        client = running.connect()
        client.sendall(POST[:-1])
        time.sleep(0.05)
        client.close()
        assert running.uvicorn is not None
        state = running.uvicorn.server_state
        assert eventually(lambda: not state.connections and not state.tasks)
        assert not running.relay.seen


def test_T08_a_relay_that_catches_the_cancellation_late_is_waited_for() -> None:
    async def tidy(inbound: Inbound, sink: Sink) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.05)
            cleaned.append(inbound.request_id)

    cleaned: list[str] = []
    with gateway(tidy) as running:
        client = running.connect()
        client.sendall(POST)
        assert eventually(lambda: running.relay.running == 1)
        client.close()
        assert eventually(lambda: len(cleaned) == 1)


def test_T13_a_slow_reader_holds_the_sender_back() -> None:
    sent = 0

    async def push(inbound: Inbound, sink: Sink) -> None:
        nonlocal sent
        await sink.start(200, (STREAM,))
        while True:
            await sink.send(CHUNK)
            sent += len(CHUNK)

    with gateway(push) as running:
        with running.connect(receive_buffer=16 * 1024) as client:
            client.sendall(POST)
            level = -1
            while level != sent:
                level = sent
                time.sleep(0.3)
            received = 0
            began = time.monotonic()
            while time.monotonic() - began < 0.5:
                received += len(client.recv(1024))
                time.sleep(0.01)
            assert running.uvicorn is not None
            (connection,) = running.uvicorn.server_state.connections
            assert connection.transport.get_write_buffer_size() <= 256 * 1024
            assert sent - level < received + 4 * 1024 * 1024  # what the kernel's buffers may take
            assert sent < 50_000_000
        assert eventually(lambda: running.relay.running == 0)
        assert running.relay.cancelled == ["client_closed"]


def test_T14_a_stalled_reader_is_cut() -> None:
    async def push(inbound: Inbound, sink: Sink) -> None:
        if b"small" in inbound.body:
            await sink.start(200, (("content-length", "2"),))
            await sink.send(b"ok")
            return
        await sink.start(200, (STREAM,))
        while True:
            await sink.send(CHUNK)

    with gateway(push, timeouts=Timeouts(client_write_stall=0.8)) as running:  # noqa: SIM117
        with running.connect(receive_buffer=16 * 1024) as client:
            began = time.monotonic()
            client.sendall(POST)
            while running.relay.running or not running.relay.seen:
                assert time.monotonic() - began < 60
                assert running.request("POST", "/v1/messages", b'"small"').body == b"ok"
                time.sleep(0.02)
            assert time.monotonic() - began > 0.7
            assert running.relay.cancelled == ["client_stalled"]
            assert closed(client)


def test_T14_a_reader_that_takes_a_little_now_and_then_is_not_cut() -> None:
    async def push(inbound: Inbound, sink: Sink) -> None:
        await sink.start(200, (STREAM,))
        for _ in range(1500):
            await sink.send(CHUNK)

    with gateway(push, timeouts=Timeouts(client_write_stall=0.5)) as running:  # noqa: SIM117
        with running.connect(receive_buffer=256 * 1024) as client:
            client.sendall(POST)
            began = time.monotonic()
            while time.monotonic() - began < 1.2:
                time.sleep(0.1)
                assert client.recv(1024 * 1024)
            assert running.relay.cancelled == []
            assert running.relay.running == 1


def test_T14_an_answer_that_is_never_read_does_not_keep_the_connection() -> None:
    """Small enough to be done for the application, too large for the kernel's buffers."""
    size = 64 * 1024

    async def fill(inbound: Inbound, sink: Sink) -> None:
        await sink.start(200, (("content-length", str(size)),))
        await sink.send(b"x" * size)

    timeouts = Timeouts(client_write_stall=0.4, client_keepalive=0.3)
    with gateway(fill, timeouts=timeouts) as running, running.connect(receive_buffer=4096) as client:
        client.sendall(POST * 10)
        assert eventually(lambda: len(running.relay.seen) >= 2)
        assert running.uvicorn is not None
        connections = running.uvicorn.server_state.connections
        assert connections
        assert eventually(lambda: not connections)
        assert running.relay.running == 0


def test_a_whole_answer_survives_a_half_read_connection() -> None:
    with gateway() as running, running.connect() as client:
        for _ in range(100):
            client.sendall(POST)
            assert read_answer(client).status == 200

"""Responses over WebSocket, with a real client: the handshake, many requests on one socket, and every way to end."""

import asyncio
import base64
import os
import socket
import struct
import threading
from contextlib import suppress

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from server.harness import STREAM, Gateway, closed, eventually, gateway, read_answer
from trunkline.config.schema import Server, Timeouts
from trunkline.config.secret import Secret
from trunkline.core.errors import GatewayError, Kind
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import Sink

pytestmark = pytest.mark.server

Event = dict[str, object]


def opened(running: Gateway, path: str = "/v1/responses", **options: object) -> ClientConnection:
    options = {"open_timeout": 60, "close_timeout": 20, **options}
    return connect(f"ws://127.0.0.1:{running.port}{path}", compression=None, **options)  # type: ignore[arg-type]


def create(**fields: object) -> str:
    return msgspec.json.encode({"type": "response.create", "model": "m", **fields}).decode()


def received(client: ClientConnection) -> Event:
    return msgspec.json.decode(client.recv(timeout=60))


async def echo(inbound: Inbound, sink: Sink) -> None:
    """A stream that says what was asked, with everything in it that is not for a socket."""
    asked = msgspec.json.decode(inbound.body, type=dict[str, object])
    await sink.start(200, (STREAM,))
    await sink.send(b": ping\n\n")
    await sink.send(b'event: response.created\ndata: {"type":"response.created"}\n\n')
    said = msgspec.json.encode({"type": "response.completed", "asked": asked, "as": inbound.operation})
    await sink.send(b"event: response.completed\ndata: " + said[:9])
    await sink.send(said[9:] + b"\n\ndata: [DONE]\n\n")


@pytest.fixture
def echoing(plain: Gateway) -> Gateway:
    plain.relay.script = echo
    return plain


@pytest.mark.parametrize("path", ["/responses", "/v1/responses", "/v1/responses?x=1"])
def test_many_requests_on_one_socket_one_after_the_other(echoing: Gateway, path: str) -> None:
    with opened(echoing, path) as client:
        assert client.response is not None
        assert client.response.headers["x-trunkline-request-id"]
        for number in range(3):
            client.send(create(input=f"{number}"))
        for number in range(3):
            assert received(client) == {"type": "response.created"}
            last = received(client)
            assert last["asked"] == {"model": "m", "input": f"{number}", "stream": True}
            assert last["as"] == "generate"
    ids = [seen.request_id for seen in echoing.relay.seen]
    assert len(set(ids)) == 3
    memories = {id(seen.memory) for seen in echoing.relay.seen}
    assert len(memories) == 1
    assert None not in memories


def test_what_a_request_says_of_the_socket_does_not_go_on(echoing: Gateway) -> None:
    with opened(echoing) as client:
        client.send(create(input="x", generate=False, stream_id="lane 1", background=False))
        first, last = received(client), received(client)
    assert first == {"type": "response.created", "stream_id": "lane 1"}
    assert last["stream_id"] == "lane 1"
    assert last["as"] == "prepare"
    assert last["asked"] == {"model": "m", "input": "x", "stream": True, "background": False}


def test_a_message_in_pieces_and_in_binary(echoing: Gateway) -> None:
    with opened(echoing) as client:
        text = create(input="x" * 100_000)
        client.send(text[i : i + 7000] for i in range(0, len(text), 7000))
        assert received(client)["type"] == "response.created"
        assert received(client)["asked"]["input"] == "x" * 100_000  # type: ignore[index]
        client.send(create(input="y").encode())
        assert received(client)["type"] == "response.created"


@pytest.mark.parametrize(
    ("message", "status", "words"),
    [
        ("no json", 400, "not a JSON object"),
        ("[1]", 400, "not a JSON object"),
        ('{"model":"m"}', 400, "'type'"),
        ('{"type":1}', 400, "'type'"),
        ('{"type":"response.steer"}', 400, "response.create"),
        (create(background=True), 400, "background"),
        (create(generate="no"), 400, "generate"),
        (create(stream_id=7), 400, "stream_id"),
        ('{"type":"response.create","type":"x"}', 400, "twice"),
    ],
)
def test_a_message_that_is_no_request_is_one_error_and_the_socket_goes_on(
    echoing: Gateway, message: str, status: int, words: str
) -> None:
    with opened(echoing) as client:
        client.send(message)
        event = received(client)
        assert (event["type"], event["status"]) == ("error", status)
        assert words in str(event["error"]) or words in msgspec.json.encode(event).decode()
        client.send(create())
        assert received(client)["type"] == "response.created"


def test_an_error_before_the_answer_and_one_inside_it(plain: Gateway) -> None:
    async def fail(inbound: Inbound, sink: Sink) -> None:
        if b"gone" in inbound.body:
            raise GatewayError(
                Kind.INVALID_REQUEST, "not here", status=404, code="previous_response_not_found"
            )
        if b"throttled" in inbound.body:
            raise GatewayError(Kind.RATE_LIMITED, "slowly")
        if b"deep" in inbound.body:
            raise RecursionError
        if b"begun" in inbound.body:
            await sink.start(200, (STREAM,))
        raise ZeroDivisionError

    plain.relay.script = fail
    with opened(plain) as client:
        answers = []
        for word in ("gone", "throttled", "deep", "broken", "begun"):
            client.send(create(input=word, stream_id="s"))
            answers.append(received(client))
    gone, throttled, deep, broken, begun = answers
    assert (gone["status"], gone["stream_id"]) == (400, "s")
    assert (throttled["status"], deep["status"], broken["status"]) == (429, 400, 500)
    assert "its log has" in str(broken)
    assert "ZeroDivision" not in str(answers)
    assert begun == {
        "message": f"The gateway failed on this request; its log has {plain.relay.seen[-1].request_id}.",
        "stream_id": "s",
    }


async def forever(inbound: Inbound, sink: Sink) -> None:
    await sink.start(200, (STREAM,))
    await sink.send(b'data: {"type":"response.created"}\n\n')
    await asyncio.Event().wait()


@pytest.mark.parametrize("politely", [True, False])
def test_a_client_that_leaves_calls_the_work_off(plain: Gateway, politely: bool) -> None:
    plain.relay.script = forever
    tasks = plain.tasks()
    with opened(plain) as client:
        client.send(create())
        client.send(create())
        assert received(client)["type"] == "response.created"
        if not politely:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.socket.shutdown(socket.SHUT_RDWR)
    assert eventually(lambda: plain.relay.cancelled == ["client_closed"])
    assert len(plain.relay.seen) == 1, "what waited behind it is not begun"
    assert eventually(lambda: plain.tasks() == tasks)


def test_who_may_not_call_is_told_so_before_the_upgrade() -> None:
    with gateway(echo, server=Server(keys=(Secret("sesame"),))) as running:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            with pytest.raises(InvalidStatus) as refused:
                opened(running, additional_headers=headers)
            assert refused.value.response.status_code == 401
            assert b"client key" in (refused.value.response.body or b"")
        with opened(running, additional_headers={"Authorization": "Bearer sesame"}) as client:
            client.send(create())
            assert received(client)["type"] == "response.created"
        assert running.relay.seen[0].client != "-"
        with pytest.raises(InvalidStatus) as refused:
            opened(
                running, additional_headers={"Authorization": "Bearer sesame"}, origin="http://evil.example"
            )
        assert refused.value.response.status_code == 403


def handshake(path: str = "/v1/responses", method: str = "GET", **changed: str | None) -> bytes:
    headers: dict[str, str | None] = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(b"0" * 16).decode(),
    }
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value is not None)
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (handshake(Host="evil.example"), 403),
        (handshake(Origin="http://evil.example"), 403),
        (handshake(Origin="null"), 403),
        (handshake(Sec_Fetch_Site="cross-site"), 403),
        (handshake(Sec_WebSocket_Version="8"), 426),
        (handshake(Sec_WebSocket_Version=None), 426),
        (handshake(Sec_WebSocket_Key="short"), 400),
        (handshake(Sec_WebSocket_Key=None), 400),
        (handshake(Upgrade="h2c"), 405),
        (handshake("/v1/responses/compact"), 426),
        (handshake(method="POST"), 426),
        (handshake("/health"), 200),
        (handshake("/v1/messages"), 405),
    ],
)
def test_an_upgrade_that_is_not_taken(echoing: Gateway, request_bytes: bytes, status: int) -> None:
    assert echoing.ask(request_bytes).status == status


def test_T59_an_offer_of_http2_behind_a_request_is_no_matter(plain: Gateway) -> None:
    body = b'{"model":"m"}'
    head = (
        "POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        f"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    assert plain.ask(head.encode() + body).status == 200


def masked(payload: bytes, opcode: int = 1) -> bytes:
    """One client's frame, masked with zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + struct.pack("!H", size)
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


def test_frames_right_behind_the_handshake_are_read(echoing: Gateway) -> None:
    with echoing.connect() as client:
        client.sendall(handshake() + masked(create(input="early").encode()))
        data = b""
        while b"early" not in data:
            chunk = client.recv(65536)
            assert chunk
            data += chunk
        assert b"sec-websocket-accept: NjUyNzIzNDc" not in data
        assert b"HTTP/1.1 101 Switching Protocols\r\n" in data


def test_a_frame_that_breaks_the_rules_ends_the_connection(echoing: Gateway) -> None:
    with echoing.connect() as client:
        client.sendall(handshake())
        assert read_answer(client, head=True).status == 101
        client.sendall(b"\x81\x01x")  # a client's frame must be masked
        assert client.recv(4)[:1] == b"\x88"
        assert closed(client, 5)


def test_a_message_larger_than_a_body_may_be() -> None:
    with gateway(echo, server=Server(max_body=10_000)) as running:
        for message in (create(input="x" * 20_000), iter([create(input="x" * 6000)] * 3)):
            with opened(running) as client:
                with pytest.raises(ConnectionClosed) as ended:
                    client.send(message)
                    client.recv(timeout=60)
                assert ended.value.rcvd is not None
                assert ended.value.rcvd.code == 1009
        assert not running.relay.seen


def test_a_flood_of_messages_is_not_read_further_than_it_is_answered() -> None:
    message = masked(create(input="x" * 60_000).encode())
    with gateway(forever, timeouts=Timeouts(drain=2, client_keepalive=3)) as running:
        with running.connect() as client:
            client.sendall(handshake())
            client.settimeout(1)
            sent = 0
            with pytest.raises(TimeoutError):
                while sent < 500:
                    client.sendall(message)
                    sent += 1
            assert sent < 400, "the server has stopped reading"
        assert eventually(lambda: running.relay.cancelled == ["client_closed"], 15), "a ping finds out"


def test_a_client_that_takes_nothing_is_given_up() -> None:
    pieces: list[int] = []

    async def pour(inbound: Inbound, sink: Sink) -> None:
        await sink.start(200, (STREAM,))
        event = b'data: {"type":"x","text":"' + b"x" * 65_000 + b'"}\n\n'
        while True:
            await sink.send(event)
            pieces.append(len(event))
            assert sum(pieces) < 64 * 1024 * 1024, "nothing holds it back"

    with gateway(pour, timeouts=Timeouts(drain=2, client_write_stall=1)) as running:
        client = running.connect(receive_buffer=4096)
        client.sendall(handshake() + masked(create().encode()))
        assert eventually(lambda: running.relay.cancelled == ["client_stalled"], 20)
        client.close()


def test_a_silent_peer_is_pinged_and_then_given_up() -> None:
    with gateway(forever, timeouts=Timeouts(drain=2, client_keepalive=1.2)) as running:
        with running.connect() as client:
            client.sendall(handshake() + masked(create().encode()))
            data = b""
            client.settimeout(60)
            with suppress(ConnectionResetError):
                while chunk := client.recv(65536):
                    data += chunk
        assert b"\x89\x00" in data, "a ping came"
        assert eventually(lambda: running.relay.cancelled == ["client_closed"])


def test_a_peer_that_answers_pings_stays_and_its_own_pings_are_answered() -> None:
    timeouts = Timeouts(drain=2, client_keepalive=2)
    with gateway(echo, timeouts=timeouts) as running, opened(running) as client:
        pongs = [client.ping(os.urandom(4)) for _ in range(3)]
        assert all(pong.wait(10) for pong in pongs)
        threading.Event().wait(3)  # longer than a silent peer would get
        client.send(create())
        assert received(client)["type"] == "response.created"


def test_a_server_that_stops_lets_an_answer_end_and_says_goodbye() -> None:
    release = threading.Event()

    async def slowly(inbound: Inbound, sink: Sink) -> None:
        await sink.start(200, (STREAM,))
        await sink.send(b'data: {"type":"response.created"}\n\n')
        await asyncio.to_thread(release.wait, 20)
        await sink.send(b'data: {"type":"response.completed"}\n\n')

    timeouts = Timeouts(drain=20)
    with gateway(slowly, timeouts=timeouts) as running, opened(running) as idle, opened(running) as busy:
        busy.send(create())
        assert received(busy)["type"] == "response.created"
        assert running.uvicorn is not None
        running.uvicorn.should_exit = True
        with pytest.raises(ConnectionClosed) as ended:
            idle.recv(timeout=60)
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1001
        release.set()
        assert received(busy)["type"] == "response.completed"
        with pytest.raises(ConnectionClosed) as ended:
            busy.recv(timeout=60)
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1001


def test_an_answer_that_does_not_end_in_time_is_told_why() -> None:
    with gateway(forever, timeouts=Timeouts(drain=1)) as running, opened(running) as client:
        client.send(create())
        assert received(client)["type"] == "response.created"
        assert running.uvicorn is not None
        running.uvicorn.should_exit = True
        assert "shutting down" in str(received(client))
        with pytest.raises(ConnectionClosed) as ended:
            client.recv(timeout=60)
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1012


def test_a_client_that_does_not_say_goodbye_is_cut_off_at_the_end() -> None:
    with gateway(forever, timeouts=Timeouts(drain=1)) as running, running.connect() as client:
        client.sendall(handshake() + masked(create().encode()))
        said = b""
        while b"response.created" not in said:
            said += client.recv(65536)
        assert running.uvicorn is not None
        running.uvicorn.should_exit = True
        while b"shutting down" not in said:
            chunk = client.recv(65536)
            assert chunk
            said += chunk
        assert closed(client)

"""How bytes travel: chunk boundaries, silences, and ends that are not ends."""

import http.client
import json
import time

import pytest

from standin import Delivery, Flags, Received, Reply, StandIn, Tape, failures, say
from standin.probe import CHAT, MESSAGES, ask, chat_body, messages_body
from standin.script import FIXTURES
from standin.wire import Pause, deliver

pytestmark = pytest.mark.server


STREAM = chat_body(stream=True)
TEXT = "Höflich — and long enough for several pieces. ✓✓✓"


def text_of(seen: object) -> str:
    pieces = [event["choices"][0]["delta"].get("content") for event in seen.events]  # type: ignore[attr-defined]
    return "".join(piece or "" for piece in pieces)


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000, (1, 5, 2)])
def test_boundaries_change_nothing_but_the_chunks(chunk: int) -> None:
    with StandIn([say(TEXT), say(TEXT, delivery=Delivery(chunk=chunk))]) as standin:
        assert text_of(ask(standin, CHAT, STREAM)) == text_of(ask(standin, CHAT, STREAM)) == TEXT


def test_chunks_have_the_sizes_asked_for() -> None:
    reply = deliver([b"abcdefg", b"hij"], Delivery(chunk=(1, 3)), ())
    assert list(reply.steps) == [b"a", b"bcd", b"e", b"fgh", b"i", b"j"]


def test_silence_and_pauses_are_placed() -> None:
    events = [b"a", b"b", b"c"]
    assert list(deliver(events, Delivery(silence=(1, 9.0)), ()).steps) == [b"a", Pause(9.0), b"b", b"c"]
    assert list(deliver(events, Delivery(pause=0.1), ()).steps) == [
        b"a",
        Pause(0.1),
        b"b",
        Pause(0.1),
        b"c",
    ]


def test_crlf_and_comments() -> None:
    with StandIn([say("Hi", delivery=Delivery(crlf=True, comments=True))]) as standin:
        seen = ask(standin, CHAT, STREAM)
    assert b"\n" not in seen.body.replace(b"\r\n", b"")
    assert seen.body.startswith(b": keep-alive\r\n\r\ndata: {")
    assert text_of(seen) == "Hi"


@pytest.mark.parametrize("end", ["cut", "reset"])
def test_a_cut_stream_ends_without_its_last_chunk(end: str) -> None:
    with StandIn([say(TEXT, delivery=Delivery(after=2, end=end))]) as standin:  # type: ignore[arg-type]
        seen = ask(standin, CHAT, STREAM)
    assert seen.cut
    assert seen.status == 200


def test_a_tidy_end_is_complete_http_without_the_rest() -> None:
    with StandIn([say(TEXT, delivery=Delivery(after=2, end="tidy"))]) as standin:
        seen = ask(standin, CHAT, STREAM)
    assert not seen.cut
    assert len(seen.events) == 2
    assert b"[DONE]" not in seen.body


def test_an_error_in_mid_stream() -> None:
    data = b'{"error_code":"INTERNAL_ERROR","message":"boom"}'
    with StandIn([say(TEXT, delivery=Delivery(error=(1, data)))]) as standin:
        seen = ask(standin, CHAT, STREAM)
    assert seen.status == 200
    assert seen.events[-1] == json.loads(data)
    assert len(seen.events) == 2


@pytest.mark.parametrize("end", ["cut", "reset"])
def test_a_whole_answer_can_be_cut_too(end: str) -> None:
    with StandIn([say(TEXT, delivery=Delivery(end=end))]) as standin:  # type: ignore[arg-type]
        seen = ask(standin, MESSAGES, messages_body())
    assert seen.cut
    assert not seen.body.endswith(b"}")


def test_a_client_that_leaves_is_noticed_in_a_silence() -> None:
    with StandIn([say(TEXT, delivery=Delivery(silence=(1, 30.0)))]) as standin:
        connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=60)
        headers = {"authorization": f"Bearer {standin.token}"}
        connection.request("POST", CHAT, json.dumps(STREAM), headers)
        answer = connection.getresponse()
        assert answer.read1(20).startswith(b"data: ")
        answer.close()
        connection.close()
        left = time.monotonic()
        while not standin.requests[0].aborted and time.monotonic() - left < 60:
            time.sleep(0.01)
        assert standin.requests[0].aborted
        assert not standin.requests[0].finished


def test_a_hanging_answer_ends_with_the_stand_in() -> None:
    with StandIn([say(TEXT, delivery=Delivery(after=1, end="hang"))]) as standin:
        connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=60)
        connection.request("POST", CHAT, json.dumps(STREAM), {"authorization": f"Bearer {standin.token}"})
        answer = connection.getresponse()
        connection.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            answer.read()
        answer.close()
        connection.close()


def test_silence_before_the_head() -> None:
    with StandIn([say("x", delivery=Delivery(before=0.2))]) as standin:
        started = time.monotonic()
        assert ask(standin, CHAT, STREAM).status == 200
    assert time.monotonic() - started >= 0.2


def test_one_connection_serves_many_requests() -> None:
    with StandIn([say("a"), failures.unavailable(), say("b")]) as standin:
        connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=60)
        statuses: list[int] = []
        for _ in range(3):
            connection.request(
                "POST", CHAT, json.dumps(STREAM), {"authorization": f"Bearer {standin.token}"}
            )
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()
    assert statuses == [200, 503, 200]
    assert standin.connections == 1


def test_chunked_requests_are_read() -> None:
    with StandIn([say("a")]) as standin:
        connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=60)
        headers = {"authorization": f"Bearer {standin.token}"}
        data = json.dumps(STREAM).encode()
        connection.request("POST", CHAT, iter([data[:10], data[10:]]), headers, encode_chunked=True)
        assert connection.getresponse().status == 200
        connection.close()
    assert standin.requests[0].body == data


def test_a_tape_can_be_cut_and_resliced() -> None:
    name = "claude-chat-stream-thinking.sse"
    whole = (FIXTURES / name).read_bytes()
    steps = [Tape(name, delivery=Delivery(chunk=3)), Tape(name, delivery=Delivery(after=2, end="cut"))]
    with StandIn(steps) as standin:
        assert ask(standin, CHAT, STREAM).body == whole
        assert ask(standin, CHAT, STREAM).cut


def test_a_handler_may_answer_in_the_workspaces_place() -> None:
    def odd(received: Received) -> Reply | None:
        return failures.html() if received.path == "/odd" else None

    with StandIn([say("x")], Flags(), handler=odd) as standin:
        assert ask(standin, "/odd").status == 502
        assert ask(standin, CHAT, STREAM).status == 200


async def _in_this_loop() -> int:
    import asyncio

    async with StandIn([say("x")]) as standin:
        return (await asyncio.to_thread(ask, standin, CHAT, STREAM)).status


def test_it_runs_in_the_callers_loop_too() -> None:
    import asyncio

    assert asyncio.run(_in_this_loop()) == 200

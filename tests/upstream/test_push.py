"""Pieces that are handed on in the moment they come: :meth:`UpstreamAnswer.push` of the lean client."""

import asyncio
from collections.abc import Callable

import pytest

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpRequest
from trunkline.upstream.connection import HIGH_WATER, Connection
from trunkline.upstream.http1 import Http1Answer, Http1Upstream

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Transport(asyncio.Transport):
    """Remembers whether it is read from."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = True
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None: ...

    def is_closing(self) -> bool:
        return self.aborted

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        self.aborted = True


class Line:
    """An answer over a connection that gets its bytes from the test."""

    def __init__(self) -> None:
        self.connection = Connection("http://up")
        self.transport = Transport()
        self.connection.connection_made(self.transport)
        self.upstream = Http1Upstream(connect_timeout=30, pool_timeout=30)

        async def connect(place: object) -> Connection:
            return self.connection

        setattr(self.upstream, "_connect", connect)  # noqa: B010 - the seam that opens sockets

    async def open(self) -> Http1Answer:
        request = HttpRequest("POST", "http://up/x", (), b"{}")
        opening = asyncio.ensure_future(self.upstream.open(request, headers_timeout=30))
        await turns()
        self.connection.data_received(HEAD)
        return await opening


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def on_a_line(test: Callable[[Line], object]) -> Callable[[], None]:
    def run() -> None:
        async def main() -> None:
            await test(Line())  # type: ignore[misc]

        asyncio.run(main())

    run.__name__ = test.__name__
    return run


@on_a_line
async def test_T07_a_piece_goes_on_before_any_task_runs(line: Line) -> None:
    answer = await line.open()
    taken: list[bytes] = []
    pushing = asyncio.ensure_future(answer.push(lambda data: not taken.append(data)))
    await turns()
    for piece in (b"one", b"two", b"three"):
        line.connection.data_received(chunk(piece))
        assert taken[-1] == piece
    assert not pushing.done()
    line.connection.data_received(END)
    await pushing
    assert await answer.read() == b""


@on_a_line
async def test_what_came_before_is_taken_first(line: Line) -> None:
    answer = await line.open()
    line.connection.data_received(chunk(b"early"))
    taken: list[bytes] = []
    pushing = asyncio.ensure_future(answer.push(lambda data: not taken.append(data)))
    await turns()
    line.connection.data_received(chunk(b"late"))
    assert taken == [b"early", b"late"]
    pushing.cancel()
    await turns()
    line.connection.data_received(chunk(b"after"))
    assert taken == [b"early", b"late"]
    assert await answer.read() == b"after"


@on_a_line
async def test_the_last_piece_with_the_end_is_left_for_a_read(line: Line) -> None:
    answer = await line.open()
    taken: list[bytes] = []
    pushing = asyncio.ensure_future(answer.push(lambda data: not taken.append(data)))
    await turns()
    line.connection.data_received(chunk(b"last") + END)
    await pushing
    assert taken == []
    assert await answer.read() == b"last"
    assert await answer.read() == b""


@on_a_line
async def test_a_full_taker_ends_it_and_the_upstream_is_held_back(line: Line) -> None:
    answer = await line.open()
    taken: list[bytes] = []

    def one(data: bytes) -> bool:
        taken.append(data)
        return False

    pushing = asyncio.ensure_future(answer.push(one))
    await turns()
    line.connection.data_received(chunk(b"first"))
    line.connection.data_received(chunk(b"x" * (HIGH_WATER + 1)))
    await pushing
    assert taken == [b"first"]
    assert not line.transport.reading
    assert len(await answer.read()) == HIGH_WATER + 1
    assert line.transport.reading


@on_a_line
async def test_a_break_is_said_by_the_next_read(line: Line) -> None:
    answer = await line.open()
    pushing = asyncio.ensure_future(answer.push(lambda data: True))
    await turns()
    line.connection.data_received(chunk(b"half"))
    line.connection.connection_lost(None)
    await pushing
    with pytest.raises(GatewayError) as caught:
        await answer.read()
    assert caught.value.kind is Kind.TRUNCATED

"""Whatever bytes come after an upgrade: bounded, answered or ended, and never an exception."""

import asyncio
import itertools
import struct
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.config.schema import Timeouts
from trunkline.server.deadlines import Deadlines
from trunkline.server.websocket import WebSocket

LIMIT = 4096


class Wire(asyncio.Transport):
    """A connection that writes down what it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)

    def write_eof(self) -> None: ...

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def frame(payload: bytes, opcode: int = 1, *, fin: bool = True) -> bytes:
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0xFE]) + struct.pack("!H", size)
    return bytes([(0x80 if fin else 0) | opcode]) + length + bytes(4) + payload


def spoken(data: bytes, cuts: list[int]) -> tuple[list[bytes], bytes, str | None]:
    """The messages that ``data`` holds, cut anywhere; what was answered; and whether that was the end."""

    async def main() -> tuple[list[bytes], bytes, str | None]:
        socket = WebSocket(max_message=LIMIT, deadlines=Deadlines.of(Timeouts()))
        socket.gone = lambda one: None
        wire = Wire()
        socket.connection_made(wire)
        edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
        for start, end in itertools.pairwise(edges):
            if piece := data[start:end]:
                socket.data_received(piece)
        messages = list(cast("list[bytes]", socket._inbox))
        socket.connection_lost(None)
        assert socket._timer is None
        return messages, wire.sent, socket.lost

    return asyncio.run(main())


PIECES = st.one_of(
    st.binary(max_size=40),
    st.builds(frame, st.binary(max_size=300), st.integers(0, 15), fin=st.booleans()),
    st.builds(frame, st.just(b"x" * 3000)),
)


@settings(max_examples=200)
@given(st.lists(PIECES, max_size=8), st.lists(st.integers(0, 4000), max_size=6))
def test_any_bytes_anywhere_cut(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    messages, sent, lost = spoken(data, cuts)
    assert (messages, sent, lost) == spoken(data, [])
    assert all(len(message) <= LIMIT for message in messages)


def test_messages_in_pieces_are_put_together_within_the_limit() -> None:
    halves = frame(b"a" * 2000, fin=False) + frame(b"ping", 9) + frame(b"b" * 2000, 0)
    messages, sent, _ = spoken(halves, [5, 2003])
    assert messages == [b"a" * 2000 + b"b" * 2000]
    assert sent == b"\x8a\x04ping"
    messages, sent, _ = spoken(frame(b"a" * 3000, fin=False) + frame(b"b" * 3000, 0), [])
    assert messages == []
    assert sent[:1] == b"\x88"
    assert struct.unpack("!H", sent[2:4]) == (1009,)

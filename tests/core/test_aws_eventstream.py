"""AWS' framing, held against every recorded stream, botocore's own reader and broken bytes."""

import json
import struct
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.aws_eventstream import MAX_MESSAGE, EventStreamReader, Message
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.framing import encode_event
from trunkline.core.sse import SSEFramer

FIXTURES = Path(__file__).parents[1] / "fixtures" / "bedrock"
STREAMS = sorted(FIXTURES.glob("*/*.stream.bin"))
SHORT = min(STREAMS, key=lambda path: path.stat().st_size).read_bytes()


def read(*chunks: bytes) -> list[Message]:
    reader = EventStreamReader()
    found = [message for chunk in chunks for message in reader.feed(chunk)]
    reader.close()
    return found


def message(headers: bytes, payload: bytes = b"{}") -> bytes:
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    data = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return data + struct.pack(">I", zlib.crc32(data))


def header(name: bytes, kind: int, value: bytes) -> bytes:
    return bytes([len(name)]) + name + bytes([kind]) + value


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: f"{path.parent.name}/{path.name[:40]}")
def test_every_recorded_stream_reads_as_botocore_reads_it(path: Path) -> None:
    data = path.read_bytes()
    judge = EventStreamBuffer()
    judge.add_data(data)
    expected = [Message(one.headers, one.payload) for one in judge]
    assert expected
    assert read(data) == expected
    assert read(*(data[at : at + 7] for at in range(0, len(data), 7))) == expected


@given(cuts=st.lists(st.integers(0, len(SHORT)), max_size=12))
def test_cuts_change_nothing(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(SHORT)]
    assert read(*(SHORT[a:b] for a, b in pairwise(edges))) == read(SHORT)


@given(at=st.integers(0, 10**9), bit=st.integers(0, 7))
def test_no_flipped_bit_goes_unseen(at: int, bit: int) -> None:
    broken = bytearray(SHORT)
    broken[at % len(SHORT)] ^= 1 << bit
    with pytest.raises(GatewayError) as caught:
        read(bytes(broken))
    assert caught.value.kind in (Kind.UPSTREAM_FAILED, Kind.TRUNCATED)
    assert not caught.value.local


def test_what_came_before_a_broken_message_is_not_lost() -> None:
    good = message(header(b":event-type", 7, b"\x00\x01a"))
    reader = EventStreamReader()
    assert len(reader.feed(good + good + bytes(20))) == 2
    with pytest.raises(GatewayError, match="checksum"):
        reader.feed(b"")
    with pytest.raises(GatewayError, match="checksum"):
        reader.close()


@pytest.mark.parametrize("cut", [1, 11, 12, 13, 40])
def test_an_end_inside_a_message_is_an_error(cut: int) -> None:
    with pytest.raises(GatewayError, match="ended inside a message") as caught:
        read(SHORT[:cut])
    assert caught.value.kind is Kind.TRUNCATED


def test_headers_of_every_type_are_walked_and_text_is_kept() -> None:
    fixed = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
    headers = b"".join(header(b"n%d" % kind, kind, bytes(size)) for kind, size in fixed.items())
    headers += header(b"raw", 6, b"\x00\x02ab") + header(b":event-type", 7, b"\x00\x03k\xc3\xa9")
    assert read(message(headers, b"x")) == [Message({":event-type": "ké"}, b"x")]


@pytest.mark.parametrize(
    "headers",
    [
        header(b"n", 10, b""),
        header(b"n", 7, b"\x00\x09ab"),
        header(b"n", 4, b"\x00"),
        b"\x09n",
        header(b"n", 7, b"\x00"),
    ],
)
def test_impossible_headers_are_an_error(headers: bytes) -> None:
    with pytest.raises(GatewayError, match="header"):
        read(message(headers))


@pytest.mark.parametrize("lengths", [(15, 0), (20, 100), (MAX_MESSAGE + 1, 0)])
def test_impossible_lengths_are_an_error_at_once(lengths: tuple[int, int]) -> None:
    prelude = struct.pack(">II", *lengths)
    with pytest.raises(GatewayError, match="impossible"):
        EventStreamReader().feed(prelude + struct.pack(">I", zlib.crc32(prelude)))


@pytest.mark.parametrize("data", [b'{"a":1}', b'{\n "a":\r\n 1\r}', b'{"a":"\\n"}'])
def test_any_json_survives_as_an_event(data: bytes) -> None:
    (event,) = SSEFramer().feed(encode_event(b"name", data))
    assert event.event == b"name"
    assert json.loads(event.data) == json.loads(data)

"""The framer gives the same events wherever the network cut the bytes (protocols.md 1.1, E1 to E3)."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.sse import SSEFramer, SSEvent, encode_data, encode_named

STREAM = (
    b"\xef\xbb\xbf: hello\n\n"
    b'event: message_start\ndata: {"type":"message_start"}\n\n'
    b"data: caf\xc3\xa9 \xf0\x9f\x9a\x80\n\n\n"
    b": OPENROUTER PROCESSING\n\n"
    b"event: two\ndata: a\ndata: b\nid: 7\n\n"
    b"data:no-space\n\n"
    b"event: empty\n\n"
    b"data: last"
)
EVENTS = [
    SSEvent(b'{"type":"message_start"}', b"message_start"),
    SSEvent("café 🚀".encode()),
    SSEvent(b"a\nb", b"two"),
    SSEvent(b"no-space"),
    SSEvent(b"last"),
]


def frames(pieces: list[bytes]) -> list[SSEvent]:
    framer = SSEFramer()
    return [event for piece in pieces for event in framer.feed(piece)] + framer.close()


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
def test_E2_comments_bom_line_ends_and_several_data_lines(ending: bytes) -> None:
    assert frames([STREAM.replace(b"\n", ending)]) == EVENTS


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
def test_E1_one_byte_at_a_time(ending: bytes) -> None:
    stream = STREAM.replace(b"\n", ending)
    assert frames([stream[i : i + 1] for i in range(len(stream))]) == EVENTS


@given(
    cuts=st.lists(st.integers(0, 2 * len(STREAM)), max_size=12),
    ending=st.sampled_from([b"\n", b"\r\n", b"\r"]),
)
def test_E1_any_cut_gives_the_same_events(cuts: list[int], ending: bytes) -> None:
    stream = STREAM.replace(b"\n", ending)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert frames([stream[a:b] for a, b in itertools.pairwise(edges)]) == EVENTS


def test_pending_is_true_only_inside_an_event() -> None:
    framer = SSEFramer()
    assert not framer.pending
    framer.feed(b"data: a")
    assert framer.pending
    framer.feed(b"\n\n")
    assert not framer.pending


def test_T05_an_event_without_end_is_refused_at_the_limit() -> None:
    framer = SSEFramer(max_frame=100)
    with pytest.raises(GatewayError) as caught:
        for _ in range(20):
            framer.feed(b"data: 0123456789")
    assert caught.value.kind is Kind.UPSTREAM_FAILED
    assert not caught.value.local


def test_what_is_written_is_read_back() -> None:
    assert frames([encode_data(b"{}"), encode_named(b"ping", b"{}")]) == [
        SSEvent(b"{}"),
        SSEvent(b"{}", b"ping"),
    ]

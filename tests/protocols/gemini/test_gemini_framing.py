"""Paths, counts and the array framing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.gemini.room import ROOM, STREAMS, decoded, encoded, heard, tape
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import Finished
from trunkline.core.sse import SSEvent
from trunkline.protocols.gemini import GEMINI_COUNT, JsonArrayFramer, JsonArrayWriter, read_path


@pytest.mark.parametrize(
    ("path", "model", "stream", "framing"),
    [
        ("/v1beta/models/gemini-3:generateContent", "gemini-3", False, "sse"),
        ("/v1/models/gemini-3:streamGenerateContent?alt=sse", "gemini-3", True, "sse"),
        ("/v1beta/models/gemini-3:streamGenerateContent", "gemini-3", True, "json_array"),
        ("/v1beta/models/gemini-3:streamGenerateContent?alt=json&key=x", "gemini-3", True, "json_array"),
        ("/v1beta/models/gemini-3:streamGenerateContent?key=x&alt=sse", "gemini-3", True, "sse"),
        ("/v1beta/models/gemini-3:countTokens", "gemini-3", False, "sse"),
        ("/v1beta/models/dbx%2Fclaude%3Alatest:generateContent", "dbx/claude:latest", False, "sse"),
        ("/v1beta/models/dbx/claude:generateContent", "dbx/claude", False, "sse"),
        ("/v1beta/models/dbx,claude:generateContent", "dbx,claude", False, "sse"),
        ("/v1beta1/projects/p/locations/l/publishers/google/models/gemini-3:generateContent", "gemini-3", False, "sse"),
        ("/v1beta/tunedModels/x:generateContent", "v1beta/tunedModels/x", False, "sse"),
        ("gemini-3:generateContent", "gemini-3", False, "sse"),
    ],
)  # fmt: skip
def test_paths(path: str, model: str, stream: bool, framing: str) -> None:
    called = read_path(path)
    assert (called.model, called.stream, called.framing) == (model, stream, framing)


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/gemini-3",
        "/v1beta/models/gemini-3:embedContent",
        "/v1beta/models/:generateContent",
        "",
    ],
)
def test_paths_without_a_method_are_not_found(path: str) -> None:
    with pytest.raises(GatewayError) as raised:
        read_path(path)
    assert raised.value.kind is Kind.NOT_FOUND
    assert "generateContent" in raised.value.message


def test_E112_counts() -> None:
    assert GEMINI_COUNT.encode_count(31) == b'{"totalTokens":31}'
    assert (
        GEMINI_COUNT.decode_count(b'{"totalTokens":31,"promptTokensDetails":[{"modality":"TEXT"}]}') == 31
    )
    assert GEMINI_COUNT.decode_count(b"{}") == 0
    with pytest.raises(GatewayError) as raised:
        GEMINI_COUNT.decode_count(b"<html>")
    assert raised.value.kind is Kind.UPSTREAM_FAILED


def framed(data: bytes, size: int) -> list[SSEvent]:
    framer = JsonArrayFramer()
    found = [frame for at in range(0, len(data), size) for frame in framer.feed(data[at : at + size])]
    return found + framer.close()


@pytest.mark.parametrize("size", [1, 2, 3, 17, 10_000])
def test_E99_array_streams_are_read(size: int) -> None:
    for name in ("text.array.json", "call.array.json"):
        found = framed(tape(name), size)
        assert [json.loads(frame.data) for frame in found] == json.loads(tape(name))
        assert isinstance(heard(found)[-1], Finished)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='{}[]"\\,é\u2028\n'),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='{"\\]'), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    objects=st.lists(st.dictionaries(st.text(max_size=4), values, max_size=3), max_size=4),
    size=st.integers(1, 9),
)
def test_E99_whatever_the_elements_hold(objects: list[object], size: int) -> None:
    for data in (json.dumps(objects).encode(), json.dumps(objects, ensure_ascii=False, indent=1).encode()):
        assert [json.loads(frame.data) for frame in framed(data, size)] == objects


def test_E99_half_an_element_is_none() -> None:
    framer = JsonArrayFramer()
    assert framer.feed(b'[{"a": "}') == []
    assert framer.pending
    assert framer.close() == []
    bounded = JsonArrayFramer(max_frame=10)
    with pytest.raises(GatewayError, match="exceeds"):
        bounded.feed(b'[{"a": "' + b"x" * 20)


@pytest.mark.parametrize("path", STREAMS, ids=[path.stem for path in STREAMS])
def test_E99_arrays_are_written(path) -> None:
    sent = encoded(decoded(path.read_bytes()))
    writer = JsonArrayWriter()
    out = b"".join(writer.feed(sent[at : at + 50]) for at in range(0, len(sent), 50)) + writer.close()
    assert heard(framed(out, 64)) == decoded(sent)
    assert len(json.loads(out)) == sent.count(b"data: ")


def test_E99_signs_of_life_errors_and_nothing() -> None:
    writer = JsonArrayWriter()
    out = writer.feed(ROOM.ping(begun=False))
    assert out.strip() == b""
    assert out != b""
    out += writer.feed(b'data: {"a":1}\r\n\r\n') + writer.feed(ROOM.ping(begun=True))
    out += (
        writer.feed(ROOM.encode_stream_error(GatewayError(Kind.OVERLOADED, "busy"), "r")) + writer.close()
    )
    first, last = json.loads(out)
    assert first == {"a": 1}
    assert last["error"]["status"] == "UNAVAILABLE"
    assert JsonArrayWriter().close() == b"[]"

"""Operations that only pass through: what their tap sees, and what is no answer."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.sse import SSEFramer
from trunkline.protocols.codec import CarriedCodec, StreamTap
from trunkline.protocols.openai_chat import COMPLETIONS, EMBEDDINGS
from trunkline.protocols.registry import CARRIED

STREAM = (
    b'data: {"choices":[{"text":"a","index":0,"finish_reason":null}],"usage":null}\n\n'
    b'data: {"choices":[{"text":"","index":0,"finish_reason":"length"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n'
    b"data: [DONE]\n\n"
)


def tapped(*chunks: bytes) -> StreamTap:
    framer, tap = SSEFramer(), COMPLETIONS.stream_tap()
    for piece in chunks:
        for frame in framer.feed(piece):
            tap.feed(frame)
    return tap


@given(st.integers(0, len(STREAM)), st.integers(0, len(STREAM)))
def test_the_tap_sees_the_same_wherever_a_stream_is_cut(one: int, other: int) -> None:
    first, second = sorted((one, other))
    tap = tapped(STREAM[:first], STREAM[first:second], STREAM[second:])
    assert tap.content_seen
    assert tap.finished
    assert tap.error is None
    assert tap.stop is not None
    assert tap.stop.reason == "length"
    assert tap.usage is not None
    assert (tap.usage.input, tap.usage.output) == (1, 2)


@pytest.mark.parametrize("end", range(1, 4))
def test_an_end_is_a_finish_or_done(end: int) -> None:
    frames = [frame + b"\n\n" for frame in STREAM.split(b"\n\n") if frame]
    assert not tapped(frames[0]).finished
    assert tapped(*frames[: end + 1]).finished


def test_an_error_inside_the_stream() -> None:
    tap = tapped(b'data: {"error":{"message":"Rate limit reached","code":"rate_limit_exceeded"}}\n\n')
    assert tap.error is not None
    assert tap.error.kind is Kind.RATE_LIMITED
    assert not tap.finished


@pytest.mark.parametrize("codec", CARRIED.values(), ids=lambda codec: codec.name)
def test_renaming_keeps_every_other_byte(codec: CarriedCodec) -> None:
    body = b'{ "x_new" : [1, {"a": null}], "model" : "one",  "input":"\\u00e9",  "stream": true }'
    assert codec.rename(body, "two") == body.replace(b'"one"', b'"two"')
    assert codec.peek(body).stream is (codec is COMPLETIONS)
    assert codec.drop_foreign_proofs(body, lambda signature: False) == (body, ())


@pytest.mark.parametrize("codec", CARRIED.values(), ids=lambda codec: codec.name)
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error":{"message":"no","code":"invalid_api_key"}}', Kind.AUTHENTICATION),
        (b'{"error_code":"RESOURCE_EXHAUSTED","message":"slow down"}', Kind.RATE_LIMITED),
        (b"{}", Kind.UPSTREAM_FAILED),
        (b"[]", Kind.UPSTREAM_FAILED),
        (b"<html>busy</html>", Kind.UPSTREAM_FAILED),
    ],
)
def test_what_is_no_answer(codec: CarriedCodec, body: bytes, kind: Kind) -> None:
    with pytest.raises(GatewayError) as raised:
        codec.check(body)
    assert raised.value.kind is kind
    assert codec.usage_of(body) is None


def test_answers_pass() -> None:
    COMPLETIONS.check(b'{"choices":[]}')
    EMBEDDINGS.check(b'{"data":[],"x_new":1}')


def test_a_whole_answer_as_a_stream() -> None:
    body = b'{\n "choices": [{"text": "a\\nb", "index": 0, "finish_reason": "stop"}]\n}'
    tap = tapped(COMPLETIONS.as_stream(body))
    assert tap.finished
    assert tap.content_seen
    data = COMPLETIONS.as_stream(body).split(b"\n\n")[0].removeprefix(b"data: ")
    assert msgspec.json.decode(data) == msgspec.json.decode(body)

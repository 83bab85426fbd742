"""What a stream says of keeping, restated; every other byte stays."""

import pytest

from trunkline.protocols.openai_responses.state import kept_frames

DELTA = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"\\"response\\""}\n\n'
CREATED = b'data: {"type":"response.created", "response": {"id":"r","store":%b,"previous_response_id":%b, "x":1.0}}'


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_the_answer_is_kept_and_names_what_it_continues(end: bytes) -> None:
    said = DELTA + b"event: response.created" + end + CREATED % (b"false", b"null") + end * 2 + DELTA
    told = DELTA + b"event: response.created" + end + CREATED % (b"true", b'"resp_1"') + end * 2 + DELTA
    assert kept_frames(said, "resp_1") == told


@pytest.mark.parametrize(
    "frames",
    [
        b"",
        b": ping\n\n",
        DELTA,
        b'data: {"type":"x","response":\n\n',
        b'data: {"type":"x","response":null}\n\n',
        b'data: {"type":"x","response":{"store":false,"store":false}}\n\n',
        b'data: {"type":"x","delta":"a","tool":{"response":{"store":false}}}\n\n',
    ],
)
def test_what_brings_no_answer_keeps_its_bytes(frames: bytes) -> None:
    assert kept_frames(frames, None) == frames

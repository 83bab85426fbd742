"""Recorded token counts: the call and its answer can be read, and a count is written as it was."""

import json

from trunkline.protocols.anthropic_messages.count import ANTHROPIC_COUNT
from trunkline.protocols.registry import CODECS
from wire.recordings import index

COUNTS = [one for one in index() if one.protocol == "anthropic-count-tokens" and one.status == 200]


def test_E112_recorded_counts_are_read_and_written() -> None:
    assert len(COUNTS) >= 8
    for recording in COUNTS:
        expected = json.loads(recording.answer)["input_tokens"]
        assert ANTHROPIC_COUNT.decode_count(recording.answer) == expected
        assert json.loads(ANTHROPIC_COUNT.encode_count(expected)) == {"input_tokens": expected}


def test_E112_a_counting_request_is_read_without_an_output_limit() -> None:
    for recording in COUNTS:
        body = recording.request
        assert body is not None
        request = CODECS["anthropic_messages"].decode_request(body)
        assert len(request.messages) == len(json.loads(body)["messages"])

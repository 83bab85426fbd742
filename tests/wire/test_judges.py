"""The judges themselves: they see every kind of difference, and their two readings of a recording agree."""

import json
from copy import deepcopy

import pytest

from wire.judges import JUDGES, Meaning, arguments
from wire.recordings import answers

KNOWN = {"anthropic_messages": 13, "openai_chat": 21}
"""Recorded streams on which the SDK's own accumulator fails or forgets; the tolerant reading is there for them."""

CHAT = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{
        "index": 0, "finish_reason": "tool_calls",
        "message": {
            "role": "assistant", "content": "hello", "reasoning_content": "because",
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
        },
    }],
    "usage": {
        "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4},
    },
}  # fmt: skip
MESSAGES = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None,
    "content": [
        {"type": "thinking", "thinking": "because", "signature": "s"},
        {"type": "text", "text": "hello"},
        {"type": "tool_use", "id": "1", "name": "f", "input": {"a": 1}},
    ],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 6, "cache_read_input_tokens": 4, "output_tokens": 5},
}  # fmt: skip
SAME = Meaning("hello", "because", [("f", '{"a": 1}')], "calls", (10, 4, 5))


def read(protocol: str, body: dict) -> Meaning:
    return JUDGES[protocol].whole(json.dumps(body).encode())


def test_both_judges_read_the_same_out_of_the_same_answer() -> None:
    assert read("openai_chat", CHAT) == SAME
    assert read("anthropic_messages", MESSAGES) == SAME


@pytest.mark.parametrize(
    ("path", "value", "seen"),
    [
        (("choices", 0, "message", "content"), "hell", "text"),
        (("choices", 0, "message", "reasoning_content"), "", "thinking"),
        (("choices", 0, "message", "tool_calls", 0, "function", "name"), "g", "calls"),
        (("choices", 0, "message", "tool_calls", 0, "function", "arguments"), '{"a": 2}', "calls"),
        (("choices", 0, "message", "tool_calls"), [], "calls"),
        (("choices", 0, "finish_reason"), "length", "stop"),
        (("usage", "prompt_tokens"), 11, "usage"),
        (("usage", "completion_tokens"), 6, "usage"),
        (("usage", "prompt_tokens_details", "cached_tokens"), 5, "usage"),
        (("error",), {"message": "no"}, "failed"),
    ],
)
def test_every_difference_is_seen(path: tuple, value: object, seen: str) -> None:
    body = deepcopy(CHAT)
    place = body
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    found = read("openai_chat", body).differences(SAME)
    assert any(one.startswith(seen) for one in found), found


def test_the_spelling_of_arguments_is_no_difference() -> None:
    assert arguments('{"b": 1,\n"a": [1.0]}') == arguments('{"a":[1.0],"b":1}')
    assert arguments("") == arguments(" ") == arguments("null") == arguments("{}")
    assert arguments('{"a": 1') != arguments('{"a": 1}')


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # the SDK's, of content that is a list
@pytest.mark.parametrize("protocol", JUDGES)
def test_the_tolerant_reading_agrees_with_the_accumulator(protocol: str) -> None:
    judge, differing = JUDGES[protocol], []
    for recording in answers(protocol, streaming=True):
        tolerant = judge.stream(recording.answer)
        if not tolerant.failed and tolerant.differences(judge.accumulated(recording.answer)):
            differing.append(recording.id)
    assert len(differing) <= KNOWN[protocol], differing

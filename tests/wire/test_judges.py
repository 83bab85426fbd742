"""The judges themselves: they see every kind of difference, and their two readings of a recording agree."""

import json
from copy import deepcopy

import pytest

from wire.judges import JUDGES
from wire.meaning import Meaning, arguments
from wire.recordings import answers

KNOWN = {"anthropic_messages": 13, "openai_chat": 21, "openai_responses": 43, "gemini": 3}
"""Of every third recorded stream, those on which the SDK's own accumulator fails or forgets; the tolerant reading is there for them."""

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
RESPONSES = {
    "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed",
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "because"}]},
        {
            "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "hello", "annotations": []}],
        },
        {
            "type": "function_call", "id": "fc_1", "call_id": "1", "name": "f", "arguments": '{"a": 1}',
            "status": "completed",
        },
    ],
    "usage": {
        "input_tokens": 10, "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 15,
    },
}  # fmt: skip
GEMINI = {
    "candidates": [{
        "index": 0, "finishReason": "STOP",
        "content": {"role": "model", "parts": [
            {"text": "because", "thought": True}, {"text": "hello"},
            {"functionCall": {"name": "f", "args": {"a": 1}}},
        ]},
    }],
    "usageMetadata": {
        "promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": 3,
        "thoughtsTokenCount": 2, "totalTokenCount": 15,
    },
}  # fmt: skip
BODIES = {
    "openai_chat": CHAT, "anthropic_messages": MESSAGES, "openai_responses": RESPONSES, "gemini": GEMINI,
}  # fmt: skip
SAME = Meaning("hello", "because", [("f", '{"a": 1}')], "calls", (10, 4, 5))


def read(protocol: str, body: dict) -> Meaning:
    return JUDGES[protocol].whole(json.dumps(body).encode())


@pytest.mark.parametrize("protocol", BODIES)
def test_all_judges_read_the_same_out_of_the_same_answer(protocol: str) -> None:
    assert read(protocol, BODIES[protocol]) == SAME


C, A, R, G = "openai_chat", "anthropic_messages", "openai_responses", "gemini"
CANDIDATE = ("candidates", 0)
PARTS = (*CANDIDATE, "content", "parts")


@pytest.mark.parametrize(
    ("protocol", "path", "value", "seen"),
    [
        (C, ("choices", 0, "message", "content"), "hell", "text"),
        (C, ("choices", 0, "message", "reasoning_content"), "", "thinking"),
        (C, ("choices", 0, "message", "tool_calls", 0, "function", "name"), "g", "calls"),
        (C, ("choices", 0, "message", "tool_calls", 0, "function", "arguments"), '{"a": 2}', "calls"),
        (C, ("choices", 0, "message", "tool_calls"), [], "calls"),
        (C, ("choices", 0, "finish_reason"), "length", "stop"),
        (C, ("usage", "prompt_tokens"), 11, "usage"),
        (C, ("usage", "completion_tokens"), 6, "usage"),
        (C, ("usage", "prompt_tokens_details", "cached_tokens"), 5, "usage"),
        (C, ("error",), {"message": "no"}, "failed"),
        (A, ("content", 0, "thinking"), "", "thinking"),
        (A, ("content", 1, "text"), "hell", "text"),
        (A, ("content", 2, "input"), {"a": 2}, "calls"),
        (A, ("stop_reason",), "max_tokens", "stop"),
        (A, ("usage", "input_tokens"), 7, "usage"),
        (R, ("output", 0, "summary", 0, "text"), "", "thinking"),
        (R, ("output", 1, "content", 0, "text"), "hell", "text"),
        (R, ("output", 2, "name"), "g", "calls"),
        (R, ("output", 2, "arguments"), '{"a": 2}', "calls"),
        (R, ("output", 2, "type"), "custom_tool_call", "calls"),
        (R, ("output", 2, "namespace"), "n", "calls"),
        (R, ("status",), "incomplete", "stop"),
        (R, ("status",), "failed", "failed"),
        (R, ("usage", "input_tokens"), 11, "usage"),
        (R, ("usage", "input_tokens_details", "cached_tokens"), 5, "usage"),
        (R, ("usage", "output_tokens"), 6, "usage"),
        (G, (*PARTS, 0, "thought"), False, "thinking"),
        (G, (*PARTS, 1, "text"), "hell", "text"),
        (G, (*PARTS, 2, "functionCall", "name"), "g", "calls"),
        (G, (*PARTS, 2, "functionCall", "args"), {"a": 2}, "calls"),
        (G, (*CANDIDATE, "finishReason"), "MAX_TOKENS", "stop"),
        (G, (*CANDIDATE, "finishReason"), "MALFORMED_FUNCTION_CALL", "failed"),
        (G, ("usageMetadata", "promptTokenCount"), 11, "usage"),
        (G, ("usageMetadata", "thoughtsTokenCount"), 3, "usage"),
        (G, ("usageMetadata", "cachedContentTokenCount"), 5, "usage"),
    ],
)
def test_every_difference_is_seen(protocol: str, path: tuple, value: object, seen: str) -> None:
    body = deepcopy(BODIES[protocol])
    place = body
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    if value == "incomplete":
        body["incomplete_details"] = {"reason": "max_output_tokens"}
    found = read(protocol, body).differences(SAME)
    assert any(one.startswith(seen) for one in found), found


def test_the_spelling_of_arguments_is_no_difference() -> None:
    assert arguments('{"b": 1,\n"a": [1.0]}') == arguments('{"a":[1.0],"b":1}')
    assert arguments("") == arguments(" ") == arguments("null") == arguments("{}")
    assert arguments('{"a": 1') != arguments('{"a": 1}')


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # the SDK's, of content that is a list
@pytest.mark.parametrize("protocol", JUDGES)
def test_the_tolerant_reading_agrees_with_the_accumulator(protocol: str) -> None:
    judge, differing = JUDGES[protocol], []
    for recording in answers(protocol, streaming=True)[::3]:
        tolerant, strict = judge.readings(recording.answer)
        if not tolerant.failed and tolerant.differences(strict):
            differing.append(recording.id)
    assert len(differing) <= KNOWN[protocol], differing


def responses_stream(*, text: str = "hello", ended: str = "hello", final: str = "hello") -> bytes:
    """One message whose pieces, ended item and last event can be made to contradict each other."""

    def item(words: str) -> dict:
        part = {"type": "output_text", "text": words, "annotations": [], "logprobs": []}
        return {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }

    base = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": []}
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    events = [
        {"type": "response.created", "response": {**base, "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item(""), "content": []}},
        {"type": "response.content_part.added", **at, "part": item("")["content"][0]},
        {"type": "response.output_text.delta", **at, "delta": text, "logprobs": []},
        {"type": "response.output_item.done", "output_index": 0, "item": item(ended)},
        {
            "type": "response.completed",
            "response": {**base, "status": "completed", "output": [item(final)]},
        },
    ]
    lines = [json.dumps({**event, "sequence_number": number}) for number, event in enumerate(events)]
    return b"".join(f"data: {line}\n\n".encode() for line in lines)


@pytest.mark.parametrize("odd", [{}, {"text": "hell"}, {"ended": "hell"}, {"final": "hell"}])
def test_E75_pieces_items_and_the_last_event_of_responses_must_agree(odd: dict) -> None:
    read = JUDGES["openai_responses"].readings(responses_stream(**odd))[1]
    assert bool(read.failed) is bool(odd), read


def test_a_stream_of_gemini_finishes_once_and_in_its_last_chunk() -> None:
    def chunk(**more: object) -> dict:
        content = {"role": "model", "parts": [{"text": "x"}]}
        return {"candidates": [{"index": 0, "content": content, **more}], "responseId": "r"}

    def judged(*chunks: dict) -> str:
        body = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in chunks)
        return JUDGES["gemini"].readings(body)[1].failed

    last = chunk(finishReason="STOP")
    assert judged(chunk(), last) == ""
    assert judged(chunk()) != ""
    assert judged(last, chunk()) != ""
    assert judged(last, last) != ""
    assert judged(chunk(), {**last, "responseId": "other"}) != ""

"""Databricks' cursor route: asked in one form, answered in either."""

from pathlib import Path

import msgspec
import pytest

from trunkline.core.errors import Kind
from trunkline.core.events import Failed, Folder
from trunkline.core.facts import Facts
from trunkline.core.http import HttpHead
from trunkline.core.sse import SSEFramer
from trunkline.core.types import Response, Text, ToolCall
from trunkline.protocols.registry import CODECS, TARGETS

CURSOR, CHAT, RESPONSES = TARGETS["databricks_cursor"], CODECS["openai_chat"], CODECS["openai_responses"]
FIXTURES = Path(__file__).parents[1] / "fixtures" / "databricks"
MINIMAL = (
    b'data: {"choices":[{"delta":{"content":"Hel"}}]}\r\n\r\n'
    b'data: {"choices":[{"delta":{"content":"lo"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,'
    b'"completion_tokens":2}}\r\n\r\ndata: [DONE]\r\n\r\n'
)
"""As short as a gateway's stream gets: no id, no object, no index."""


def folded(stream: bytes) -> Response:
    framer, folder, decoder = SSEFramer(), Folder(), CURSOR.stream_decoder("origin")
    for frame in (*framer.feed(stream), *framer.close()):
        for event in decoder.feed(frame):
            folder.feed(event)
    for event in decoder.close():
        folder.feed(event)
    return folder.response()


def test_it_is_asked_as_in_responses() -> None:
    body = {
        "model": "m",
        "messages": [
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "seen"},
        ],
        "max_tokens": 9,
        "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
        "tool_choice": {"type": "function", "function": {"name": "look"}},
    }
    request = CHAT.decode_request(msgspec.json.encode(body))
    facts = Facts(provider="dbx", model="m")
    encoded = CURSOR.encode_request(request, facts)
    assert encoded == RESPONSES.encode_request(request, facts)
    sent = msgspec.json.decode(encoded.body)
    assert [item["type"] for item in sent["input"]] == ["message", "function_call", "function_call_output"]
    assert sent["tools"][0]["name"] == "look"
    assert sent["max_output_tokens"] == 9


def test_chunks_are_taken() -> None:
    response = folded(MINIMAL)
    assert response.content == (Text("Hello"),)
    recorded = folded((FIXTURES / "claude-chat-stream-parallel-tools.sse").read_bytes())
    assert [type(part) for part in recorded.content] == [Text, ToolCall, ToolCall]


def test_events_are_taken() -> None:
    response = folded((FIXTURES / "constructed" / "gpt-responses-stream-long-ids.sse").read_bytes())
    assert any(isinstance(part, (Text, ToolCall)) for part in response.content)


def test_whole_answers_are_taken_in_either_form() -> None:
    chat = b'{"choices":[{"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}]}'
    responses = (
        b'{"id":"resp_1","object":"response","status":"completed","output":[{"type":"message","id":"m","role":'
        b'"assistant","status":"completed","content":[{"type":"output_text","text":"Hello","annotations":[]}]}]}'
    )
    for body in (chat, responses):
        assert CURSOR.decode_response(body, "origin").content == (Text("Hello"),)


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\n',
        b'data: {"type":"response.created","response":{"id":"r","output":[]}}\n\n',
        b'data: {"error":{"message":"broken","type":"server_error"}}\n\n',
        b"data: nothing\n\n",
    ],
)
def test_what_does_not_end_well_fails(stream: bytes) -> None:
    framer, decoder = SSEFramer(), CURSOR.stream_decoder("origin")
    events = [event for frame in framer.feed(stream) for event in decoder.feed(frame)] + decoder.close()
    assert sum(isinstance(event, Failed) for event in events) == 1


def test_errors_mean_what_they_mean_elsewhere() -> None:
    body = b'{"error":{"message":"slow down","type":"rate_limit_error"}}'
    assert CURSOR.decode_error(HttpHead(429), body).kind is Kind.RATE_LIMITED

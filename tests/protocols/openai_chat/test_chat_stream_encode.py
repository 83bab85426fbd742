"""What Chat clients get: exact bytes."""

import json

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import (
    CitationDelta,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    SignatureDelta,
    Started,
    StreamEvent,
    unfold,
)
from trunkline.core.types import Opaque, Raw, Refusal, Response, Text, Thinking, ToolCall
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.codec import ReplyContext
from trunkline.protocols.openai_chat import OPENAI_CHAT

CONTEXT = ReplyContext(id="r1", model="asked", created=9)
HEAD = '{"id":"chatcmpl-r1","object":"chat.completion.chunk","created":9,"model":"asked","choices":['
END = [Finished(Stop("end"), Usage(input=3, cache_read=2, output=4, reasoning=1))]


def encode(*events: StreamEvent, usage: bool = False) -> bytes:
    context = ReplyContext(id="r1", model="asked", created=9, stream_usage=usage)
    encoder = OPENAI_CHAT.stream_encoder(context)
    return b"".join(encoder.feed(event) for event in events)


def deltas(data: bytes) -> list[dict[str, object]]:
    found = [json.loads(line[6:]) for line in data.decode().split("\n") if line.startswith("data: {")]
    for chunk in found:
        assert (chunk["id"], chunk["object"], chunk["created"], chunk["model"]) == (
            "chatcmpl-r1",
            "chat.completion.chunk",
            9,
            "asked",
        )
        assert all(choice["index"] == 0 for choice in chunk["choices"])
    return [chunk["choices"][0]["delta"] for chunk in found if chunk["choices"]]


def test_E86_text_byte_for_byte() -> None:
    got = encode(Started("up", "other"), PartStarted(0, Text("")), PartDelta(0, "Hé"), PartEnded(0), *END)
    assert got.decode() == (
        f'data: {HEAD}{{"index":0,"delta":{{"role":"assistant","content":""}},"finish_reason":null}}]}}\n\n'
        f'data: {HEAD}{{"index":0,"delta":{{"content":"Hé"}},"finish_reason":null}}]}}\n\n'
        f'data: {HEAD}{{"index":0,"delta":{{}},"finish_reason":"stop"}}]}}\n\n'
        "data: [DONE]\n\n"
    )


def test_E84_the_usage_chunk_only_when_asked_for_and_with_empty_choices() -> None:
    got = encode(Started("up", "m"), *END, usage=True).decode()
    usage = (
        '"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":4,"total_tokens":9,'
        '"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":1}}'
    )
    assert usage in got
    assert "usage" not in encode(Started("up", "m"), *END).decode()


def test_calls_as_the_strictest_clients_want_them() -> None:
    got = encode(
        Started("up", "m"),
        PartStarted(0, Text("")),
        PartDelta(0, "ok"),
        PartEnded(0),
        PartStarted(1, ToolCall(id="a", name="f", arguments="")),
        PartDelta(1, '{"x":'),
        PartDelta(1, "1}"),
        PartEnded(1),
        PartStarted(2, ToolCall(id="b", name="g", arguments="", proof="p")),
        PartDelta(2, "{}"),
        PartEnded(2),
        Finished(Stop("tool_use"), Usage()),
    )
    assert deltas(got)[2:-1] == [
        {
            "tool_calls": [
                {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 0, "type": "function", "function": {"arguments": '{"x":'}}]},
        {"tool_calls": [{"index": 0, "type": "function", "function": {"arguments": "1}"}}]},
        {
            "tool_calls": [
                {
                    "index": 1,
                    "id": "b",
                    "type": "function",
                    "function": {"name": "g", "arguments": ""},
                    "thoughtSignature": "p",
                }
            ]
        },
        {"tool_calls": [{"index": 1, "type": "function", "function": {"arguments": "{}"}}]},
    ]
    assert b'"finish_reason":"tool_calls"' in got


def test_custom_calls_stream_their_input() -> None:
    opening = ToolCall(id="a", name="patch", arguments="", kind="custom")
    got = encode(Started("u", "m"), PartStarted(0, opening), PartDelta(0, "*** Begin"), PartEnded(0))
    assert deltas(got)[1:] == [
        {
            "tool_calls": [
                {"index": 0, "id": "a", "type": "custom", "custom": {"name": "patch", "input": ""}}
            ]
        },
        {"tool_calls": [{"index": 0, "type": "custom", "custom": {"input": "*** Begin"}}]},
    ]


def test_E05_E07_reasoning_with_its_sealed_signature() -> None:
    got = encode(
        Started("u", "m"),
        PartStarted(0, Thinking(origin="maker")),
        PartDelta(0, "hm"),
        SignatureDelta(0, "s"),
        SignatureDelta(0, "ig"),
        PartEnded(0),
        PartStarted(1, Thinking(redacted="xyz", origin="maker")),
        PartEnded(1),
    )
    assert deltas(got)[1:] == [
        {
            "reasoning_content": "hm",
            "reasoning_details": [{"type": "reasoning.text", "text": "hm", "index": 0}],
        },
        {
            "reasoning_details": [
                {"type": "reasoning.text", "signature": "trunkline1.maker.sig", "index": 0}
            ]
        },
        {
            "reasoning_details": [
                {"type": "reasoning.encrypted", "data": "trunkline1.maker.xyz", "index": 1}
            ]
        },
    ]


def test_line_separators_are_escaped() -> None:
    got = encode(PartStarted(0, Text("")), PartDelta(0, "a\u2028b\u2029c"))
    assert b"\xe2\x80\xa8" not in got
    assert deltas(got) == [{"content": "a\u2028b\u2029c"}]


def test_a_failure_is_one_error_chunk_and_nothing_else() -> None:
    error = GatewayError(Kind.TRUNCATED, "the upstream's stream ended")
    got = encode(Started("u", "m"), Failed(error))
    assert got.endswith(
        b'data: {"error":{"message":"the upstream\'s stream ended","type":"server_error","param":null,'
        b'"code":"upstream_truncated"}}\n\n'
    )
    assert b"[DONE]" not in got
    assert b'"finish_reason":"' not in got


def test_citations_with_a_url_become_annotations() -> None:
    page = Opaque(
        "anthropic_messages", "web_search_result_location", Raw(b'{"url":"https://a.example","title":"A"}')
    )
    place = Opaque("anthropic_messages", "char_location", Raw(b'{"document_index":0}'))
    got = encode(
        PartStarted(0, Text("")), PartDelta(0, "abc"), CitationDelta(0, page), CitationDelta(0, place)
    )
    (note,) = deltas(got)[1:]
    assert note["annotations"] == [
        {
            "type": "url_citation",
            "url_citation": {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 3},
            "index": 0,
        }
    ]


def test_refusals() -> None:
    got = encode(
        PartStarted(0, Refusal("")), PartDelta(0, "no"), PartEnded(0), Finished(Stop("refusal"), Usage())
    )
    assert deltas(got)[0] == {"refusal": "no"}
    assert b'"finish_reason":"stop"' in got
    assert b'"finish_reason":"content_filter"' in encode(
        Started("u", "m"), Finished(Stop("refusal"), Usage())
    )


def test_server_activity_is_invisible() -> None:
    opaque = Opaque("anthropic_messages", "server_tool_use", Raw(b"{}"))
    assert encode(PartStarted(0, opaque), PartEnded(0)) == b""


def test_a_whole_answer_and_its_way_back() -> None:
    answer = Response(
        id="chatcmpl-r1",
        model="asked",
        content=(
            Thinking(text="hm", signature="sig", origin="maker"),
            Text("Hello"),
            ToolCall(id="a", name="f", arguments='{"x":1}'),
        ),
        stop=Stop("tool_use", "tool_calls"),
        usage=Usage(input=3, cache_read=2, cache_write=0, output=4, reasoning=1),
        created=9,
    )
    body = OPENAI_CHAT.encode_response(answer, CONTEXT)
    assert json.loads(body) == {
        "id": "chatcmpl-r1",
        "object": "chat.completion",
        "created": 9,
        "model": "asked",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hello",
                    "refusal": None,
                    "reasoning_content": "hm",
                    "reasoning_details": [
                        {
                            "type": "reasoning.text",
                            "text": "hm",
                            "signature": "trunkline1.maker.sig",
                            "index": 0,
                        }
                    ],
                    "tool_calls": [
                        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
                    ],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {
            "prompt_tokens": 5,
            "completion_tokens": 4,
            "total_tokens": 9,
            "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 1},
        },
    }
    back = OPENAI_CHAT.decode_response(body, "maker")
    thought = back.content[0]
    assert isinstance(thought, Thinking)
    assert thought.signature == "trunkline1.maker.sig"
    assert back.content[1:] == answer.content[1:]
    assert (back.stop, back.usage) == (answer.stop, answer.usage)


def test_streamed_and_whole_say_the_same() -> None:
    answer = Response(
        id="x",
        model="m",
        content=(Text("Hello"), ToolCall(id="a", name="f", arguments="{}")),
        stop=Stop("tool_use"),
        usage=Usage(),
    )
    streamed = deltas(encode(*unfold(answer)))
    message = json.loads(OPENAI_CHAT.encode_response(answer, CONTEXT))["choices"][0]["message"]
    assert "".join(str(delta.get("content", "")) for delta in streamed) == message["content"]
    assert message["tool_calls"][0]["id"] == "a"

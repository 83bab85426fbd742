"""The relay with the real rooms: every pair of client and upstream protocol, broken everywhere."""

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.kit import JSON, Bench, Script, ScriptedUpstream, WritingSink, provider
from relay.virtual import run
from trunkline.config.schema import Retry
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.sse import SSEFramer, SSEvent
from trunkline.protocols.codec import Peek
from trunkline.protocols.registry import CODECS

RESET = GatewayError(Kind.TRUNCATED, "reset", local=False)


def named(event: dict[str, object]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (str(event["type"]).encode(), msgspec.json.encode(event))


def data(event: dict[str, object]) -> bytes:
    return b"data: " + msgspec.json.encode(event) + b"\n\n"


def chat(delta: dict[str, object], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return data(
        {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "up", "choices": [choice]}
    )


CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "run", "arguments": ""}}
ARGUMENTS = ('{"command"', ':"ls 日本"', "}")
MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "I look \U0001f600", "annotations": []}],
}
FUNCTION = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "run",
    "arguments": "".join(ARGUMENTS),
    "status": "completed",
}
TEXT = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
ITEM = {"item_id": "fc_1", "output_index": 1}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "up",
    "error": None,
    "output": [MESSAGE, FUNCTION],
    "usage": {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18},
}


def content(part: dict[str, object], **more: object) -> bytes:
    candidate = {"content": {"parts": [part], "role": "model"}, "index": 0, **more}
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18}
    return data({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "up"})


TAPES: dict[str, list[bytes]] = {
    "openai_chat": [
        chat({"role": "assistant", "content": ""}),
        chat({"content": "I look \U0001f600"}),
        chat({"tool_calls": [CALL]}),
        *(chat({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in ARGUMENTS),
        chat({}, "tool_calls"),
        data(
            {
                "id": "c1",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "up",
                "choices": [],
                "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
            }
        ),
        b"data: [DONE]\n\n",
    ],
    "anthropic_messages": [
        named(
            {
                "type": "message_start",
                "message": {
                    "id": "msg_1",
                    "type": "message",
                    "role": "assistant",
                    "model": "up",
                    "content": [],
                    "stop_reason": None,
                    "stop_sequence": None,
                    "usage": {"input_tokens": 11, "output_tokens": 1},
                },
            }
        ),
        named({"type": "ping"}),
        named({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        named(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": "I look \U0001f600"},
            }
        ),
        named({"type": "content_block_stop", "index": 0}),
        named(
            {
                "type": "content_block_start",
                "index": 1,
                "content_block": {"type": "tool_use", "id": "call_1", "name": "run", "input": {}},
            }
        ),
        *(
            named(
                {
                    "type": "content_block_delta",
                    "index": 1,
                    "delta": {"type": "input_json_delta", "partial_json": piece},
                }
            )
            for piece in ARGUMENTS
        ),
        named({"type": "content_block_stop", "index": 1}),
        named(
            {
                "type": "message_delta",
                "delta": {"stop_reason": "tool_use", "stop_sequence": None},
                "usage": {"output_tokens": 7},
            }
        ),
        named({"type": "message_stop"}),
    ],
    "openai_responses": [
        named(
            {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "output": []}}
        ),
        named(
            {"type": "response.output_item.added", "output_index": 0, "item": {**MESSAGE, "content": []}}
        ),
        named(
            {
                **TEXT,
                "type": "response.content_part.added",
                "part": {"type": "output_text", "text": "", "annotations": []},
            }
        ),
        named({**TEXT, "type": "response.output_text.delta", "delta": "I look \U0001f600"}),
        named({**TEXT, "type": "response.output_text.done", "text": "I look \U0001f600"}),
        named({"type": "response.output_item.done", "output_index": 0, "item": MESSAGE}),
        named(
            {"type": "response.output_item.added", "output_index": 1, "item": {**FUNCTION, "arguments": ""}}
        ),
        *(
            named({**ITEM, "type": "response.function_call_arguments.delta", "delta": piece})
            for piece in ARGUMENTS
        ),
        named(
            {**ITEM, "type": "response.function_call_arguments.done", "arguments": FUNCTION["arguments"]}
        ),
        named({"type": "response.output_item.done", "output_index": 1, "item": FUNCTION}),
        named({"type": "response.completed", "response": {**RESPONSE, "status": "completed"}}),
    ],
    "gemini": [
        content({"text": "I look \U0001f600"}),
        content({"functionCall": {"id": "call_1", "name": "run", "args": {"command": "ls 日本"}}}),
        content({"text": ""}, finishReason="STOP"),
    ],
}
OPENING = {
    "openai_chat": 2,
    "anthropic_messages": 5,
    "openai_responses": 6,
    "gemini": 1,
}
"""Events of each tape before the call."""
TURN: dict[str, dict[str, object]] = {
    "openai_chat": {"max_tokens": 100, "messages": [{"role": "user", "content": "go"}]},
    "anthropic_messages": {"max_tokens": 100, "messages": [{"role": "user", "content": "go"}]},
    "openai_responses": {"max_output_tokens": 100, "input": "go", "store": False},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "go"}]}]},
}
REQUESTS = {
    name: msgspec.json.encode(body if name == "gemini" else {"model": "asked", "stream": True, **body})
    for name, body in TURN.items()
}
END = {
    "openai_chat": b'"finish_reason":"',
    "anthropic_messages": b'"message_stop"',
    "openai_responses": b'"type":"response.completed"',
    "gemini": b'"finishReason"',
}
"""What only a stream that is complete holds, by protocol."""
ERROR = {
    "openai_chat": b'data: {"error"',
    "anthropic_messages": b"event: error",
    "openai_responses": b"event: response.failed",
    "gemini": b'data: {"error"',
}
PAIRS = pytest.mark.parametrize(("client", "upstream"), list(itertools.product(CODECS, CODECS)))


def bench(script: Script, upstream: str) -> Bench:
    return Bench(
        ScriptedUpstream(script),
        (provider("one", upstream),),
        retry=Retry(per_target=0),
        codecs=dict(CODECS),
    )


def frames(sink: WritingSink) -> list[SSEvent]:
    framer = SSEFramer()
    return [*framer.feed(sink.body), *framer.close()]


def ask(it: Bench, client: str, sink: WritingSink | None = None) -> WritingSink:
    """One streamed turn; Gemini says model and stream flag outside the body."""
    sink = WritingSink() if sink is None else sink
    inbound = it.inbound(REQUESTS[client], protocol=client)
    if client == "gemini":
        inbound = msgspec.structs.replace(inbound, peek=Peek("asked", True))
    run(it.build().run(inbound, sink))
    return sink


def ended(sink: WritingSink, client: str) -> bool:
    """Whether the client sees a finished answer."""
    return any(frame.data == b"[DONE]" or END[client] in frame.data for frame in frames(sink))


def errors(sink: WritingSink, client: str) -> int:
    return sink.body.count(ERROR[client])


@PAIRS
def test_a_turn_with_a_call_comes_through(client: str, upstream: str) -> None:
    it = bench(Script(TAPES[upstream]), upstream)
    sink = ask(it, client)
    response = CODECS[client].stream_decoder("x")
    from trunkline.core.events import fold
    from trunkline.core.types import Text, ToolCall

    events = [event for frame in frames(sink) for event in response.feed(frame)] + response.close()
    folded = fold(events)
    assert [part for part in folded.content if isinstance(part, Text)] == [Text("I look \U0001f600")]
    (call,) = [part for part in folded.content if isinstance(part, ToolCall)]
    assert call.arguments.replace(" ", "") == "".join(ARGUMENTS).replace(" ", "")
    assert folded.stop.reason == "tool_use"
    (record,) = it.records
    assert record.outcome == "ok"
    assert record.usage is not None
    assert (record.usage.input, record.usage.output) == (11, 7)
    assert record.stop is not None
    assert record.stop.reason == "tool_use"
    if client == upstream:
        assert sink.body == b"".join(TAPES[upstream])
        assert it.upstream.requests[0].body == REQUESTS[client].replace(b"asked", b"one-model")


@PAIRS
@pytest.mark.parametrize("clean", [True, False], ids=["closed", "reset"])
def test_T01_T02_E3_broken_after_every_event(client: str, upstream: str, clean: bool) -> None:
    tape = TAPES[upstream]
    for count in range(len(tape)):
        it = bench(Script([*tape[:count], *(() if clean else (RESET,))]), upstream)
        sink = WritingSink()
        try:
            ask(it, client, sink)
        except GatewayError:
            assert sink.status is None
            continue
        if it.records[0].outcome == "ok":
            assert any(END[upstream] in frame for frame in tape[:count])
            assert errors(sink, client) == 0
        else:
            assert errors(sink, client) == 1, (count, sink.body)
            assert b"[DONE]" not in sink.body
            assert not (ended(sink, client) and client != upstream), (count, sink.body)


@PAIRS
def test_T03_cut_at_every_byte_of_the_arguments(client: str, upstream: str) -> None:
    tape = TAPES[upstream]
    first = OPENING[upstream]
    before, inside = (
        b"".join(tape[:first]),
        b"".join(tape[first : first + 4 if upstream != "gemini" else first + 1])[:-1],
    )
    for cut in range(0, len(inside), 3):
        it = bench(Script([before + inside[:cut]]), upstream)
        sink = ask(it, client)
        assert errors(sink, client) == 1
        assert not ended(sink, client)
        assert it.records[0].outcome in ("truncated", "error")
        if client == "anthropic_messages" and client != upstream:
            stops = [frame for frame in frames(sink) if b'"content_block_stop","index":1' in frame.data]
            assert stops == []


@settings(max_examples=60)
@given(
    client=st.sampled_from(sorted(CODECS)),
    upstream=st.sampled_from(sorted(CODECS)),
    cuts=st.lists(st.integers(0, 3000), max_size=12),
)
def test_T04_E1_E118_cutting_never_changes_the_answer(client: str, upstream: str, cuts: list[int]) -> None:
    tape = b"".join(TAPES[upstream])
    edges = [0, *sorted(cut for cut in cuts if cut < len(tape)), len(tape)]
    chunks = [piece for start, end in itertools.pairwise(edges) if (piece := tape[start:end])]
    whole = ask(bench(Script([tape]), upstream), client)
    cut = ask(bench(Script(chunks), upstream), client)
    assert cut.body == whole.body
    assert "\ufffd" not in cut.body.decode()


@PAIRS
def test_T16_silence_is_an_error_in_the_clients_protocol(client: str, upstream: str) -> None:
    tape = TAPES[upstream]
    it = bench(Script([*tape[: min(4, len(tape) - 1)], 999.0]), upstream)
    sink = ask(it, client)
    assert errors(sink, client) == 1
    assert b"up.idle" in sink.pieces[-1]
    assert not ended(sink, client)
    assert "timeout=up.idle" in (it.records[0].error or "")


@PAIRS
def test_T22_an_upstream_error_comes_out_in_the_clients_protocol(client: str, upstream: str) -> None:
    refusal = b'{"error":{"type":"rate_limit_error","message":"slow down","code":"rate_limit_exceeded"}}'
    headers = (("retry-after", "600"), *JSON)
    it = bench(Script([refusal], status=429, headers=headers), upstream)
    with pytest.raises(GatewayError) as raised:
        ask(it, client)
    assert raised.value.kind is Kind.RATE_LIMITED
    assert raised.value.retry_after == 600
    reply = CODECS[client].encode_error(raised.value, "r1")
    assert reply.status == 429
    assert b"slow down" in reply.body
    assert dict(reply.headers)["retry-after"] == "600"


@PAIRS
def test_E67_signs_of_life_are_what_a_client_of_the_protocol_skips(client: str, upstream: str) -> None:
    """Before the first event and inside the stream; a comment line would end Gemini CLI's answer."""
    tape = TAPES[upstream]
    at = OPENING[upstream]
    it = bench(Script([40.0, *tape[:at], 40.0, *tape[at:]]), upstream)
    sink = ask(it, client)
    signs = [
        piece for piece in sink.pieces if not piece.strip() or piece.startswith((b":", b"event: ping"))
    ]
    assert len(signs) == 4
    assert errors(sink, client) == 0
    assert ended(sink, client)
    if client == "gemini":
        assert set(signs) == {b"\n\n"}
        assert b"\n:" not in sink.body


SPACED = {
    "openai_responses": b'{"model" : "asked",\n "input":[ {"role":"user", "content":"\\u00e9\\/"} ],"unknown": 1e2, "store":false}',
    "gemini": b'{ "contents" :[{"parts": [ {"text":"\\u00e9\\/", "unknown":1e2} ]}], "new" :{"a":1} }',
}
ODD_ANSWER = {
    "openai_responses": b'{ "output":[] ,"status":"completed", "id":"r", "usage":{"input_tokens":11,"output_tokens":7}, "x":1e2}',
    "gemini": b'{ "candidates":[{"finishReason":"STOP" ,"content":{"parts":[]}}], "x":1e2,\n "usageMetadata":{"promptTokenCount":11,"candidatesTokenCount":7}}',
}


@pytest.mark.parametrize("protocol", SPACED)
def test_E104_same_protocol_same_bytes(protocol: str) -> None:
    it = bench(Script([ODD_ANSWER[protocol]], headers=JSON), protocol)
    inbound = it.inbound(SPACED[protocol], protocol=protocol)
    if protocol == "gemini":
        inbound = msgspec.structs.replace(inbound, peek=Peek("asked"))
    sink = WritingSink()
    run(it.build().run(inbound, sink))
    assert sink.body == ODD_ANSWER[protocol]
    assert it.upstream.requests[0].body == SPACED[protocol].replace(b'"asked"', b'"one-model"')
    (record,) = it.records
    assert record.usage is not None
    assert (record.usage.input, record.usage.output) == (11, 7)

"""Edge cases of translation between the two protocols, by their numbers; bodies in, bodies out."""

import json
from typing import Any

import pytest

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import fold
from trunkline.core.facts import Facts
from trunkline.core.http import HttpHead
from trunkline.core.losses import Loss
from trunkline.core.types import Text, Thinking, ToolCall
from trunkline.protocols.codec import Codec, Encoded, ReplyContext
from trunkline.protocols.registry import CODECS
from wire import translate
from wire.recordings import answers

MESSAGES, CHAT = CODECS["anthropic_messages"], CODECS["openai_chat"]
CONTEXT = ReplyContext(
    id="0a1b2c3d4e5f6a7b8c9d0e1f", model="asked", created=1_700_000_000, input_estimate=321
)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}

Body = dict[str, Any]


def to_chat(body: Body, **facts: Any) -> tuple[Body, Encoded]:
    base = {"model": "claude", "max_tokens": 2048, "messages": [{"role": "user", "content": "hi"}]}
    encoded = CHAT.encode_request(MESSAGES.decode_request(json.dumps(base | body).encode()), Facts(**facts))
    return json.loads(encoded.body), encoded


def to_messages(body: Body, **facts: Any) -> tuple[Body, Encoded]:
    base = {"model": "gpt", "messages": [{"role": "user", "content": "hi"}]}
    encoded = MESSAGES.encode_request(CHAT.decode_request(json.dumps(base | body).encode()), Facts(**facts))
    return json.loads(encoded.body), encoded


def lost(encoded: Encoded) -> str:
    return " ".join(loss.field for loss in encoded.losses)


def use(ident: str, name: str = "get_weather", **arguments: object) -> Body:
    return {"type": "tool_use", "id": ident, "name": name, "input": arguments}


def result(ident: str, content: object, **more: object) -> Body:
    return {"type": "tool_result", "tool_use_id": ident, "content": content, **more}


def tool(name: str = "get_weather", **more: object) -> Body:
    return {"name": name, "description": "d", "input_schema": SCHEMA, **more}


def turns(*messages: tuple[str, object]) -> list[Body]:
    return [{"role": role, "content": content} for role, content in messages]


def test_E11_reasoning_content_comes_back_in_every_turn_with_calls() -> None:
    history = turns(
        ("user", "a"),
        ("assistant", [use("toolu_1", city="x")]),
        ("user", [result("toolu_1", "1")]),
    )
    body, _ = to_chat({"messages": history}, reasoning_history="reasoning_content", reasoning_required=True)
    turn = next(message for message in body["messages"] if message.get("tool_calls"))
    assert turn["reasoning_content"] == ""


def test_E11_without_the_need_nothing_is_added() -> None:
    history = turns(("user", "a"), ("assistant", [use("toolu_1")]), ("user", [result("toolu_1", "1")]))
    body, _ = to_chat({"messages": history})
    assert all("reasoning_content" not in message for message in body["messages"])


def test_E17_think_tags_in_text_stay_text() -> None:
    answer = {
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "<think>a</think>b"},
                "finish_reason": "stop",
            }
        ]
    }
    content = CHAT.decode_response(json.dumps(answer).encode(), "o").content
    assert content == (Text("<think>a</think>b"),)


def test_E29_the_flag_of_fine_grained_streaming_stays_behind() -> None:
    body, _ = to_chat({"tools": [tool(eager_input_streaming=True)]})
    assert "eager_input_streaming" not in json.dumps(body)


def test_E37_a_failed_result_says_so_and_its_mark_is_read_back() -> None:
    history = turns(
        ("user", "a"),
        ("assistant", [use("toolu_1", city="x")]),
        ("user", [result("toolu_1", "no such city", is_error=True)]),
    )
    body, _ = to_chat({"messages": history})
    outcome = next(message for message in body["messages"] if message["role"] == "tool")
    assert "no such city" in json.dumps(outcome)
    assert outcome["content"] != "no such city"
    back, _ = to_messages({"messages": body["messages"]})
    returned = next(part for part in back["messages"][-1]["content"] if part["type"] == "tool_result")
    assert returned["is_error"] is True


def test_E38_a_schema_without_properties_gets_them_for_chat() -> None:
    bare = {"name": "now", "input_schema": {"type": "object"}}
    body, _ = to_chat({"tools": [bare]})
    assert body["tools"][0]["function"]["parameters"]["properties"] == {}


def test_E38_a_function_without_parameters_gets_a_schema_for_messages() -> None:
    body, _ = to_messages({"tools": [{"type": "function", "function": {"name": "now"}}]})
    assert body["tools"][0]["input_schema"]["type"] == "object"


def test_E39_strict_is_only_sent_when_it_was_asked_for() -> None:
    body, _ = to_chat({"tools": [tool()]})
    assert not body["tools"][0]["function"].get("strict")


def test_E40_long_tool_names_are_shortened_alike_everywhere_and_mapped_back() -> None:
    long = "mcp__" + "a_very_long_server_name_" * 3 + "__read"
    other = long[:-4] + "rite"
    history = turns(
        ("user", "a"), ("assistant", [use("toolu_1", long, city="x")]), ("user", [result("toolu_1", "1")])
    )
    asked = {
        "tools": [tool(long), tool(other)],
        "tool_choice": {"type": "tool", "name": long},
        "messages": history,
    }
    body, encoded = to_chat(asked, tool_name_limit=64)
    names = [one["function"]["name"] for one in body["tools"]]
    assert all(len(name) <= 64 for name in names)
    assert len(set(names)) == 2
    assert [encoded.tool_names[name] for name in names] == [long, other]
    call = next(message for message in body["messages"] if message.get("tool_calls"))["tool_calls"][0]
    assert call["function"]["name"] == names[0] == body["tool_choice"]["function"]["name"]
    again, _ = to_chat(asked, tool_name_limit=64)
    assert again == body


def test_E44_a_word_for_failure_is_a_failure() -> None:
    stream = b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"error"}]}\n\ndata: [DONE]\n\n'
    with pytest.raises(GatewayError):
        fold(translate.events([stream], "openai_chat"))


def test_E46_a_paused_turn_is_not_a_tool_call_for_a_chat_client() -> None:
    answer = {
        "type": "message", "id": "msg_1", "role": "assistant", "model": "m", "stop_reason": "pause_turn",
        "stop_sequence": None, "content": [{"type": "text", "text": "so far"}],
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip
    decoded = MESSAGES.decode_response(json.dumps(answer).encode(), "o")
    assert (decoded.stop.reason, decoded.stop.raw) == ("pause", "pause_turn")
    assert json.loads(CHAT.encode_response(decoded, CONTEXT))["choices"][0]["finish_reason"] == "stop"
    assert json.loads(MESSAGES.encode_response(decoded, CONTEXT))["stop_reason"] == "pause_turn"


def test_E47_forced_choice_and_thinking_never_go_together() -> None:
    asked = {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
        "tool_choice": "required",
        "reasoning_effort": "high",
    }
    body, _ = to_messages(asked, reasoning="budget", max_output_tokens=32000)
    forced = body.get("tool_choice", {}).get("type") in {"any", "tool"}
    thinks = body.get("thinking", {}).get("type") in {"enabled", "adaptive"}
    assert forced != thinks


def test_E47_none_takes_no_parallel_flag() -> None:
    asked = {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
        "tool_choice": "none",
        "parallel_tool_calls": False,
    }
    body, _ = to_messages(asked)
    assert body["tool_choice"] == {"type": "none"}


@pytest.mark.parametrize(
    ("kind", "name", "field"),
    [("bash_20250124", "bash", "command"), ("text_editor_20250728", "str_replace_based_edit_tool", "path")],
)
def test_E48_typed_client_tools_become_functions_with_their_schema(
    kind: str, name: str, field: str
) -> None:
    body, _ = to_chat({"tools": [{"type": kind, "name": name}]})
    function = body["tools"][0]["function"]
    assert function["name"] == name
    assert field in function["parameters"]["properties"]


def test_E52_several_calls_are_split_into_pairs_where_only_one_is_taken() -> None:
    history = turns(
        ("user", "a"),
        ("assistant", [use("toolu_1", city="x"), use("toolu_2", city="y")]),
        ("user", [result("toolu_1", "1"), result("toolu_2", "2")]),
    )
    body, _ = to_chat({"messages": history}, single_calls=True)
    assert [len(message.get("tool_calls", [])) for message in body["messages"]] == [0, 1, 0, 1, 0]
    assert [message.get("tool_call_id") for message in body["messages"]] == [
        None,
        None,
        "toolu_1",
        None,
        "toolu_2",
    ]


@pytest.mark.parametrize(("null", "content"), [(True, None), (False, "")])
def test_E56_an_assistant_turn_of_calls_alone_has_the_content_its_server_wants(
    null: bool, content: object
) -> None:
    history = turns(
        ("user", "a"), ("assistant", [use("toolu_1", city="x")]), ("user", [result("toolu_1", "1")])
    )
    body, _ = to_chat({"messages": history}, null_content=null)
    turn = next(message for message in body["messages"] if message.get("tool_calls"))
    assert turn["content"] == content


def test_E58_system_blocks_keep_their_order() -> None:
    system = [{"type": "text", "text": text} for text in ("first", "second", "third")]
    body, _ = to_chat({"system": system})
    sent = json.dumps(body["messages"][0])
    assert sent.index("first") < sent.index("second") < sent.index("third")


def test_E63_a_long_user_id_is_made_short_and_stays_the_same() -> None:
    ident = json.dumps({"device_id": "d" * 64, "session_id": "s" * 36})
    first, _ = to_chat({"metadata": {"user_id": ident}})
    second, _ = to_chat({"metadata": {"user_id": ident}})
    other, _ = to_chat({"metadata": {"user_id": ident + "x"}})
    names = [body.get("user") or body.get("safety_identifier") for body in (first, second, other)]
    assert names[0] == names[1] != names[2]
    assert 0 < len(names[0]) <= 64


def chat_stream(*chunks: Body, done: bool = True) -> bytes:
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    body = b"".join(b"data: " + json.dumps(base | chunk).encode() + b"\n\n" for chunk in chunks)
    return body + (b"data: [DONE]\n\n" if done else b"")


def delta(finish: str | None = None, **fields: object) -> Body:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def messages_frames(source: bytes, context: ReplyContext = CONTEXT) -> list[Body]:
    encoder = MESSAGES.stream_encoder(context)
    body = b"".join(encoder.feed(event) for event in translate.events([source], "openai_chat"))
    return [json.loads(line[6:]) for line in body.split(b"\n") if line.startswith(b"data: ")]


def test_E65_usage_stands_at_the_start_as_an_estimate_and_true_at_the_end() -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 400}}
    frames = messages_frames(
        chat_stream(delta(role="assistant", content="hi"), delta("stop"), {"choices": [], "usage": usage})
    )
    assert frames[0]["message"]["usage"]["input_tokens"] == CONTEXT.input_estimate
    final = next(frame for frame in frames if frame["type"] == "message_delta")["usage"]
    assert (final["input_tokens"], final["cache_read_input_tokens"], final["output_tokens"]) == (
        600,
        400,
        5,
    )


def test_E68_arguments_are_sent_as_they_come_and_never_held_back() -> None:
    encoder, decoder = MESSAGES.stream_encoder(CONTEXT), CHAT.stream_decoder("o")
    pieces = ['{"a"', ': "', "b" * 20, '"}']
    opening = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
    chunks = [delta(role="assistant", tool_calls=[opening])]
    chunks += [delta(tool_calls=[{"index": 0, "function": {"arguments": piece}}]) for piece in pieces]
    from trunkline.core.sse import SSEvent

    for chunk, piece in zip(chunks[1:], pieces, strict=True):
        if chunk is chunks[1]:
            decoder_events = decoder.feed(SSEvent(json.dumps(chunks[0]).encode()))
            for event in decoder_events:
                encoder.feed(event)
        out = b"".join(encoder.feed(event) for event in decoder.feed(SSEvent(json.dumps(chunk).encode())))
        assert json.dumps(piece)[1:-1].encode() in out


def test_E90_sampling_knobs_a_model_refuses_stay_behind_with_a_note() -> None:
    body, encoded = to_chat({"temperature": 0.5, "top_k": 4}, sampling=False)
    assert "temperature" not in body
    assert "top_k" not in body
    assert "temperature" in lost(encoded)
    assert "top_k" in lost(encoded)


def test_E90_temperature_or_top_p_where_both_are_too_many() -> None:
    body, encoded = to_messages({"temperature": 0.5, "top_p": 0.9}, temperature_with_top_p=False)
    assert ("temperature" in body) != ("top_p" in body)
    assert encoded.losses


def test_E91_max_tokens_is_above_the_thinking_budget() -> None:
    body, _ = to_messages({"max_tokens": 500, "reasoning_effort": "high"}, reasoning="budget")
    assert body["thinking"]["budget_tokens"] >= 1024
    assert body["max_tokens"] > body["thinking"]["budget_tokens"]


def test_E91_a_capped_limit_shrinks_the_budget() -> None:
    body, _ = to_messages(
        {"max_tokens": 500, "reasoning_effort": "high"}, reasoning="budget", max_output_tokens=8000
    )
    assert 1024 <= body["thinking"]["budget_tokens"] < body["max_tokens"] <= 8000


def test_E92_effort_is_not_sent_to_a_model_without_it() -> None:
    body, encoded = to_chat({"thinking": {"type": "enabled", "budget_tokens": 4096}}, reasoning="none")
    assert "reasoning_effort" not in body
    assert encoded.losses


def test_E92_a_level_the_model_lacks_moves_to_the_nearest() -> None:
    asked = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}
    body, _ = to_chat(asked, reasoning="effort", effort_levels=("low", "medium", "high"))
    assert body["reasoning_effort"] == "high"


def test_E103_at_most_four_cache_marks_and_none_on_empty_text() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    parts = [{"type": "text", "text": "" if at == 5 else f"part {at}", **mark} for at in range(7)]
    messages = turns(("user", parts), ("assistant", "ok"), ("user", "go"))
    body, _ = to_messages({"messages": [{"role": "user", "content": parts}]})
    assert [part["text"] for part in body["messages"][0]["content"] if "cache_control" in part] == [
        "part 2", "part 3", "part 4", "part 6"
    ]  # fmt: skip
    marked, _ = to_chat({"messages": messages}, cache_marks=True)
    assert json.dumps(marked).count('"ephemeral"') >= 1


def test_E105_cache_marks_go_bare_and_on_lists_to_those_who_take_them() -> None:
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    asked = {"system": [{"type": "text", "text": "long", **mark}]}
    taken, _ = to_chat(asked, cache_marks=True, cache_ttl=False)
    part = taken["messages"][0]["content"][0]
    assert part["cache_control"] == {"type": "ephemeral"}
    refused, _ = to_chat(asked, cache_marks=False)
    assert "cache_control" not in json.dumps(refused)


TOO_LONG = [
    ("openai_chat", {"error": {"message": "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.", "code": "context_length_exceeded", "type": "invalid_request_error"}}),
    ("anthropic_messages", {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000 maximum"}}),
]  # fmt: skip


@pytest.mark.parametrize(("source", "body"), TOO_LONG)
def test_E106_too_long_is_recognised_and_says_what_claude_code_acts_on(source: str, body: Body) -> None:
    error = CODECS[source].decode_error(HttpHead(400), json.dumps(body).encode())
    assert error.kind is Kind.CONTEXT_TOO_LONG
    told = json.loads(MESSAGES.encode_error(error, "r").body)["error"]
    assert told["type"] == "invalid_request_error"
    assert "prompt is too long" in told["message"]
    assert json.loads(CHAT.encode_error(error, "r").body)["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize("source", CODECS)
def test_E108_the_wait_an_upstream_asks_for_reaches_the_client(source: str) -> None:
    head = HttpHead(429, (("content-type", "application/json"), ("retry-after", "7")))
    error = CODECS[source].decode_error(
        head, b'{"error": {"message": "slow down", "type": "rate_limit_error"}}'
    )
    assert (error.kind, error.retry_after) == (Kind.RATE_LIMITED, 7)
    for codec in CODECS.values():
        reply = codec.encode_error(error, "r")
        assert dict(reply.headers)["retry-after"] == "7"
        assert reply.status == 429


def test_E108_a_spent_quota_is_not_throttling() -> None:
    body = b'{"error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}}'
    assert CHAT.decode_error(HttpHead(429), body).kind is Kind.QUOTA


def test_E108_overload_has_its_own_word_in_messages() -> None:
    error = MESSAGES.decode_error(
        HttpHead(529), b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    )
    assert error.kind is Kind.OVERLOADED
    assert json.loads(MESSAGES.encode_error(error, "r").body)["error"]["type"] == "overloaded_error"
    assert CHAT.encode_error(error, "r").status in {503, 529}


def test_E111_context_management_stays_behind_with_a_note() -> None:
    body, encoded = to_chat({"context_management": {"edits": [{"type": "clear_thinking_20251015"}]}})
    assert "context_management" not in body
    assert "context_management" in lost(encoded)


def test_E120_a_forced_tool_stands_in_for_structured_output() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    body, encoded = to_messages({"response_format": wanted}, structured="tool")
    assert encoded.structured_tool in [one["name"] for one in body["tools"]]
    assert body["tool_choice"] == {"type": "tool", "name": encoded.structured_tool}
    native, _ = to_messages({"response_format": wanted}, structured="native")
    assert native["output_config"]["format"]["schema"] == SCHEMA


def test_E124_unknown_blocks_do_not_shift_the_others() -> None:
    def frame(kind: str, **fields: object) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()

    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip
    stream = (
        frame("message_start", message=message)
        + frame("content_block_start", index=0, content_block={"type": "fallback", "model": "other"})
        + frame("content_block_stop", index=0)
        + frame("content_block_start", index=1, content_block={"type": "text", "text": ""})
        + frame("content_block_delta", index=1, delta={"type": "text_delta", "text": "hello"})
        + frame("content_block_stop", index=1)
        + frame("content_block_start", index=2, content_block=use("toolu_1", city="x") | {"input": {}})
        + frame(
            "content_block_delta",
            index=2,
            delta={"type": "input_json_delta", "partial_json": '{"city":"x"}'},
        )
        + frame("content_block_stop", index=2)
        + frame(
            "message_delta",
            delta={"stop_reason": "tool_use", "stop_sequence": None},
            usage={"output_tokens": 3},
        )
        + frame("message_stop")
    )
    encoder = CHAT.stream_encoder(CONTEXT)
    out = b"".join(encoder.feed(event) for event in translate.events([stream], "anthropic_messages"))
    answer = fold(translate.events([out], "openai_chat"))
    assert [part for part in answer.content if isinstance(part, Text)] == [Text("hello")]
    assert [part.name for part in answer.content if isinstance(part, ToolCall)] == ["get_weather"]


def test_E12_a_proof_rides_in_what_the_client_echoes() -> None:
    """The stateless way: sealed into the signature for Messages, into reasoning_details for Chat."""
    thought = Thinking(text="because", signature="c2lnbmF0dXJl", origin="0123456789abcdef")
    answer = {
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "x",
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": "because", "signature": thought.signature}
                    ],
                },
                "finish_reason": "stop",
            }
        ]
    }
    decoded = CHAT.decode_response(json.dumps(answer).encode(), "0123456789abcdef")
    assert decoded.content[0] == thought
    block = json.loads(MESSAGES.encode_response(decoded, CONTEXT))["content"][0]
    assert block["signature"] != thought.signature
    history = {
        "model": "m", "max_tokens": 9,
        "messages": turns(("user", "a"), ("assistant", [block, {"type": "text", "text": "x"}]), ("user", "b")),
    }  # fmt: skip
    back = MESSAGES.decode_request(json.dumps(history).encode()).messages[1].content[0]
    assert back == thought


def test_losses_name_a_field_and_a_reason() -> None:
    _, encoded = to_chat({"top_k": 4, "container": "c", "mcp_servers": [], "speed": "fast"})
    assert encoded.losses
    assert all(isinstance(loss, Loss) and loss.field and loss.why for loss in encoded.losses)


def test_E15_a_whole_answer_beside_an_empty_delta_keeps_its_text() -> None:
    """Perplexity fills in both."""
    choice = {
        "index": 0,
        "delta": {"role": "assistant", "content": ""},
        "message": {"role": "assistant", "content": "hello"},
        "finish_reason": "stop",
    }
    answer = CHAT.decode_response(json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode(), "o")
    assert answer.content == (Text("hello"),)


@pytest.mark.parametrize(("native", "stop"), [("max_output_tokens", "length"), ("tool_calls", "tool_use")])
def test_E28_a_relay_that_calls_a_cut_off_call_finished_is_not_believed(native: str, stop: str) -> None:
    call = {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": '{"a": 1}'},
    }
    last = delta("tool_calls", content="")
    last["choices"][0]["native_finish_reason"] = native
    answer = fold(
        translate.events([chat_stream(delta(role="assistant", tool_calls=[call]), last)], "openai_chat")
    )
    assert answer.stop.reason == stop


def test_E101_tokens_reported_as_read_and_written_count_once() -> None:
    usage = {
        "prompt_tokens": 2168,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 2161, "cache_write_tokens": 2161},
    }
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    answer = CHAT.decode_response(json.dumps({"choices": [choice], "usage": usage}).encode(), "o")
    assert (answer.usage.prompt, answer.usage.input, answer.usage.cache_read) == (2168, 7, 2161)


def test_streamed_citations_are_numbered_for_clients_that_add_up_by_index() -> None:
    source = "anthropic_messages"
    cited = [one for one in answers(source, streaming=True) if "citations_delta" in one.answer.decode()]
    found = 0
    for recording in cited:
        body = translate.stream([recording.answer], source, "openai_chat")
        chunks = [json.loads(line[6:]) for line in body.split(b"\n") if line.startswith(b"data: {")]
        deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
        numbers = [note["index"] for one in deltas for note in one.get("annotations", ())]
        assert numbers == list(range(len(numbers))), recording
        found += len(numbers)
    assert found > 10


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_E1_a_body_that_is_not_utf8_is_refused_wherever_the_fault_is(codec: Codec) -> None:
    messages = b'"messages": [{"role": "user", "content": [{"type": "text", "text": "a\xf0\x9fb"}]}]'
    tools = b'"tools": [{"type": "web_search_20250305", "name": "web\xedsearch"}]'
    fine = b'"messages": [{"role": "user", "content": "a"}]'
    for broken in (messages, fine + b", " + tools):
        with pytest.raises(GatewayError) as caught:
            codec.decode_request(b'{"model": "m", "max_tokens": 5, ' + broken + b"}")
        assert caught.value.kind is Kind.INVALID_REQUEST

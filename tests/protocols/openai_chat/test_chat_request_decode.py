"""Clients' requests to the neutral form."""

import json

import pytest

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.proofs import seal
from trunkline.core.types import (
    Audio,
    CacheMark,
    Document,
    Extra,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Raw,
    Reasoning,
    Refusal,
    Request,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from trunkline.protocols.openai_chat import OPENAI_CHAT

USER = {"role": "user", "content": "hi"}


def decode(*messages: object, **fields: object) -> Request:
    body = {"model": "m", "messages": list(messages) or [USER], **fields}
    return OPENAI_CHAT.decode_request(json.dumps(body).encode())


def content(*messages: object) -> tuple[object, ...]:
    return decode(*messages).messages[-1].content


def refusal(body: bytes) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        OPENAI_CHAT.decode_request(body)
    assert caught.value.kind is Kind.INVALID_REQUEST
    assert caught.value.should_retry is False
    return caught.value


def test_the_smallest_request() -> None:
    assert decode() == Request(
        protocol="openai_chat", model="m", messages=(Message("user", (Text("hi"),)),)
    )


def test_every_knob() -> None:
    request = decode(
        stream=True,
        stream_options={"include_usage": True},
        max_completion_tokens=5,
        max_tokens=7,
        temperature=1,
        top_p=0.5,
        top_k=3,
        stop="END",
        seed=4,
        frequency_penalty=0.1,
        presence_penalty=-0.1,
        safety_identifier="u",
        service_tier="flex",
        prompt_cache_key="k",
        parallel_tool_calls=False,
        metadata={"a": "b"},
        n=2,
        store=None,
    )
    assert (request.stream, request.stream_usage, request.max_tokens, request.user) == (True, True, 5, "u")
    assert request.sampling == Sampling(
        temperature=1.0,
        top_p=0.5,
        top_k=3,
        stop=("END",),
        seed=4,
        frequency_penalty=0.1,
        presence_penalty=-0.1,
    )
    assert (request.service_tier, request.prompt_cache_key, request.parallel_tool_calls) == (
        "flex",
        "k",
        False,
    )
    assert request.choices == 2
    assert request.extras == (Extra("metadata", Raw(b'{"a": "b"}')),)
    assert decode(stop=["a", "b"]).sampling.stop == ("a", "b")


def test_instructions_lead_or_stay_in_place() -> None:
    request = decode(
        {"role": "developer", "content": "a"},
        {
            "role": "system",
            "content": [{"type": "text", "text": "b", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        },
        USER,
        {"role": "developer", "content": "late"},
    )
    assert request.system == (Text("a"), Text("b", (), CacheMark("1h")))
    assert request.messages[1] == Message("developer", (Text("late"),))


def test_E61_images() -> None:
    def image(url: object) -> object:
        return content({"role": "user", "content": [{"type": "image_url", "image_url": url}]})[0]

    assert image({"url": "data:image/jpg;base64,AA,BB", "detail": "low"}) == Image(
        media_type="image/jpeg", data="AA,BB", detail="low"
    )
    assert image("data:image/png;name=x,AAAA") == Image(media_type="image/png", data="AAAA")
    assert image({"url": "https://a.example/x.png"}) == Image(url="https://a.example/x.png")


def test_other_parts() -> None:
    pdf = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JV"}}
    stored = {"type": "file", "file": {"file_id": "file-1"}}
    sound = {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}
    odd = {"type": "video_url", "video_url": {"url": "x"}}
    parts = content({"role": "user", "content": [pdf, stored, sound, odd, "plain"]})
    assert parts[:3] == (
        Document(media_type="application/pdf", data="JV", title="a.pdf"),
        Document(file_id="file-1"),
        Audio(data="UklG", format="wav"),
    )
    unknown = parts[3]
    assert isinstance(unknown, Opaque)
    assert (unknown.kind, json.loads(bytes(unknown.raw))) == ("video_url", odd)
    assert parts[4] == Text("plain")


def test_E31_a_run_of_results_is_one_turn_in_order() -> None:
    calls = [
        {"id": name, "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
        for name in ("a", "b")
    ]
    request = decode(
        USER,
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "user", "content": "go"},
    )
    assert request.messages[1:] == (
        Message(
            "assistant",
            (
                ToolCall(id="a", name="f", arguments='{"x": 1}'),
                ToolCall(id="b", name="f", arguments='{"x": 1}'),
            ),
        ),
        Message(
            "user",
            (ToolResult(call_id="b", content=(Text("2"),)), ToolResult(call_id="a", content=(Text("1"),))),
        ),
        Message("user", (Text("go"),)),
    )


def test_E37_our_own_error_prefix_is_recognised() -> None:
    assert content({"role": "tool", "tool_call_id": "a", "content": "Error: gone"}) == (
        ToolResult(call_id="a", content=(Text("gone"),), is_error=True),
    )


@pytest.mark.parametrize("arguments", ["", "  ", None])
def test_E24_empty_arguments_in_history(arguments: object) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
    assert content({"role": "assistant", "tool_calls": [call]}) == (
        ToolCall(id="a", name="f", arguments="{}"),
    )


def test_E26_object_arguments_and_custom_calls_and_proofs() -> None:
    calls = [
        {
            "id": "a",
            "type": "function",
            "function": {"name": "f", "arguments": {"x": 1.0}},
            "thoughtSignature": "p",
        },
        {"id": "b", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}},
    ]
    assert content({"role": "assistant", "content": "", "tool_calls": calls}) == (
        ToolCall(id="a", name="f", arguments='{"x":1.0}', proof="p"),
        ToolCall(id="b", name="patch", arguments="*** Begin", kind="custom"),
    )


def test_E88_the_legacy_function_fields() -> None:
    request = decode(
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
        functions=[{"name": "f", "parameters": {"type": "object"}}],
        function_call={"name": "f"},
    )
    (call,) = request.messages[1].content
    (result,) = request.messages[2].content
    assert isinstance(call, ToolCall)
    assert isinstance(result, ToolResult)
    assert call.id == result.call_id
    assert request.tools == (Tool(name="f", schema=Raw(b'{"type": "object"}')),)
    assert request.tool_choice == ToolChoice("tool", "f")


def test_E05_reasoning_comes_back_under_its_names() -> None:
    def turn(**fields: object) -> tuple[object, ...]:
        return content({"role": "assistant", "content": "x", **fields})

    assert turn(reasoning_content="hm") == (Thinking(text="hm"), Text("x"))
    assert turn(reasoning="hm") == (Thinking(text="hm"), Text("x"))
    details = [
        {"type": "reasoning.text", "text": "h", "index": 0},
        {"type": "reasoning.text", "text": "m", "index": 0},
        {"type": "reasoning.text", "signature": seal("sig", "maker"), "index": 0},
        {"type": "reasoning.encrypted", "data": seal("xyz", "maker"), "index": 1},
    ]
    assert turn(reasoning_details=details, reasoning_content="hm") == (
        Thinking(text="hm", signature="sig", origin="maker"),
        Thinking(redacted="xyz", origin="maker"),
        Text("x"),
    )
    only_proof = [{"type": "reasoning.text", "signature": seal("sig", "maker")}]
    assert turn(reasoning_details=only_proof, reasoning_content="hm") == (
        Thinking(text="hm", signature="sig", origin="maker"),
        Text("x"),
    )
    foreign = [{"type": "reasoning.text", "text": "hm", "signature": "bare"}]
    assert turn(reasoning_details=foreign) == (Thinking(text="hm", signature="bare"), Text("x"))


def test_E16_reasoning_in_the_content_list() -> None:
    reasoning = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm", "signature": "s"}]}
    assert content({"role": "assistant", "content": [reasoning, {"type": "text", "text": "x"}]}) == (
        Thinking(text="hm", signature="s"),
        Text("x"),
    )


def test_refusals_in_history() -> None:
    assert content({"role": "assistant", "content": None, "refusal": "no"}) == (Refusal("no"),)


def test_tools_and_their_choice() -> None:
    function = {
        "type": "function",
        "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
        "cache_control": {"type": "ephemeral"},
    }
    custom = {"type": "custom", "custom": {"name": "patch", "format": {"type": "text"}}}
    request = decode(tools=[function, custom, {"type": "web_search"}], tool_choice="required")
    assert request.tools == (
        Tool(name="f", description="d", schema=Raw(b'{"type": "object"}'), strict=True, cache=CacheMark()),
        Tool(name="patch", kind="custom", raw=Raw(b'{"type": "text"}')),
        Tool(name="web_search", kind="server", vendor_type="web_search"),
    )
    assert request.tool_choice == ToolChoice("any")
    assert decode(tool_choice={"type": "custom", "custom": {"name": "p"}}).tool_choice == ToolChoice(
        "tool", "p"
    )
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]}
    assert decode(
        tool_choice={"type": "allowed_tools", "allowed_tools": allowed}
    ).tool_choice == ToolChoice("any", None, ("f",))


@pytest.mark.parametrize(
    ("fields", "reasoning"),
    [
        ({"reasoning_effort": "low"}, Reasoning(effort="low")),
        ({"reasoning_effort": "none"}, Reasoning(mode="off")),
        ({"reasoning": {"effort": "high"}}, Reasoning(effort="high")),
        ({"reasoning": {"max_tokens": 2000}}, Reasoning(mode="budget", budget=2000)),
        ({"reasoning": {"enabled": False}}, Reasoning(mode="off")),
        ({"reasoning": {"enabled": True}}, Reasoning(mode="adaptive")),
        ({"thinking": {"type": "enabled", "budget_tokens": 4000}}, Reasoning(mode="budget", budget=4000)),
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
            Reasoning(mode="adaptive", effort="max"),
        ),
        ({"thinking": {"type": "disabled"}}, Reasoning(mode="off")),
        ({"reasoning": {}}, None),
        ({}, None),
    ],
)
def test_reasoning_settings(fields: dict[str, object], reasoning: Reasoning | None) -> None:
    assert decode(**fields).reasoning == reasoning


def test_output_formats() -> None:
    schema = {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
    }
    assert decode(response_format=schema).output_format == OutputFormat(
        kind="json_schema", name="n", schema=Raw(b'{"type": "object"}'), strict=True
    )
    assert decode(response_format={"type": "json_object"}).output_format == OutputFormat(kind="json_object")
    assert decode(response_format={"type": "text"}).output_format is None


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (b'{"messages":[{"role":"user","content":"x"}]}', "model", "Missing required parameter: 'model'."),
        (b'{"model":"m"}', "messages", "Missing required parameter: 'messages'."),
        (b'{"model":"m","messages":[]}', "messages", "Invalid 'messages': empty array."),
        (
            b'{"model":"m","messages":[{"role":1}]}',
            "messages[0].role",
            "Invalid type for 'messages[0].role': expected a string, but got an integer instead.",
        ),
        (
            b'{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":5}]}]}',
            "messages[0].content[0].text",
            "Invalid type for 'messages[0].content[0].text': expected a string, but got an integer instead.",
        ),
        (b'{"model":"m","messages":[{"role":"king"}]}', "messages[0].role", "Invalid value: 'king'."),
        (
            b'{"model":"m","messages":[{"role":"tool","content":"x"}]}',
            "messages[0].tool_call_id",
            "Missing required",
        ),
        (
            b'{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"a","type":"function"}]}]}',
            "messages[0].tool_calls[0].function.name",
            "Missing required",
        ),
        (
            b'{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"ftp://x"}}]}]}',
            "messages[0].content[0].image_url.url",
            "Invalid 'messages[0].content[0].image_url.url'",
        ),
        (
            b'{"model":"m","messages":[{"role":"user"}],"tool_choice":"maybe"}',
            "tool_choice",
            "Invalid value: 'maybe'.",
        ),
        (b'{"model":"m","messages":[{"role":"user"}],"temperature":"hot"}', "temperature", "Invalid type"),
        (
            b"[1]",
            None,
            "Invalid type for 'the request body': expected an object, but got an array instead.",
        ),
        (b'{"model":', None, "We could not parse the JSON body"),
        (b"\xff\xfe", None, "We could not parse the JSON body"),
    ],
)
def test_what_is_wrong_is_said_with_its_path(body: bytes, field: str | None, message: str) -> None:
    error = refusal(body)
    assert error.message.startswith(message)
    if field is not None:
        assert error.field == field


def test_E122_half_an_emoji_in_a_request() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"x\\ud83d"}]}'
    assert OPENAI_CHAT.decode_request(body).messages[0].content == (Text("x\ufffd"),)


def test_unknown_fields_anywhere_are_harmless() -> None:
    body = json.dumps(
        {
            "model": "m",
            "messages": [{**USER, "x_new": {"a": [1]}}],
            "x_new": {"a": [1.0]},
            "stream_options": {"x": 1},
        }
    )
    assert OPENAI_CHAT.decode_request(body.encode()).extras == (Extra("x_new", Raw(b'{"a": [1.0]}')),)


def test_peek_and_rename() -> None:
    body = b'{ "messages": [], "model":"a\\u0062", "stream": true }'
    peeked = OPENAI_CHAT.peek(body)
    assert (peeked.model, peeked.stream) == ("ab", True)
    assert OPENAI_CHAT.rename(body, "new") == b'{ "messages": [], "model":"new", "stream": true }'
    with pytest.raises(GatewayError, match="model"):
        OPENAI_CHAT.peek(b"{}")
    with pytest.raises(GatewayError, match="model"):
        OPENAI_CHAT.peek(b'{"model": ""}')

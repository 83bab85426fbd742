"""Requests of clients, down to the last block."""

import msgspec
import pytest
from msgspec import Raw

from protocols.anthropic_messages.room import ROOM, body, raw, recorded
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.proofs import seal
from trunkline.core.types import (
    CacheMark,
    Document,
    Extra,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

decode = ROOM.decode_request


def part(block: object, role: str = "user") -> Part:
    """The one part that a block becomes."""
    [message] = decode(body(messages=[{"role": role, "content": [block]}])).messages
    [found] = message.content
    return found


def test_the_plain_request() -> None:
    request = decode(
        b'{"model":"claude","max_tokens":1024,"stream":true,"system":"Be brief.",'
        b'"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"text","text":"Yo"}]}],'
        b'"stop_sequences":["END"],"temperature":0.5,"top_p":0.9,"top_k":5,"metadata":{"user_id":"u"},'
        b'"service_tier":"auto","cache_control":{"type":"ephemeral","ttl":"1h"}}'
    )
    assert request.model == "claude"
    assert request.max_tokens == 1024
    assert request.stream is True
    assert request.system == (Text("Be brief."),)
    assert request.messages == (Message("user", (Text("Hi"),)), Message("assistant", (Text("Yo"),)))
    assert (request.sampling.temperature, request.sampling.top_p, request.sampling.top_k) == (0.5, 0.9, 5)
    assert request.sampling.stop == ("END",)
    assert (request.user, request.service_tier, request.cache) == ("u", "auto", CacheMark("1h"))
    assert request.extras == ()


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}},
            Text("x", (), CacheMark()),
        ),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
            Image(media_type="image/png", data="iVBO"),
        ),
        ({"type": "image", "source": {"type": "url", "url": "https://x/y"}}, Image(url="https://x/y")),
        ({"type": "image", "source": {"type": "file", "file_id": "file_1"}}, Image(file_id="file_1")),
        (
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                "title": "T",
                "context": "C",
                "citations": {"enabled": True},
            },
            Document(media_type="application/pdf", data="JVBERi0=", title="T", context="C", citations=True),
        ),
        (
            {"type": "document", "source": {"type": "url", "url": "https://x/y"}},
            Document(url="https://x/y"),
        ),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
            Document(media_type="text/plain", text="words"),
        ),
        (
            {"type": "document", "source": {"type": "content", "content": "words"}},
            Document(parts=(Text("words"),)),
        ),
        (
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
            Document(parts=(Text("a"),)),
        ),
        ({"type": "document", "source": {"type": "file", "file_id": "f"}}, Document(file_id="f")),
        (
            {"type": "tool_result", "tool_use_id": "t", "content": "out", "is_error": True},
            ToolResult(call_id="t", content=(Text("out"),), is_error=True),
        ),
        ({"type": "tool_result", "tool_use_id": "t"}, ToolResult(call_id="t")),
    ],
)
def test_user_blocks(block: object, expected: Part) -> None:
    assert part(block) == expected


def test_a_result_holds_images_documents_and_references() -> None:
    found = part(
        {
            "type": "tool_result",
            "tool_use_id": "t",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                },
                {"type": "tool_reference", "tool_name": "WebSearch"},
            ],
        }
    )
    assert isinstance(found, ToolResult)
    text, image, document, reference = found.content
    assert (text, image) == (Text("a"), Image(media_type="image/png", data="iVBO"))
    assert isinstance(document, Document)
    assert isinstance(reference, Opaque)
    assert reference.kind == "tool_reference"
    assert reference.text is not None
    assert "WebSearch" in reference.text
    assert msgspec.json.decode(reference.raw) == {"type": "tool_reference", "tool_name": "WebSearch"}


def test_arguments_stay_as_they_were_written() -> None:
    message = b'{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":{ "b" : 1.0,"a":"\\u00e9"}}]}'
    request = decode(b'{"model":"m","max_tokens":1,"messages":[' + message + b"]}")
    assert request.messages[0].content == (
        ToolCall(id="t", name="n", arguments='{ "b" : 1.0,"a":"\\u00e9"}'),
    )


def test_E24_null_input_is_an_empty_object() -> None:
    found = part({"type": "tool_use", "id": "t", "name": "n", "input": None}, "assistant")
    assert found == ToolCall(id="t", name="n", arguments="{}")


def test_unparsed_tool_input_comes_out_as_the_text_it_was() -> None:
    wrapped = {"__unparsedToolInput": {"raw": '{"path": "a', "len": 11}}
    found = part({"type": "tool_use", "id": "t", "name": "n", "input": wrapped}, "assistant")
    assert found == ToolCall(id="t", name="n", arguments='{"path": "a')


def test_E7_E8_signatures_are_unsealed_with_their_origin() -> None:
    sealed = seal("sig", "0123456789abcdef")
    assert part({"type": "thinking", "thinking": "t", "signature": sealed}, "assistant") == Thinking(
        text="t", signature="sig", origin="0123456789abcdef"
    )
    assert part({"type": "thinking", "thinking": "t", "signature": "native"}, "assistant") == Thinking(
        text="t", signature="native"
    )
    assert part(
        {"type": "thinking", "thinking": "t", "signature": seal(None, "abc")}, "assistant"
    ) == Thinking(text="t", origin="abc")
    assert part({"type": "thinking", "thinking": "t"}, "assistant") == Thinking(text="t")


def test_E9_redacted_thinking_is_kept() -> None:
    assert part({"type": "redacted_thinking", "data": "xyz"}, "assistant") == Thinking(redacted="xyz")
    assert part({"type": "redacted_thinking", "data": seal("xyz", "abc")}, "assistant") == Thinking(
        redacted="xyz", origin="abc"
    )


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (
            {
                "type": "search_result",
                "source": "https://s",
                "title": "T",
                "content": [{"type": "text", "text": "body"}],
            },
            ["T", "https://s", "body"],
        ),
        (
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}},
            ["web_search", '"query":"q"'],
        ),
        (
            {
                "type": "web_search_tool_result",
                "tool_use_id": "s",
                "content": [
                    {
                        "type": "web_search_result",
                        "title": "Page",
                        "url": "https://p",
                        "encrypted_content": "EEE",
                    }
                ],
            },
            ["Page", "https://p"],
        ),
        (
            {"type": "mcp_tool_result", "tool_use_id": "m", "content": [{"type": "text", "text": "r"}]},
            ["r"],
        ),
        ({"type": "compaction", "content": "what went before"}, ["what went before"]),
    ],
)
def test_blocks_of_this_protocol_only_are_opaque_with_a_rendering(
    block: dict[str, object], words: list[str]
) -> None:
    found = part(block, "assistant")
    assert isinstance(found, Opaque)
    assert found.kind == block["type"]
    assert msgspec.json.decode(found.raw) == block
    assert found.text is not None
    assert all(word in found.text for word in words)
    assert "EEE" not in found.text


def test_an_unknown_block_is_kept_and_its_neighbours_are_read() -> None:
    request = decode(
        body(
            messages=[
                {"role": "user", "content": [{"type": "hologram", "x": [1]}, {"type": "text", "text": "t"}]}
            ]
        )
    )
    unknown, text = request.messages[0].content
    assert isinstance(unknown, Opaque)
    assert (unknown.kind, unknown.text, text) == ("hologram", None, Text("t"))


def test_an_image_from_an_unknown_source_is_opaque() -> None:
    found = part({"type": "image", "source": {"type": "satellite"}})
    assert isinstance(found, Opaque)
    assert found.kind == "image"


def test_E57_system_messages_stand_where_they_stood() -> None:
    request = decode(
        body(
            messages=[
                {"role": "user", "content": "a"},
                {"role": "system", "content": "s", "output_config": {"effort": "low"}},
                {"role": "assistant", "content": "b"},
                {"role": "system", "content": []},
            ],
            output_config={"effort": "high"},
        )
    )
    assert [message.role for message in request.messages] == ["user", "system", "assistant", "system"]
    assert request.messages[1].content == (Text("s"),)
    assert request.messages[3].content == ()
    assert request.reasoning == Reasoning(effort="low")


def test_tools_of_every_kind() -> None:
    bash = {"type": "bash_20250124", "name": "bash"}
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
    mcp = {"type": "mcp_toolset", "mcp_server_name": "files"}
    request = decode(
        body(
            tools=[
                {
                    "name": "Read",
                    "description": "d",
                    "input_schema": {"type": "object"},
                    "strict": True,
                    "defer_loading": True,
                    "cache_control": {"type": "ephemeral"},
                },
                {"type": "custom", "name": "Plain", "input_schema": {"type": "object"}},
                bash,
                search,
                mcp,
            ]
        )
    )
    read, plain, *vendor = request.tools
    assert read == Tool(
        name="Read",
        description="d",
        schema=read.schema,
        strict=True,
        deferred=True,
        cache=CacheMark(),
    )
    assert read.schema is not None
    assert bytes(read.schema) == b'{"type":"object"}'
    assert plain.kind == "function"
    assert [(tool.name, tool.kind, tool.vendor_type) for tool in vendor] == [
        ("bash", "client", "bash_20250124"),
        ("web_search", "server", "web_search_20250305"),
        ("files", "server", "mcp_toolset"),
    ]
    assert [msgspec.json.decode(tool.raw or b"") for tool in vendor] == [bash, search, mcp]


def test_E51_beta_fields_of_tools_are_noted_once_and_kept_on_the_tool() -> None:
    tool = {"name": "a", "input_schema": {}, "eager_input_streaming": True}
    request = decode(body(tools=[tool, {**tool, "name": "b"}, {**tool, "name": "c", "novel": 1}]))
    assert [extra.name for extra in request.extras] == ["tools.eager_input_streaming", "tools.novel"]
    assert [msgspec.json.decode(found.raw or b"") for found in request.tools] == [
        {"eager_input_streaming": True},
        {"eager_input_streaming": True},
        {"eager_input_streaming": True, "novel": 1},
    ]


@pytest.mark.parametrize(
    ("wire", "choice", "parallel"),
    [
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice("any"), False),
        ({"type": "tool", "name": "Read"}, ToolChoice("tool", "Read"), None),
        ({"type": "none"}, ToolChoice("none"), None),
    ],
)
def test_tool_choice(wire: object, choice: ToolChoice, parallel: bool | None) -> None:
    request = decode(body(tool_choice=wire))
    assert (request.tool_choice, request.parallel_tool_calls) == (choice, parallel)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"thinking": {"type": "enabled", "budget_tokens": 31999, "display": "omitted"}},
            Reasoning(mode="budget", budget=31999, display="omitted"),
        ),
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
            Reasoning(mode="adaptive", effort="max"),
        ),
        ({"thinking": {"type": "disabled"}}, Reasoning(mode="off")),
        ({"thinking": None}, None),
        ({}, None),
    ],
)
def test_thinking(fields: dict[str, object], expected: Reasoning | None) -> None:
    assert decode(body(**fields)).reasoning == expected


@pytest.mark.parametrize("spelling", ["output_config", "output_format"])
def test_structured_output_in_both_spellings(spelling: str) -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}
    fields: dict[str, object] = {spelling: {"format": form} if spelling == "output_config" else form}
    found = decode(body(**fields)).output_format
    assert isinstance(found, OutputFormat)
    assert found.kind == "json_schema"
    assert found.schema is not None
    assert bytes(found.schema) == b'{"type":"object"}'


def test_what_the_vocabulary_has_no_word_for_is_an_extra() -> None:
    request = decode(
        body(
            context_management={"edits": []},
            betas_of_tomorrow=[1],
            output_config={"effort": "low", "task_budget": 5},
            metadata={"user_id": "u", "team": "t"},
        )
    )
    assert sorted((extra.name, bytes(extra.raw)) for extra in request.extras) == [
        ("betas_of_tomorrow", b"[1]"),
        ("context_management", b'{"edits":[]}'),
        ("metadata.team", b'"t"'),
        ("output_config.task_budget", b"5"),
    ]


def test_the_open_way_reads_what_the_fast_way_reads() -> None:
    fast = decode(recorded("claude-code-toolsearch"))
    whole = recorded("claude-code-toolsearch")
    slow = decode(whole[:-1] + b',"novel":1}')
    assert slow.extras == (Extra("novel", slow.extras[0].raw), *fast.extras)
    assert msgspec.structs.replace(slow, extras=()) == msgspec.structs.replace(fast, extras=())


@pytest.mark.parametrize("name", ["toolsearch", "readimage", "read-pdf", "think", "compact"])
def test_recorded_claude_code_requests(name: str) -> None:
    request = decode(recorded(f"claude-code-{name}"))
    assert request.reasoning == Reasoning(mode="adaptive", effort="medium", display="omitted")
    assert [extra.name for extra in request.extras][-1] == "context_management"
    assert len(request.system) == 3
    assert all(tool.kind == "function" and tool.schema for tool in request.tools)


def test_E50_a_recorded_request_with_a_deferred_tool() -> None:
    tools = decode(recorded("deferred")).tools
    assert [(tool.name, tool.deferred) for tool in tools] == [("get_weather", False), ("search_logs", True)]


def test_E57_a_recorded_late_instruction() -> None:
    request = decode(recorded("late-system"))
    assert [message.role for message in request.messages] == ["user", "assistant", "user", "system"]
    assert request.system == (Text("You are a code reviewer."),)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "The request body is not valid JSON: Input data was truncated"),
        (b"[]", "Input should be an object"),
        (b'{"messages":[]}', "model: Field required"),
        (b'{"model":"m"}', "messages: Field required"),
        (b'{"model":1,"messages":[]}', "model: Input should be a valid string"),
        (b'{"model":"m","messages":{}}', "messages: Input should be a valid list"),
        (b'{"model":"m","messages":[7]}', "messages.0: Input should be an object"),
        (b'{"model":"m","messages":[{"role":"user"}]}', "messages.0.content: Field required"),
        (
            b'{"model":"m","messages":[{"role":"bob","content":"x"}]}',
            "messages.0.role: Invalid enum value 'bob'",
        ),
        (
            b'{"model":"m","messages":[{"role":"user","content":[]},'
            b'{"role":"user","content":[{"type":"text","text":3}]}]}',
            "messages.1.content.0.text: Input should be a valid string",
        ),
        (
            b'{"model":"m","messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t",'
            b'"content":[{"type":"text"}]}]}]}',
            "messages.0.content.0.content.0.text: Field required",
        ),
        (
            b'{"model":"m","messages":[],"max_tokens":"x"}',
            "max_tokens: Input should be a valid integer or null",
        ),
        (b'{"model":"m","messages":[],"tools":[{"input_schema":{}}]}', "tools.0.name: Field required"),
        (
            b'{"model":"m","messages":[],"tool_choice":{"type":"some"}}',
            "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'",
        ),
        (b'{"model":"m","messages":[],"thinking":7}', "thinking: Input should be an object"),
    ],
)
def test_a_wrong_request_is_a_400_with_the_path(data: bytes, message: str) -> None:
    with pytest.raises(GatewayError) as caught:
        decode(data)
    assert (caught.value.kind, caught.value.status) == (Kind.INVALID_REQUEST, 400)
    assert caught.value.message == message


def test_a_missing_max_tokens_is_left_open() -> None:
    assert decode(b'{"model":"m","messages":[]}').max_tokens is None


def test_E122_half_a_surrogate_pair_does_not_break_a_request() -> None:
    text = b"a \\ud83d b \\\\ud83d c \\ud83d\\ude00"
    data = b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"' + text + b'"}]}'
    assert decode(data).messages[0].content == (Text("a \ufffd b \\ud83d c \U0001f600"),)
    assert ROOM.peek(data).model == "m"
    assert ROOM.rename(data, "other").startswith(b'{"model":"other"')


def test_half_a_pair_does_not_hide_that_a_body_is_no_text() -> None:
    tool = b'{"name":"t","input_schema":{"required":["curren\xe3y"]}}'
    data = (
        b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"\\ud83d"}],"tools":['
        + tool
        + b"]}"
    )
    with pytest.raises(GatewayError, match="utf-8"):
        decode(data)


def test_peek_reads_the_ends_and_falls_back_to_all() -> None:
    messages = [{"role": "user", "content": '"stream":true, "model":"no"'}]
    at_front = body(stream=True, messages=messages)
    assert (ROOM.peek(at_front).model, ROOM.peek(at_front).stream) == ("m", True)
    at_end = msgspec.json.encode({"model": "m", "messages": messages, "stream": True})
    assert ROOM.peek(at_end).stream is True
    tricky = msgspec.json.encode({"model": "m", "messages": messages, 'x,"stream': True})
    assert ROOM.peek(tricky).stream is False
    in_the_middle = msgspec.json.encode({"messages": messages, "stream": True, "model": "z", "tools": []})
    assert (ROOM.peek(in_the_middle).model, ROOM.peek(in_the_middle).stream) == ("z", True)
    with pytest.raises(GatewayError, match="model: Field required"):
        ROOM.peek(b'{"messages":[]}')
    with pytest.raises(GatewayError, match="stream"):
        ROOM.peek(b'{"model":"m","stream":"yes"}')
    with pytest.raises(GatewayError, match="not valid JSON"):
        ROOM.peek(b"model=m")


def test_rename_touches_nothing_else() -> None:
    data = b'{ "messages": [ {"role":"user","content":"\\u00e9"} ],\n "model" : "a", "x":1.0}'
    assert ROOM.rename(data, "b/c") == data.replace(b'"a"', b'"b/c"')


def test_raw_values_outlive_the_body() -> None:
    assert isinstance(decode(body(container={"id": "c"})).extras[0].raw, Raw)
    assert raw({"a": 1}) == raw({"a": 1})

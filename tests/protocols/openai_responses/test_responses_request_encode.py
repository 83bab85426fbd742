"""Neutral requests to Responses upstreams: exact bodies, by facts."""

import json
from typing import Any

import pytest
from msgspec import structs

from protocols.openai_responses.room import REQUESTS, ROOM, lost, recorded, request, sent
from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.types import (
    CacheMark,
    Document,
    Extra,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Raw,
    Reasoning,
    Request,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

OWN = Facts(provider="p", model="m")
CALL = ToolCall(id="c1", name="f", arguments='{"a":1}')
RESULT = ToolResult(call_id="c1", content=(Text("1"),))
SCHEMA = Raw(
    b'{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}'
)


def asked(*messages: Message, **fields: Any) -> Request:
    base = Request(
        protocol="anthropic_messages", model="m", messages=messages or (Message("user", (Text("hi"),)),)
    )
    return structs.replace(base, **fields)


def user(*parts: Part) -> Message:
    return Message("user", parts)


def said(*parts: Part) -> Message:
    return Message("assistant", parts)


def items(*messages: Message, **facts: Any) -> list[dict[str, Any]]:
    return sent(asked(*messages), **facts)[0]["input"]


def test_a_small_request_is_these_bytes() -> None:
    encoded = ROOM.encode_request(asked(max_tokens=9, system=(Text("sys"),), stream=True), Facts())
    assert encoded.body == (
        b'{"model":"m","store":false,"instructions":"sys","input":[{"type":"message","role":"user",'
        b'"content":[{"type":"input_text","text":"hi"}]}],"max_output_tokens":9,"stream":true}'
    )
    assert encoded.losses == ()


def test_E14_reasoning_stands_directly_before_its_item_and_has_no_id() -> None:
    proven = Thinking(text="hm", signature="gAAA", origin=OWN.origin)
    found = items(
        user(Text("q")), said(proven, Text("a"), proven, CALL), user(RESULT), provider="p", model="m"
    )
    assert [item["type"] for item in found] == [
        "message", "reasoning", "message", "reasoning", "function_call", "function_call_output",
    ]  # fmt: skip
    assert found[1] == {
        "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAA",
    }  # fmt: skip


def test_E14_reasoning_that_nothing_follows_is_dropped() -> None:
    proven = Thinking(text="hm", signature="gAAA", origin=OWN.origin)
    body, result = sent(
        asked(user(Text("q")), said(Text("a"), proven), user(Text("b"))), provider="p", model="m"
    )
    assert [item["type"] for item in body["input"]] == ["message", "message", "message"]
    assert lost(result) == {"input.reasoning"}


@pytest.mark.parametrize(
    "thought",
    [
        Thinking(text="hm", signature="sig", origin="another"),
        Thinking(text="hm", signature="sig"),
        Thinking(redacted="data", origin=OWN.origin),
        Thinking(text="hm", origin=OWN.origin),
    ],
)
def test_E8_thinking_of_others_and_without_proof_stays_behind(thought: Thinking) -> None:
    body, result = sent(asked(user(Text("q")), said(thought, CALL), user(RESULT)), provider="p", model="m")
    assert "reasoning" not in json.dumps(body)
    assert lost(result) == {"messages.thinking"}


def test_E11_servers_that_want_reasoning_back_get_its_text() -> None:
    thought = Thinking(text="hm", origin=OWN.origin)
    found = items(
        user(Text("q")),
        said(thought, CALL),
        user(RESULT),
        provider="p",
        model="m",
        reasoning_history="reasoning_content",
    )
    assert found[1] == {
        "type": "reasoning",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "hm"}],
    }


def test_E20_long_ids_are_shortened_alike_for_call_and_result() -> None:
    ident = "call_x|fc_" + "y" * 80
    found = items(
        user(Text("q")), said(structs.replace(CALL, id=ident)), user(structs.replace(RESULT, call_id=ident))
    )
    assert found[1]["call_id"] == found[2]["call_id"]
    assert len(found[1]["call_id"]) <= 64
    assert items(user(Text("q")), said(CALL), user(RESULT))[1]["call_id"] == "c1"


def test_E30_E32_results_follow_their_calls_in_call_order_before_other_words() -> None:
    second = ToolCall(id="c2", name="g", arguments="{}")
    found = items(
        user(Text("q")),
        said(CALL, second),
        user(Text("also"), ToolResult(call_id="c2", content=(Text("2"),)), RESULT),
    )
    assert [item.get("call_id") for item in found] == [None, "c1", "c2", "c1", "c2", None]
    assert [item.get("output") for item in found[3:5]] == ["1", "2"]
    assert found[5]["content"] == [{"type": "input_text", "text": "also"}]


def test_E34_a_result_nobody_asked_for_becomes_text() -> None:
    found = items(user(RESULT))
    assert found == [
        {"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "Result of an earlier tool call (c1):"},
            {"type": "input_text", "text": "1"},
        ]},
    ]  # fmt: skip


def test_E34_but_not_when_the_provider_remembers_the_call() -> None:
    body, _ = sent(
        request(
            previous_response_id="resp_1",
            input=[{"type": "function_call_output", "call_id": "c1", "output": "1"}],
        )
    )
    assert body["input"] == [{"type": "function_call_output", "call_id": "c1", "output": "1"}]
    assert body["previous_response_id"] == "resp_1"


def test_E35_a_missing_result_is_made_up_as_unknown() -> None:
    found = items(user(Text("q")), said(CALL), user(Text("go on")))
    assert found[2]["type"] == "function_call_output"
    assert found[2]["output"] == "Error: no result was recorded for this call; whether it ran is unknown"


def test_E36_E37_results_with_pictures_and_errors() -> None:
    picture = Image(media_type="image/png", data="aGk=")
    failed = ToolResult(call_id="c1", content=(Text("no"), picture), is_error=True)
    found = items(user(Text("q")), said(CALL), user(failed))
    assert found[2]["output"] == [
        {"type": "input_text", "text": "Error: no"},
        {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
    ]
    only = items(user(Text("q")), said(CALL), user(structs.replace(failed, content=(picture,))))
    assert only[2]["output"][0] == {"type": "input_text", "text": "Error: "}


def test_E24_arguments_are_always_an_object() -> None:
    def arguments(text: str) -> str:
        return items(user(Text("q")), said(structs.replace(CALL, arguments=text)), user(RESULT))[1][
            "arguments"
        ]

    assert [arguments(text) for text in ("", "  ", '{"a":1}', '{"a"')] == [
        "{}",
        "{}",
        '{"a":1}',
        '{"_raw":"{\\"a\\""}',
    ]


def test_E38_E39_functions_say_strict_and_have_properties() -> None:
    tools = (
        Tool(name="a", description="d", schema=Raw(b'{"type":"object"}')),
        Tool(name="b", schema=SCHEMA, strict=True),
        Tool(name="c", schema=Raw(b'{"type":"object","properties":{"x":{}}}'), strict=True),
        Tool(name="d"),
    )
    body, result = sent(asked(tools=tools))
    assert [(tool["name"], tool["strict"]) for tool in body["tools"]] == [
        ("a", False), ("b", True), ("c", False), ("d", False),
    ]  # fmt: skip
    assert body["tools"][0] == {
        "type": "function", "name": "a", "description": "d",
        "parameters": {"type": "object", "properties": {}}, "strict": False,
    }  # fmt: skip
    assert body["tools"][3]["parameters"] == {"type": "object", "properties": {}}
    assert lost(result) == {"tools.strict"}
    assert all("strict" not in tool for tool in sent(asked(tools=tools), strict_tools=False)[0]["tools"])


def test_E39_a_client_of_this_protocol_that_says_nothing_means_strict() -> None:
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}]
    assert sent(request(tools=tools))[0]["tools"][0]["strict"] is True


def test_E40_long_names_are_shortened_alike_and_mapped_back() -> None:
    long = "mcp__" + "server_" * 12 + "read"
    call = structs.replace(CALL, name=long)
    body, result = sent(
        asked(
            user(Text("q")),
            said(call),
            user(RESULT),
            tools=(Tool(name=long),),
            tool_choice=ToolChoice("tool", long),
        )
    )
    name = body["tools"][0]["name"]
    assert len(name) <= 64
    assert name == body["input"][1]["name"] == body["tool_choice"]["name"]
    assert result.tool_names == {name: long}


def test_E41_freeform_tools_stay_freeform_or_become_functions() -> None:
    grammar = Raw(b'{"type":"grammar","syntax":"lark","definition":"start: x"}')
    tool = Tool(name="patch", kind="custom", description="Edit.", raw=grammar)
    call = ToolCall(id="c1", name="patch", arguments="*** x", kind="custom")
    history = asked(user(Text("q")), said(call), user(RESULT), tools=(tool,))
    body, result = sent(history)
    assert body["tools"] == [
        {"type": "custom", "name": "patch", "description": "Edit.", "format": json.loads(bytes(grammar))}
    ]
    assert body["input"][1] == {
        "type": "custom_tool_call",
        "call_id": "c1",
        "name": "patch",
        "input": "*** x",
    }
    assert body["input"][2]["type"] == "custom_tool_call_output"
    assert result.custom_tools == frozenset()
    body, result = sent(history, custom_tools=False)
    assert body["tools"][0]["type"] == "function"
    assert "start: x" in body["tools"][0]["description"]
    assert body["input"][1]["arguments"] == '{"input":"*** x"}'
    assert body["input"][2]["type"] == "function_call_output"
    assert result.custom_tools == {"patch"}


def test_a_grammar_as_chat_writes_it_is_flattened() -> None:
    nested = Raw(b'{"type":"grammar","grammar":{"syntax":"regex","definition":"a+"}}')
    body, _ = sent(asked(tools=(Tool(name="p", kind="custom", raw=nested),)))
    assert body["tools"][0]["format"] == {"type": "grammar", "syntax": "regex", "definition": "a+"}


def test_E48_E49_other_vendors_tools() -> None:
    tools = (
        Tool(name="bash", kind="client", vendor_type="bash_20250124", raw=Raw(b"{}")),
        Tool(name="web_search", kind="server", vendor_type="web_search_20250305", raw=Raw(b"{}")),
    )
    body, result = sent(asked(tools=tools))
    assert [(tool["type"], tool["name"]) for tool in body["tools"]] == [("function", "bash")]
    assert "command" in body["tools"][0]["parameters"]["properties"]
    assert lost(result) == {"tools.web_search"}


def test_E54_namespaces_stay_groups_or_are_flattened() -> None:
    codex = ROOM.decode_request(recorded("codex-custom-mcp"))
    body, _ = sent(codex)
    original = json.loads(recorded("codex-custom-mcp"))
    assert body["tools"] == original["tools"]
    call = next(item for item in body["input"] if item["type"] == "function_call")
    assert (call["namespace"], call["name"]) == ("mcp__mock", "lookup_value")
    body, result = sent(codex, tool_groups=False)
    names = [tool.get("name", tool["type"]) for tool in body["tools"]]
    assert "mcp__mock__lookup_value" in names
    assert all(tool["type"] != "namespace" for tool in body["tools"])
    call = next(item for item in body["input"] if item["type"] == "function_call")
    assert call["name"] == "mcp__mock__lookup_value"
    assert "namespace" not in call
    assert result.tool_names == {}


def without_ids(item: dict[str, Any]) -> dict[str, Any]:
    """An item without what need not come back: ids, the status, and keys that are always there."""
    kept = {key: value for key, value in item.items() if key not in {"id", "status"} and value is not None}
    if isinstance(kept.get("content"), list) and kept.get("role") == "assistant":
        kept["content"] = [{key: part[key] for key in ("type", "text")} for part in kept["content"]]
    return {"type": "message", **kept}


@pytest.mark.parametrize("name", ["codex-edit", "codex-custom-mcp"])
def test_codexs_own_requests_come_out_as_they_came(name: str) -> None:
    original = json.loads(recorded(name))
    body, result = sent(ROOM.decode_request(recorded(name)), reasoning="effort")
    for key in ("model", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text", "stream", "store",
                "include", "prompt_cache_key", "client_metadata"):  # fmt: skip
        assert body.get(key) == original.get(key), key
    conversation = [item for item in original["input"] if item.get("role") != "developer"]
    found = [item for item in body["input"] if item.get("role") != "developer"]
    assert [without_ids(item) for item in found] == [without_ids(item) for item in conversation]
    assert lost(result) <= {"messages.thinking"}


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.name.removesuffix(".request.json"))
def test_E104_a_second_trip_changes_nothing(path: Any) -> None:
    facts = Facts(provider="p", model="m", reasoning="effort")
    body = json.dumps(json.loads(path.read_text())["body"]).encode()
    once = ROOM.decode_request(ROOM.encode_request(ROOM.decode_request(body), facts).body)
    encoded = ROOM.encode_request(once, facts)
    assert ROOM.decode_request(encoded.body) == once
    assert encoded.body == ROOM.encode_request(once, facts).body
    assert b'"id"' not in encoded.body or b'"reasoning","id"' not in encoded.body


def test_databricks_sees_no_nulls() -> None:
    search = {
        "type": "web_search_call",
        "id": "ws_1",
        "status": None,
        "namespace": None,
        "action": {"type": "search"},
    }
    body, _ = sent(
        request(input=[{"role": "user", "content": "q"}, search, {"role": "user", "content": "r"}])
    )
    assert body["input"][1] == {"type": "web_search_call", "id": "ws_1", "action": {"type": "search"}}
    for path in REQUESTS:
        encoded = ROOM.encode_request(
            ROOM.decode_request(json.dumps(json.loads(path.read_text())["body"]).encode()), OWN
        )
        top = json.loads(encoded.body)
        assert None not in top.values()
        assert not any(None in item.values() for item in top["input"])


def test_E58_the_attribution_line_stays_behind() -> None:
    system = (Text("x-anthropic-billing-header: v=1"), Text("one", (), CacheMark()), Text("two"))
    body, result = sent(asked(system=system))
    assert body["instructions"] == "one\n\ntwo"
    assert lost(result) == {"system.attribution", "cache_control"}


@pytest.mark.parametrize(
    ("reasoning", "facts", "body", "losses"),
    [
        (Reasoning(mode="budget", budget=4000), {"reasoning": "effort"}, {"effort": "low", "summary": "auto"}, set()),
        (Reasoning(mode="adaptive"), {"reasoning": "effort"}, {"summary": "auto"}, set()),
        (Reasoning(effort="max"), {"reasoning": "effort", "effort_levels": ("low", "high")},
         {"effort": "high", "summary": "auto"}, set()),
        (Reasoning(mode="off"), {"reasoning": "effort"}, {"effort": "none"}, set()),
        (Reasoning(mode="off"), {"reasoning": "effort", "effort_levels": ("minimal", "low")}, {"effort": "minimal"},
         {"reasoning"}),
        (Reasoning(effort="high", display="omitted"), {"reasoning": "effort"}, {"effort": "high"}, set()),
        (Reasoning(effort="high"), {"reasoning": "none"}, None, {"reasoning"}),
        (None, {"reasoning": "effort"}, None, set()),
    ],
)  # fmt: skip
def test_E18_E92_effort_and_summaries(reasoning: Any, facts: Any, body: Any, losses: set[str]) -> None:
    found, result = sent(asked(reasoning=reasoning), **facts)
    assert found.get("reasoning") == body
    assert lost(result) == losses
    assert found.get("include") == (
        ["reasoning.encrypted_content"] if facts["reasoning"] == "effort" else None
    )


def test_E93_and_other_knobs_without_a_field_are_noted() -> None:
    sampling = Sampling(temperature=0.5, top_p=0.9, top_k=4, stop=("a",), seed=1, frequency_penalty=0.1)
    body, result = sent(asked(sampling=sampling, cache=CacheMark(), service_tier="auto"))
    assert (body["temperature"], body["top_p"]) == (0.5, 0.9)
    assert lost(result) == {"top_k", "stop", "seed", "frequency_penalty", "cache_control", "service_tier"}
    body, result = sent(asked(sampling=Sampling(temperature=0.5)), sampling=False)
    assert "temperature" not in body
    assert lost(result) == {"temperature"}


def test_E89_the_output_limit_stays_within_the_targets_bounds() -> None:
    assert sent(asked(max_tokens=1), min_output_tokens=16)[0]["max_output_tokens"] == 16
    assert sent(asked(max_tokens=99), max_output_tokens=50)[0]["max_output_tokens"] == 50


def test_E120_structured_output() -> None:
    form = OutputFormat(kind="json_schema", name="n", schema=SCHEMA, strict=True)
    body, _ = sent(asked(output_format=form))
    assert body["text"] == {
        "format": {"type": "json_schema", "name": "n", "schema": json.loads(bytes(SCHEMA)), "strict": True}
    }
    body, result = sent(asked(output_format=form, system=(Text("sys"),)), structured="none")
    assert "text" not in body
    assert body["instructions"].startswith("sys\n\nAnswer with one JSON object")
    assert lost(result) == {"text.format"}


def test_E57_instructions_in_the_middle() -> None:
    history = (user(Text("q")), said(Text("a")), Message("developer", (Text("now this"),)), user(Text("r")))
    found = items(*history)
    assert (found[2]["role"], found[2]["content"][0]["text"]) == ("developer", "now this")
    body, result = sent(asked(*history), late_system=False)
    assert [item["role"] for item in body["input"]] == ["user", "assistant", "user", "user"]
    assert lost(result) == {"messages.role.developer"}


def test_E60_what_the_target_cannot_take_is_refused() -> None:
    picture = user(Image(url="https://a.example/b.png"))
    for facts in ({"images": False}, {"image_urls": False}):
        with pytest.raises(GatewayError):
            sent(asked(picture), **facts)
    with pytest.raises(GatewayError):
        sent(asked(user(Document(file_id="file_1"))))
    with pytest.raises(GatewayError):
        sent(asked(user(Document(data="aGk="))), documents=False)


def test_E62_documents() -> None:
    found = items(
        user(
            Document(text="body", title="T", context="C"),
            Document(data="JVBERi0=", media_type="application/pdf", title="a.pdf"),
            Document(url="https://a.example/c.pdf"),
        )
    )
    assert found[0]["content"] == [
        {"type": "input_text", "text": "Document 'T' (C):\nbody"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
        {"type": "input_file", "file_url": "https://a.example/c.pdf"},
    ]


def test_E63_a_long_user_is_shortened() -> None:
    body, _ = sent(asked(user='{"device_id":"x"}'))
    assert len(body["user"]) == 64
    assert sent(asked(user="me"))[0]["user"] == "me"


def test_E80_fields_of_other_protocols_are_noted_and_own_ones_come_back() -> None:
    extra = Extra("container", Raw(b'"x"'))
    body, result = sent(asked(extras=(extra,)))
    assert "container" not in body
    assert lost(result) == {"container"}
    own = request(truncation="auto", metadata={"a": "b"}, store=True)
    body, result = sent(own)
    assert (body["truncation"], body["metadata"], body["store"]) == ("auto", {"a": "b"}, False)
    assert not lost(result), "the gateway keeps the answer itself"


def test_fields_the_target_refuses_stay_behind() -> None:
    tools = (Tool(name="b", schema=SCHEMA, strict=True),)
    body, result = sent(
        asked(tools=tools, prompt_cache_key="k"), drop=frozenset({"tools.strict", "prompt_cache_key"})
    )
    assert "strict" not in body["tools"][0]
    assert "prompt_cache_key" not in body
    assert lost(result) == {"tools.strict", "prompt_cache_key"}
    body, result = sent(asked(max_tokens=5), allow=frozenset({"model", "input"}))
    assert set(body) == {"model", "input"}
    assert lost(result) == {"max_output_tokens"}


def test_opaque_blocks_of_other_protocols_are_text_or_noted() -> None:
    told = Opaque("anthropic_messages", "search_result", Raw(b"{}"), "a page")
    mute = Opaque("anthropic_messages", "server_tool_use", Raw(b"{}"))
    body, result = sent(asked(user(told, mute, Text("q"))))
    assert [part["text"] for part in body["input"][0]["content"]] == ["a page", "q"]
    assert lost(result) == {"input.server_tool_use"}


@pytest.mark.parametrize(
    ("choice", "sent_choice"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("any"), "required"),
        (ToolChoice("none"), "none"),
        (ToolChoice("tool", "f"), {"type": "function", "name": "f"}),
        (ToolChoice("tool", "p"), {"type": "custom", "name": "p"}),
        (ToolChoice("auto", None, ("f",)),
         {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}),
        (ToolChoice("tool", "gone"), None),
    ],
)  # fmt: skip
def test_choices(choice: ToolChoice, sent_choice: Any) -> None:
    tools = (Tool(name="f"), Tool(name="p", kind="custom"))
    assert sent(asked(tools=tools, tool_choice=choice))[0].get("tool_choice") == sent_choice


def test_a_target_that_cannot_be_forced_is_asked() -> None:
    body, result = sent(asked(tools=(Tool(name="f"),), tool_choice=ToolChoice("any")), forced_tools=False)
    assert body["tool_choice"] == "auto"
    assert lost(result) == {"tool_choice"}


def test_E43_a_conversation_that_ends_with_the_model() -> None:
    history = (user(Text("q")), said(Text("a")))
    assert items(*history)[-1]["role"] == "assistant"
    assert items(*history, prefill=False)[-1]["content"] == [{"type": "input_text", "text": "Continue."}]

"""Clients' requests to the neutral form: Codex's as recorded, every item type, and what is refused."""

import json
from typing import Any

import pytest

from protocols.openai_responses.room import REQUESTS, ROOM, recorded, request
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.proofs import seal
from trunkline.core.types import (
    Audio,
    Document,
    Extra,
    Image,
    Message,
    Opaque,
    Part,
    Raw,
    Reasoning,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from trunkline.protocols.codec import Peek

USER = {"role": "user", "content": "hi"}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'}


def turns(*items: dict[str, Any]) -> tuple[Message, ...]:
    return request(input=[*items]).messages


def content(*parts: dict[str, Any]) -> tuple[Part, ...]:
    return turns({"type": "message", "role": "user", "content": [*parts]})[0].content


def refused(**fields: Any) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        request(**fields)
    assert caught.value.kind is Kind.INVALID_REQUEST
    return caught.value


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.name.removesuffix(".request.json"))
def test_every_recorded_request_is_read_and_keeps_every_tool_and_call(path: Any) -> None:
    body = json.loads(path.read_text())["body"]
    decoded = ROOM.decode_request(json.dumps(body).encode())
    items = body["input"]
    calls = [item for item in items if item.get("type") in {"function_call", "custom_tool_call"}]
    found = [part for message in decoded.messages for part in message.content if isinstance(part, ToolCall)]
    wanted = [call.get("arguments", call.get("input")) for call in calls]
    assert [part.arguments for part in found if part.vendor_type is None] == wanted
    declared = [*body.get("tools", ())]
    for item in items:
        declared += (
            item.get("tools") or ()
            if item.get("type") in {"additional_tools", "tool_search_output"}
            else ()
        )
    flat = {
        f"{group['name']}__{tool['name']}"
        for group in declared
        if group["type"] == "namespace"
        for tool in group["tools"]
    }
    flat |= {tool.get("name", tool["type"]) for tool in declared if tool["type"] != "namespace"}
    assert {tool.name for tool in decoded.tools} == flat


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.name.removesuffix(".request.json"))
def test_a_request_is_the_same_read_for_itself_or_to_be_remembered(path: Any) -> None:
    body = recorded(path.name.removesuffix(".request.json"))
    assert ROOM.decode_request(body) == ROOM.read_request(body).request
    unusual = json.dumps({**json.loads(body), "x_unknown": 1}).encode()
    decoded = ROOM.decode_request(unusual)
    assert decoded == ROOM.read_request(unusual).request
    others = tuple(extra for extra in decoded.extras if extra.name != "x_unknown")
    assert len(others) == len(decoded.extras) - 1
    assert others == ROOM.decode_request(body).extras
    assert decoded.messages == ROOM.decode_request(body).messages


def test_a_string_is_a_user_turn() -> None:
    asked = request(input="hello", instructions="be brief")
    assert asked.messages == (Message("user", (Text("hello"),)),)
    assert asked.system == (Text("be brief"),)


def test_instructions_come_first_then_leading_developer_items() -> None:
    asked = request(
        instructions="one",
        input=[{"role": "developer", "content": [{"type": "input_text", "text": "two"}]},
               {"role": "system", "content": "three"}, USER, {"role": "developer", "content": "late"}],
    )  # fmt: skip
    assert [part.text for part in asked.system] == ["one", "two", "three"]
    assert asked.messages == (Message("user", (Text("hi"),)), Message("developer", (Text("late"),)))


def test_E10_the_models_items_are_one_turn_in_order_and_results_the_next() -> None:
    found = turns(
        USER,
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "gAAA",
        },
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ok"}]},
        CALL,
        CALL | {"call_id": "c2"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "2"}]},
        {"type": "message", "role": "assistant", "content": "done"},
    )
    assert found[1:] == (
        Message(
            "assistant",
            (
                Thinking(text="hm", signature="gAAA"),
                Text("ok"),
                ToolCall(id="c1", name="f", arguments='{"a":1}'),
                ToolCall(id="c2", name="f", arguments='{"a":1}'),
            ),
        ),
        Message(
            "user",
            (
                ToolResult(call_id="c1", content=(Text("1"),)),
                ToolResult(call_id="c2", content=(Text("2"),)),
            ),
        ),
        Message("assistant", (Text("done"),)),
    )


def test_E8_a_sealed_proof_names_its_maker() -> None:
    def thought(proof: str) -> Part:
        item = {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "t"}],
            "encrypted_content": proof,
        }
        return turns(USER, item, CALL)[1].content[0]

    assert thought(seal("sig", "maker")) == Thinking(text="t", signature="sig", origin="maker")
    assert thought(seal(None, "maker")) == Thinking(text="t", origin="maker")
    assert thought("gAAA") == Thinking(text="t", signature="gAAA")


def test_E11_full_reasoning_of_open_servers_is_thinking_too() -> None:
    item = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "long"}]}
    assert turns(USER, item, CALL)[1].content[0] == Thinking(text="long")


def test_E41_freeform_calls_and_their_results() -> None:
    found = turns(
        USER,
        {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "Done"},
    )
    assert found[1].content == (
        ToolCall(id="c1", name="apply_patch", arguments="*** Begin", kind="custom"),
    )
    assert found[2].content == (ToolResult(call_id="c1", content=(Text("Done"),)),)


def test_E54_codex_namespaces_are_flattened_and_remembered() -> None:
    asked = ROOM.decode_request(recorded("codex-custom-mcp"))
    tool = next(tool for tool in asked.tools if tool.name == "mcp__mock__lookup_value")
    assert (tool.namespace, tool.namespace_description) == (
        "mcp__mock",
        "Tools in the mcp__mock namespace.",
    )
    call = next(
        part for message in asked.messages for part in message.content if isinstance(part, ToolCall)
    )
    assert (call.name, call.namespace) == ("mcp__mock__lookup_value", "mcp__mock")


def test_codexs_additional_tools_are_declared_tools() -> None:
    asked = ROOM.decode_request(recorded("codex-lite-think"))
    execute = next(tool for tool in asked.tools if tool.name == "functions__exec")
    assert (execute.kind, execute.namespace) == ("custom", "functions")
    assert execute.raw is not None
    assert json.loads(bytes(execute.raw))["syntax"] == "lark"


def test_what_another_agent_says_is_the_users_turn_with_its_text() -> None:
    asked = ROOM.decode_request(recorded("codex-lite-task"))
    said = asked.messages[-1].content[0]
    assert isinstance(said, Opaque)
    assert said.kind == "item.agent_message"
    assert said.text is not None
    assert said.text.startswith("Message from /home/user:\nMessage Type: NEW_TASK")
    assert "report what the shell prints" in said.text


def test_E50_tools_that_a_search_found_can_be_called() -> None:
    found = {
        "type": "namespace",
        "name": "db",
        "tools": [{"type": "function", "name": "query", "defer_loading": True}],
    }
    asked = request(
        tools=[
            {
                "type": "tool_search",
                "execution": "client",
                "description": "d",
                "parameters": {"type": "object"},
            }
        ],
        input=[
            USER,
            {
                "type": "tool_search_call",
                "call_id": "s1",
                "execution": "client",
                "arguments": {"query": "db"},
            },
            {"type": "tool_search_output", "call_id": "s1", "execution": "client", "tools": [found]},
        ],
    )
    assert [(tool.name, tool.kind) for tool in asked.tools] == [
        ("tool_search", "client"),
        ("db__query", "function"),
    ]
    assert asked.messages[1].content == (
        ToolCall(id="s1", name="tool_search", arguments='{"query":"db"}', vendor_type="tool_search"),
    )
    result = asked.messages[2].content[0]
    assert isinstance(result, ToolResult)
    assert isinstance(result.content[0], Opaque)
    assert result.content[0].text == "Tools that can be called now: db__query"


def test_openais_own_client_tools_are_calls_and_results() -> None:
    found = turns(
        USER,
        {"type": "local_shell_call", "call_id": "l1", "status": "completed",
         "action": {"type": "exec", "command": ["ls"], "env": {}, "user": None}},
        {"type": "local_shell_call_output", "id": "l1", "output": "a.txt"},
        {"type": "shell_call", "call_id": "s1", "action": {"commands": ["ls"]}},
        {"type": "shell_call_output", "call_id": "s1",
         "output": [{"stdout": "a", "stderr": "b", "outcome": {"type": "exit", "exit_code": 1}}]},
        {"type": "apply_patch_call", "call_id": "p1", "operation": {"type": "delete_file", "path": "a"}},
        {"type": "apply_patch_call_output", "call_id": "p1", "status": "failed", "output": "no such file"},
    )  # fmt: skip
    parts = [part for message in found[1:] for part in message.content]
    assert parts[0] == ToolCall(
        id="l1", name="local_shell", arguments='{"command":["ls"],"env":{}}', vendor_type="local_shell"
    )
    assert parts[1] == ToolResult(call_id="l1", content=(Text("a.txt"),))
    results = [part for part in parts if isinstance(part, ToolResult)]
    texts = [part.content[0].text for part in results if isinstance(part.content[0], Opaque | Text)]
    assert texts == ["a.txt", "a\nb\nexit code 1", "no such file"]
    assert [result.is_error for result in results] == [False, False, True]


def test_E124_unknown_items_stay_where_they_stood() -> None:
    strange = {"type": "configuration_update", "reasoning": {"effort": "low"}}
    found = turns(
        USER, {"type": "web_search_call", "id": "ws", "action": {"type": "search"}}, CALL, strange
    )
    assert [message.role for message in found] == ["user", "assistant", "user"]
    assert [part.kind for part in found[1].content if isinstance(part, Opaque)] == ["item.web_search_call"]
    assert isinstance(found[2].content[0], Opaque)
    assert json.loads(bytes(found[2].content[0].raw)) == strange


def test_E37_a_failed_result_is_known_by_its_prefix() -> None:
    output = {"type": "function_call_output", "call_id": "c1", "output": "Error: no"}
    assert turns(USER, CALL, output)[2].content == (
        ToolResult(call_id="c1", content=(Text("no"),), is_error=True),
    )


def test_E36_pictures_in_results_are_pictures() -> None:
    asked = ROOM.decode_request(recorded("codex-readimage"))
    result = asked.messages[-1].content[0]
    assert isinstance(result, ToolResult)
    picture = result.content[0]
    assert isinstance(picture, Image)
    assert (picture.media_type, picture.detail) == ("image/png", "original")


def test_E61_parts_of_a_users_turn() -> None:
    assert content(
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "data:image/jpg;base64,aGk=", "detail": "high"},
        {"type": "input_image", "image_url": "https://a.example/b.png"},
        {"type": "input_image", "file_id": "file_1"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
        {"type": "input_file", "file_url": "https://a.example/c.pdf"},
        {"type": "input_file", "file_id": "file_2"},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
    ) == (
        Text("look"),
        Image(media_type="image/jpeg", data="aGk=", detail="high"),
        Image(url="https://a.example/b.png"),
        Image(file_id="file_1"),
        Document(media_type="application/pdf", data="JVBERi0=", title="a.pdf"),
        Document(url="https://a.example/c.pdf"),
        Document(file_id="file_2"),
        Audio(data="aGk=", format="mp3"),
    )


def test_E82_the_phase_of_an_assistants_message_is_kept() -> None:
    said = {"role": "assistant", "phase": "commentary", "content": [{"type": "output_text", "text": "a"}]}
    refusal = {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}
    assert turns(USER, said, refusal)[1].content == (Text("a", phase="commentary"), Refusal("no"))


def test_the_knobs() -> None:
    asked = request(
        max_output_tokens=9, temperature=0.5, top_p=0.9, stream=True, parallel_tool_calls=False, user="u",
        service_tier="flex", prompt_cache_key="k", reasoning={"effort": "high", "summary": "auto", "context": "all"},
        text={"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}},
        include=["reasoning.encrypted_content"], store=False, truncation="auto", metadata={"a": "b"},
        previous_response_id="resp_1", tool_choice="required",
    )  # fmt: skip
    assert (asked.max_tokens, asked.stream, asked.parallel_tool_calls, asked.user) == (9, True, False, "u")
    assert (asked.sampling.temperature, asked.sampling.top_p) == (0.5, 0.9)
    assert (asked.service_tier, asked.prompt_cache_key) == ("flex", "k")
    assert asked.reasoning == Reasoning(effort="high", display="summarized")
    assert asked.output_format is not None
    assert (asked.output_format.name, asked.output_format.strict) == ("n", True)
    assert asked.tool_choice == ToolChoice("any")
    assert asked.extras == (
        Extra("truncation", Raw(b'"auto"')),
        Extra("metadata", Raw(b'{"a": "b"}')),
        Extra("previous_response_id", Raw(b'"resp_1"')),
        Extra("reasoning.context", Raw(b'"all"')),
        Extra("text.verbosity", Raw(b'"low"')),
    )


@pytest.mark.parametrize(
    ("asked", "choice"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ({"type": "function", "name": "f"}, ToolChoice("tool", "f")),
        ({"type": "function", "name": "query"}, ToolChoice("tool", "db__query")),
        ({"type": "custom", "name": "patch"}, ToolChoice("tool", "patch")),
        ({"type": "web_search"}, ToolChoice("tool", "web_search")),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}, {"type": "web_search"}]},
            ToolChoice("any", None, ("f", "web_search")),
        ),
    ],
)  # fmt: skip
def test_choices_name_tools_as_they_are_declared(asked: Any, choice: ToolChoice) -> None:
    tools = [
        {"type": "function", "name": "f", "parameters": {}},
        {"type": "namespace", "name": "db", "tools": [{"type": "function", "name": "query"}]},
        {"type": "custom", "name": "patch"},
        {"type": "web_search"},
    ]
    assert request(tools=tools, tool_choice=asked).tool_choice == choice


def test_E49_what_the_vendors_servers_run_is_a_server_tool() -> None:
    search = {"type": "web_search", "filters": {"allowed_domains": ["a.example"]}}
    mcp = {"type": "mcp", "server_label": "wiki", "server_url": "https://a.example"}
    shell = {"type": "shell", "environment": {"type": "container_auto"}}
    tools = request(tools=[search, mcp, shell, {"type": "local_shell"}]).tools
    assert [(tool.name, tool.kind, tool.vendor_type) for tool in tools] == [
        ("web_search", "server", "web_search"),
        ("wiki", "server", "mcp"),
        ("shell", "server", "shell"),
        ("local_shell", "client", "local_shell"),
    ]
    assert tools[0].raw is not None
    assert json.loads(bytes(tools[0].raw)) == search


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"model": 5}, "model", "expected string, but got integer"),
        ({"input": None}, "input", "Missing required parameter: 'input'"),
        ({"input": [{"type": "message", "content": "x"}]}, "input[0].role", "Missing required parameter"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role", "Invalid value: 'tool'"),
        ({"input": ["x"]}, "input[0]", "expected an object"),
        (
            {"input": [{"type": "function_call", "call_id": "c"}]},
            "input[0].name",
            "Missing required parameter",
        ),
        (
            {"input": [{"type": "function_call_output", "output": "x"}]},
            "input[0].call_id",
            "Missing required",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text"}]}]},
            "input[0].content[0].text",
            "Missing required parameter",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "ftp://x"}]}]},
            "input[0].content[0].image_url",
            "data URL",
        ),
        ({"tools": [{"type": "function"}]}, "tools[0].name", "Missing required parameter"),
        ({"tool_choice": "sometimes"}, "tool_choice", "Supported values"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type", "Supported values"),
        ({"reasoning": {"effort": 5}}, "reasoning.effort", "expected string"),
        ({"temperature": "hot"}, "temperature", "expected number"),
    ],
)
def test_E109_a_wrong_request_is_refused_with_its_path(
    fields: dict[str, Any], field: str, words: str
) -> None:
    error = refused(**fields)
    assert error.field == field
    assert words in error.message


def test_a_conversation_kept_elsewhere_needs_no_input() -> None:
    asked = request(input=None, previous_response_id="resp_1")
    assert asked.messages == ()
    assert asked.extras[0].name == "previous_response_id"


def test_peek() -> None:
    assert ROOM.peek(b'{"model":"m","stream":true,"store":false,"input":[1]}') == Peek("m", True)
    with pytest.raises(GatewayError):
        ROOM.peek(b'{"input":"x"}')


def test_E122_half_a_surrogate_pair_in_a_body_is_replaced() -> None:
    asked = ROOM.decode_request(b'{"model":"m","input":"a\\ud83d"}')
    assert asked.messages[0].content == (Text("a\ufffd"),)


def test_E1_what_is_carried_undecoded_must_be_text_too() -> None:
    body = b'{"model":"m","input":"hi","tools":[{"type":"function","name":"f","odd":"\xff"}]}'
    with pytest.raises(GatewayError) as caught:
        ROOM.decode_request(body)
    assert caught.value.kind is Kind.INVALID_REQUEST

"""Codex on a Chat or Messages model: its freeform and grouped tools go out as functions and come back as they were."""

import json
from typing import Any

import pytest

from protocols.openai_responses.room import ROOM, payloads, recorded
from trunkline.core.events import StreamEvent, unfold
from trunkline.core.facts import Facts
from trunkline.core.types import Message, Response, Text, ToolCall, ToolResult
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.anthropic_messages import ANTHROPIC_MESSAGES
from trunkline.protocols.codec import Codec, ReplyContext
from trunkline.protocols.openai_chat import OPENAI_CHAT
from trunkline.transforms.restore_tools import RestoreTools, restore_response

targets = pytest.mark.parametrize("target", [OPENAI_CHAT, ANTHROPIC_MESSAGES], ids=lambda codec: codec.name)


def answered(name: str, target: Codec, call: ToolCall) -> list[dict[str, Any]]:
    """The items Codex gets, streamed, when a model behind ``target`` makes ``call``; the whole form agrees."""
    asked = ROOM.decode_request(recorded(name))
    encoded = target.encode_request(asked, Facts(provider="p", model="m"))
    assert call.name in encoded.body.decode()
    upstream = Response(
        id="x", model="m", content=(call,), stop=Stop("tool_use"), usage=Usage(input=1, output=1)
    )
    back = target.decode_response(
        target.encode_response(upstream, ReplyContext(id="u", model="m", created=1)), "maker"
    )
    context = ReplyContext(id="req123", model="asked", created=1, request=asked)
    restore, encoder = RestoreTools(encoded), ROOM.stream_encoder(context)
    events: list[StreamEvent] = [new for event in unfold(back) for new in restore.feed(event)]
    items = [
        payload["item"]
        for payload in payloads(b"".join(encoder.feed(event) for event in events))
        if payload["type"] == "response.output_item.done"
    ]
    assert json.loads(ROOM.encode_response(restore_response(back, encoded), context))["output"] == items
    return items


@targets
def test_E41_E54_a_freeform_tool_in_a_namespace(target: Codec) -> None:
    call = ToolCall(id="call_1", name="functions__exec", arguments='{"input":"text(\\"\\u00e9\\")"}')
    item = answered("codex-lite-think", target, call)[0]
    assert (item["type"], item["namespace"], item["name"]) == ("custom_tool_call", "functions", "exec")
    assert (item["input"], item["call_id"]) == ('text("\u00e9")', "call_1")


@targets
def test_E41_apply_patch(target: Codec) -> None:
    patch = "*** Begin Patch\n*** Add File: a\n+b\n*** End Patch"
    call = ToolCall(id="call_1", name="apply_patch", arguments=json.dumps({"input": patch}))
    item = answered("codex-edit", target, call)[0]
    assert (item["type"], item["name"], item["input"]) == ("custom_tool_call", "apply_patch", patch)


@targets
def test_E54_a_function_of_an_mcp_server(target: Codec) -> None:
    call = ToolCall(id="call_1", name="mcp__mock__lookup_value", arguments='{"key":"alpha"}')
    item = answered("codex-custom-mcp", target, call)[0]
    assert (item["type"], item["namespace"], item["name"]) == ("function_call", "mcp__mock", "lookup_value")
    assert json.loads(item["arguments"]) == {"key": "alpha"}


@targets
def test_E50_the_clients_own_tool_search(target: Codec) -> None:
    call = ToolCall(id="call_1", name="tool_search", arguments='{"query":"db"}')
    item = answered("codex-edit", target, call)[0]
    assert (item["type"], item["arguments"], item["execution"]) == (
        "tool_search_call",
        {"query": "db"},
        "client",
    )


@targets
def test_codexs_history_arrives_with_calls_results_and_what_other_agents_said(target: Codec) -> None:
    asked = ROOM.decode_request(recorded("codex-lite-task"))
    sent = target.decode_request(target.encode_request(asked, Facts(provider="p", model="m")).body)
    parts = [part for message in sent.messages for part in message.content]
    assert [part.name for part in parts if isinstance(part, ToolCall)] == ["collaboration__spawn_agent"]
    assert [part.content for part in parts if isinstance(part, ToolResult)] == [(Text("aborted"),)]
    last = sent.messages[-1]
    assert isinstance(last, Message)
    assert "report what the shell prints" in "".join(
        part.text for part in last.content if isinstance(part, Text)
    )

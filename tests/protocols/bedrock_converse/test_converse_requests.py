"""Converse requests: the shapes that botocore's own model of the service takes, and what the server demands beside."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import cast

import botocore.session
import pytest
from botocore.validate import ParamValidator
from msgspec.structs import replace

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.facts import Facts
from trunkline.core.types import (
    Audio,
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
    Role,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from trunkline.protocols.bedrock_converse import BEDROCK_CONVERSE
from trunkline.protocols.codec import Encoded
from trunkline.protocols.registry import CODECS

WIRE = Path(__file__).parents[2] / "fixtures" / "wire"
ROOMS = {
    "anthropic-messages": "anthropic_messages",
    "openai-chat": "openai_chat",
    "openai-responses": "openai_responses",
    "gemini-generate-content": "gemini",
}
INDEX = [
    entry
    for line in (WIRE / "index.jsonl").read_text(encoding="utf-8").splitlines()
    if (entry := json.loads(line))["protocol"] in ROOMS
    and entry["status"] == 200
    and "request" in entry["files"]
]
CLAUDE = Facts(
    provider="aws", model="claude", cache_marks=True, cache_ttl=False, top_k=True, reasoning="budget", structured="tool",
    prefill=False, max_output_tokens=64000,
)  # fmt: skip
PLAIN = Facts(provider="aws", model="m", structured="tool", prefill=False)
SCHEMA = Raw(b'{"type":"object","properties":{"a":{"type":"string"}}}')
MARK = CacheMark()


@pytest.fixture(scope="module")
def judge() -> Callable[[bytes], list[str]]:
    """The faults that botocore finds in a body by AWS' own description of the operation."""
    model = botocore.session.Session().get_service_model("bedrock-runtime")
    shape = model.operation_model("Converse").input_shape

    def faults(body: bytes) -> list[str]:
        report = ParamValidator().validate({"modelId": "m", **json.loads(body)}, shape)
        return [report.generate_report()] if report.has_errors() else []

    return faults


def rules(body: bytes) -> list[str]:
    """What the server refuses although its description allows it (protocols.md 2.6)."""
    wire = json.loads(body)
    broken: list[str] = []
    roles = [turn["role"] for turn in wire["messages"]]
    if not roles or roles[0] != "user" or roles[-1] != "user":
        broken.append(f"begins or ends wrongly: {roles}")
    if any(one == two for one, two in pairwise(roles)):
        broken.append(f"roles do not alternate: {roles}")
    open_calls: list[str] = []
    called = False
    for turn in wire["messages"]:
        blocks = turn["content"]
        results = [block["toolResult"]["toolUseId"] for block in blocks if "toolResult" in block]
        if results != open_calls:
            broken.append(f"calls {open_calls} are answered by {results}")
        lead = [("toolResult" in block) for block in blocks if "cachePoint" not in block]
        if lead != sorted(lead, reverse=True):
            broken.append("results do not come first")
        open_calls = [block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block]
        called = called or bool(open_calls)
        broken += ["a blank text" for block in blocks if "text" in block and not block["text"].strip()]
        if not blocks:
            broken.append("an empty turn")
        if any("document" in block for block in blocks) and not any("text" in block for block in blocks):
            broken.append("a document without a text")
    if called and not wire.get("toolConfig", {}).get("tools"):
        broken.append("calls in the history and no tools")
    points = body.count(b'"cachePoint"')
    return broken if points <= 4 else [*broken, f"{points} cache points"]


def request_of(entry: dict[str, dict[str, str]]) -> Request:
    kept = json.loads((WIRE / entry["files"]["request"]).read_text(encoding="utf-8"))
    stated = (
        kept["body"] if entry["protocol"] == "gemini-generate-content" else {"model": "m", **kept["body"]}
    )
    body = json.dumps(stated, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return CODECS[ROOMS[cast(str, entry["protocol"])]].decode_request(body)


def test_every_recorded_request_becomes_one_that_aws_describes(judge: Callable[[bytes], list[str]]) -> None:
    """Every request of the four protocols: carried, or refused for content that Converse has no block for."""
    carried, refused, faults = 0, 0, list[object]()
    for entry in INDEX:
        request = request_of(entry)
        for facts in (CLAUDE, PLAIN):
            body = encoded_or_none(request, facts)
            if body is None:
                refused += 1
                continue
            carried += 1
            found = [*judge(body), *rules(body)]
            if found and ODD not in found[0]:
                faults.append((entry["id"], found))
            assert encoded_or_none(request, facts) == body, "deterministic"
    assert faults == []
    assert carried > 20 * refused
    assert carried > 2500


ODD = "inferenceConfig.topP, value: -1.0"
"""One client really asks for that; the server's own words tell it best."""


def encoded_or_none(request: Request, facts: Facts) -> bytes | None:
    """The body, None when the content was refused as it should be."""
    try:
        return BEDROCK_CONVERSE.encode_request(request, facts).body
    except GatewayError as error:
        if error.kind is Kind.INVALID_REQUEST and error.local and error.field in ("messages", "n"):
            return None
        raise


def turn(role: Role, *parts: Part) -> Message:
    return Message(role, parts)


def ask(*messages: Message, facts: Facts = CLAUDE, **more: object) -> Encoded:
    request = Request(protocol="openai_chat", model="m", messages=messages or (turn("user", Text("hi")),))
    return BEDROCK_CONVERSE.encode_request(replace(request, **more), facts)


def body_of(encoded: Encoded) -> dict[str, object]:
    return cast("dict[str, object]", json.loads(encoded.body))


def lost(encoded: Encoded) -> list[str]:
    return [loss.field for loss in encoded.losses]


def call(call_id: str, name: str = "f", arguments: str = "{}") -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments)


TOOLS = (Tool(name="f", description="d", schema=SCHEMA),)


def test_a_plain_request_says_nothing_nobody_said() -> None:
    assert body_of(ask()) == {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}


def test_a_conversation_with_calls() -> None:
    encoded = ask(
        turn("user", Text("go")),
        turn("assistant", Text("I will."), call("a.b|1", arguments='{"x": 1}'), call("c2", "g")),
        turn("user", ToolResult(call_id="c2", content=(Text("two"),)), Text("and?")),
        turn("user", ToolResult(call_id="a.b|1", content=(Text("one"),), is_error=True)),
        tools=TOOLS,
        system=(Text("be good", (), MARK),),
        max_tokens=100,
        sampling=Sampling(temperature=0.5, top_p=0.9, top_k=5, stop=("END", " ")),
    )
    wire = body_of(encoded)
    sent = wire["messages"][1]["content"][1]["toolUse"]["toolUseId"]  # type: ignore[index]
    assert wire["messages"][1]["content"][1] == {
        "toolUse": {"toolUseId": sent, "name": "f", "input": {"x": 1}}
    }  # type: ignore[index]
    assert sent.startswith("a_b_1_")
    assert wire["messages"][2]["content"] == [  # type: ignore[index]
        {"toolResult": {"toolUseId": sent, "content": [{"text": "one"}], "status": "error"}},
        {"toolResult": {"toolUseId": "c2", "content": [{"text": "two"}]}},
        {"text": "and?"},
    ]
    assert wire["system"] == [{"text": "be good"}, {"cachePoint": {"type": "default"}}]
    assert wire["inferenceConfig"] == {
        "maxTokens": 100,
        "temperature": 0.5,
        "topP": 0.9,
        "stopSequences": ["END"],
    }
    assert wire["additionalModelRequestFields"] == {"top_k": 5}
    assert lost(encoded) == ["stop_sequences"]


@pytest.mark.parametrize(
    ("choice", "tools", "sent", "losses"),
    [
        (None, TOOLS, None, []),
        (ToolChoice("auto"), TOOLS, {"auto": {}}, []),
        (ToolChoice("any"), TOOLS, {"any": {}}, []),
        (ToolChoice("tool", "f"), TOOLS, {"tool": {"name": "f"}}, []),
        (ToolChoice("none"), TOOLS, None, ["tool_choice"]),
        (ToolChoice("any"), (), None, ["tool_choice"]),
    ],
)
def test_choices(
    choice: ToolChoice | None, tools: tuple[Tool, ...], sent: object, losses: list[str]
) -> None:
    encoded = ask(tools=tools, tool_choice=choice)
    config = body_of(encoded).get("toolConfig", {})
    assert config.get("toolChoice") == sent  # type: ignore[attr-defined]
    assert bool(config) is bool(tools)
    assert lost(encoded) == losses
    if choice is not None and choice.mode == "none":
        assert body_of(encoded)["system"] == [{"text": "Do not call any tool in this answer."}]


def test_a_tool_cannot_be_forced_everywhere() -> None:
    encoded = ask(tools=TOOLS, tool_choice=ToolChoice("any"), facts=replace(PLAIN, forced_tools=False))
    assert "toolChoice" not in body_of(encoded)["toolConfig"]  # type: ignore[operator]
    assert lost(encoded) == ["tool_choice"]


def test_E115_called_tools_are_declared_where_none_are_left() -> None:
    encoded = ask(turn("user", Text("go")), turn("assistant", call("c")), turn("user", Text("so?")))
    wire = body_of(encoded)
    assert wire["toolConfig"] == {
        "tools": [
            {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object", "properties": {}}}}}
        ]
    }
    result = wire["messages"][2]["content"][0]["toolResult"]  # type: ignore[index]
    assert result["status"] == "error"
    assert "no result was recorded" in result["content"][0]["text"]


@pytest.mark.parametrize(
    ("facts", "reasoning", "more", "losses"),
    [
        (CLAUDE, Reasoning(mode="budget", budget=2048), {"thinking": {"type": "enabled", "budget_tokens": 2048}}, []),
        (replace(CLAUDE, reasoning="adaptive", effort_levels=("low", "high")), Reasoning(effort="low"), {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, []),
        (replace(PLAIN, reasoning="effort", effort_levels=("low", "high")), Reasoning(effort="high"), {"reasoning_effort": "high"}, []),
        (PLAIN, Reasoning(effort="high"), None, ["thinking"]),
        (PLAIN, Reasoning(mode="off"), None, []),
    ],
)  # fmt: skip
def test_thinking(facts: Facts, reasoning: Reasoning, more: object, losses: list[str]) -> None:
    encoded = ask(reasoning=reasoning, facts=facts)
    assert body_of(encoded).get("additionalModelRequestFields") == more
    assert lost(encoded) == losses


def test_E47_a_forced_call_is_worth_more_than_a_budget() -> None:
    encoded = ask(
        tools=TOOLS, tool_choice=ToolChoice("any"), reasoning=Reasoning(mode="budget", budget=2048),
        sampling=Sampling(temperature=0.3),
    )  # fmt: skip
    wire = body_of(encoded)
    assert "additionalModelRequestFields" not in wire
    assert wire["inferenceConfig"] == {"temperature": 0.3}
    assert lost(encoded) == ["thinking"]


def test_thinking_goes_back_to_its_maker_only() -> None:
    own = Thinking(text="hm", signature="sig", origin=CLAUDE.origin)
    parts = (
        own,
        Thinking(redacted="xx", origin=CLAUDE.origin),
        Thinking(text="?", signature="s", origin="other"),
    )
    encoded = ask(turn("user", Text("a")), turn("assistant", *parts, Text("b")), turn("user", Text("c")))
    assert body_of(encoded)["messages"][1]["content"] == [  # type: ignore[index]
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
        {"reasoningContent": {"redactedContent": "xx"}},
        {"text": "b"},
    ]
    assert lost(encoded) == ["messages.thinking"]


def test_media_travel_as_data_or_from_s3_and_by_no_other_address() -> None:
    png = "iVBORw0KGgoAAAA"
    encoded = ask(
        turn(
            "user",
            Image(media_type="image/jpeg", data=png),
            Image(url="s3://bucket/a.webp"),
            Document(media_type="application/pdf", data="JVBERi0x", title="a/b: c.pdf"),
            Document(text="plain", title="a b c pdf"),
        )
    )
    assert body_of(encoded)["messages"][0]["content"] == [  # type: ignore[index]
        {"image": {"format": "png", "source": {"bytes": png}}},
        {"image": {"format": "webp", "source": {"s3Location": {"uri": "s3://bucket/a.webp"}}}},
        {"document": {"format": "pdf", "name": "a b c pdf", "source": {"bytes": "JVBERi0x"}}},
        {"document": {"format": "txt", "name": "a b c pdf 2", "source": {"bytes": "cGxhaW4="}}},
        {"text": "(see the document)"},
    ]
    for part in (
        Image(url="https://example.com/a.png"), Image(file_id="f"), Document(url="https://example.com/a.pdf"),
        Document(media_type="application/zip", data="UEs="), Audio(data="x", format="wav"),
    ):  # fmt: skip
        with pytest.raises(GatewayError) as caught:
            ask(turn("user", part))
        assert (caught.value.status, caught.value.field) == (400, "messages")


def test_cache_points_stand_after_what_was_marked_and_are_four_at_most() -> None:
    turns = [turn("user", Text(str(number), (), MARK)) for number in range(6)]
    encoded = ask(*turns, system=(Text("s", (), MARK),))
    content = body_of(encoded)["messages"][0]["content"]  # type: ignore[index]
    point = {"cachePoint": {"type": "default"}}
    assert content == [{"text": "0"}, {"text": "1"}, {"text": "2"}, {"text": "3"}, point, {"text": "4"}, point, {"text": "5"}, point]  # fmt: skip
    assert lost(encoded) == ["cache_control"]
    assert lost(ask(*turns[:1], facts=PLAIN)) == ["cache_control"]
    hour = ask(turn("user", Text("a", (), CacheMark("1h"))))
    assert body_of(hour)["messages"][0]["content"][1] == point  # type: ignore[index]
    assert lost(hour) == ["cache_control.ttl"]


def test_the_form_of_an_answer() -> None:
    form = OutputFormat(kind="json_schema", name="n", schema=SCHEMA)
    forced = ask(output_format=form)
    assert forced.structured_tool == "structured_answer"
    assert body_of(forced)["toolConfig"]["toolChoice"] == {"tool": {"name": "structured_answer"}}  # type: ignore[index]
    native = ask(output_format=form, facts=replace(PLAIN, structured="native"))
    told = body_of(native)["outputConfig"]["textFormat"]["structure"]["jsonSchema"]  # type: ignore[index]
    assert (told["name"], json.loads(told["schema"])) == ("n", json.loads(bytes(SCHEMA)))
    words = ask(output_format=form, facts=replace(PLAIN, structured="none"))
    assert "JSON schema" in body_of(words)["system"][0]["text"]  # type: ignore[index]
    assert lost(words) == ["output_format"]


def test_the_rest_is_said_or_noted() -> None:
    encoded = ask(
        turn("user", Opaque("x", "odd", Raw(b"{}"))), turn("system", Text("late")), turn("assistant", Text("x ")),
        user='{"json":1}', service_tier="priority", prompt_cache_key="k", parallel_tool_calls=False, tools=TOOLS,
        sampling=Sampling(seed=1, temperature=1.5), extras=(Extra("verbosity", Raw(b'"low"')), Extra("n", Raw(b"1"))),
    )  # fmt: skip
    wire = body_of(encoded)
    assert wire["messages"] == [
        {"role": "user", "content": [{"text": "<system>\nlate\n</system>"}]},
        {"role": "assistant", "content": [{"text": "x "}]},
        {"role": "user", "content": [{"text": "Continue."}]},
    ]
    assert wire["serviceTier"] == {"type": "priority"}
    assert len(wire["requestMetadata"]["user_id"]) == 64  # type: ignore[index]
    assert wire["inferenceConfig"] == {"temperature": 1.0}
    assert sorted(lost(encoded)) == ["messages.odd", "parallel_tool_calls", "prompt_cache_key", "seed", "temperature", "verbosity"]  # fmt: skip
    prefilled = ask(
        turn("user", Text("a")), turn("assistant", Text("x ")), facts=replace(CLAUDE, prefill=True)
    )
    assert body_of(prefilled)["messages"][-1] == {"role": "assistant", "content": [{"text": "x"}]}  # type: ignore[index]


def test_tools_are_refused_where_there_are_none() -> None:
    with pytest.raises(GatewayError, match="takes no tools"):
        ask(tools=TOOLS, facts=replace(PLAIN, tools=False))


def test_a_longer_conversation_keeps_the_bytes_of_its_earlier_turns() -> None:
    turns = [turn("user", Text("a")), turn("assistant", call("1")), turn("user", ToolResult(call_id="1"))]
    longer = [*turns, turn("assistant", Text("b")), turn("user", Text("c"))]
    short = ask(*turns, tools=TOOLS).body
    assert ask(*longer, tools=TOOLS).body.startswith(short[: short.index(b'}],"toolConfig"')])

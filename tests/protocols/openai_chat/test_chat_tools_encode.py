"""Tools, their choice, structured output and thinking in the target's terms."""

import json

import pytest
from msgspec.structs import replace

from trunkline.core.facts import Facts
from trunkline.core.types import (
    Message,
    OutputFormat,
    Raw,
    Reasoning,
    Request,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from trunkline.protocols.codec import Encoded
from trunkline.protocols.openai_chat import OPENAI_CHAT
from trunkline.protocols.openai_chat.thinking_encode import nearest

CLOSED = Raw(
    b'{"type":"object","properties":{"x":{"type":"string"}},"required":["x"],"additionalProperties":false}'
)
LONG = "mcp__" + "server_" * 9 + "tool"
HI = (Message("user", (Text("hi"),)),)


def encode(facts: Facts | None = None, protocol: str = "anthropic_messages", **fields: object) -> Encoded:
    asked = Request(protocol=protocol, model="m", **{"messages": HI, **fields})  # type: ignore[arg-type]  # shorthand
    return OPENAI_CHAT.encode_request(asked, facts or Facts())


def body(facts: Facts | None = None, **fields: object) -> dict[str, object]:
    found: dict[str, object] = json.loads(encode(facts, **fields).body)
    return found


def functions(facts: Facts | None = None, **fields: object) -> list[dict[str, object]]:
    tools = body(facts, **fields).get("tools", [])
    assert isinstance(tools, list)
    assert all(tool["type"] == "function" for tool in tools)
    return [tool["function"] for tool in tools]


def lost(encoded: Encoded) -> list[str]:
    return [loss.field for loss in encoded.losses]


def test_a_function_keeps_its_schema_byte_for_byte() -> None:
    schema = Raw(b'{ "type":"object", "properties":{"n":{"maximum":1.0,"const":9007199254740993}} }')
    got = encode(tools=(Tool(name="f", description="d", schema=schema),))
    assert (
        b'"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":%s}}]'
        % bytes(schema)
        in got.body
    )


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (None, {"type": "object", "properties": {}}),
        (b'{"type":"object"}', {"type": "object", "properties": {}}),
        (b"{}", {"type": "object", "properties": {}}),
        (b'{"description":"d"}', {"type": "object", "description": "d", "properties": {}}),
    ],
)
def test_E38_schemas_are_made_whole(schema: bytes | None, expected: dict[str, object]) -> None:
    (function,) = functions(tools=(Tool(name="f", schema=None if schema is None else Raw(schema)),))
    assert function["parameters"] == expected


def test_E39_strict_only_where_the_schema_qualifies() -> None:
    optional = Raw(b'{"type":"object","properties":{"x":{"type":"string"}},"additionalProperties":false}')
    assert functions(tools=(Tool(name="f", schema=CLOSED, strict=True),))[0]["strict"] is True
    got = encode(tools=(Tool(name="f", schema=optional, strict=True),))
    assert json.loads(got.body)["tools"][0]["function"]["strict"] is False
    assert lost(got) == ["tools.strict"]
    without = encode(Facts(strict_tools=False), tools=(Tool(name="f", schema=CLOSED, strict=True),))
    assert b"strict" not in without.body
    assert lost(without) == ["tools.strict"]


def test_E40_long_and_odd_names_are_mapped_everywhere_and_back() -> None:
    history = (
        *HI,
        Message("assistant", (ToolCall(id="a", name=LONG, arguments="{}"),)),
        Message("user", (ToolResult(call_id="a"),)),
    )
    got = encode(
        messages=history,
        tools=(Tool(name=LONG), Tool(name="a.b"), Tool(name="fine")),
        tool_choice=ToolChoice("tool", LONG),
    )
    sent = json.loads(got.body)
    short, dotted, fine = [tool["function"]["name"] for tool in sent["tools"]]
    assert len(short) == 64
    assert short.startswith("mcp__server_")
    assert dotted.startswith("a_b_")
    assert fine == "fine"
    assert sent["tool_choice"]["function"]["name"] == short
    assert sent["messages"][1]["tool_calls"][0]["function"]["name"] == short
    assert got.tool_names == {short: LONG, dotted: "a.b"}
    assert encode(tools=(Tool(name=LONG),)).tool_names == {short: LONG}


def test_E41_freeform_tools_become_functions_with_one_string() -> None:
    history = (
        *HI,
        Message("assistant", (ToolCall(id="a", name="patch", arguments="*** Begin\n", kind="custom"),)),
        Message("user", (ToolResult(call_id="a"),)),
    )
    grammar = Raw(b'{"type":"grammar","syntax":"lark","definition":"start: x"}')
    got = encode(
        messages=history, tools=(Tool(name="patch", kind="custom", description="Edit.", raw=grammar),)
    )
    sent = json.loads(got.body)
    (tool,) = sent["tools"]
    assert tool["function"]["parameters"]["required"] == ["input"]
    assert "start: x" in tool["function"]["description"]
    assert sent["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"input":"*** Begin\\n"}'
    assert got.custom_tools == frozenset({"patch"})


@pytest.mark.parametrize(
    ("vendor_type", "wanted"),
    [
        ("bash_20250124", "command"),
        ("text_editor_20250728", "path"),
        ("memory_20250818", "old_path"),
        ("computer_20251124", "coordinate"),
    ],
)
def test_E48_typed_client_tools_get_their_schema(vendor_type: str, wanted: str) -> None:
    (function,) = functions(
        tools=(Tool(name="mine", kind="client", vendor_type=vendor_type, raw=Raw(b"{}")),)
    )
    assert function["name"] == "mine"
    parameters = function["parameters"]
    assert isinstance(parameters, dict)
    assert wanted in parameters["properties"]


def test_E48_an_unknown_client_tool_is_a_loss() -> None:
    assert lost(encode(tools=(Tool(name="x", kind="client", vendor_type="new_20270101"),))) == ["tools.x"]


def test_E49_server_tools_are_no_functions() -> None:
    search = Tool(name="web_search", kind="server", vendor_type="web_search_20250305", raw=Raw(b"{}"))
    got = encode(tools=(search,), tool_choice=ToolChoice("tool", "web_search"))
    assert json.loads(got.body).keys() == {"model", "messages"}
    assert lost(got) == ["tools.web_search"]
    both = encode(tools=(search, Tool(name="f")), tool_choice=ToolChoice("tool", "web_search"))
    assert "tool_choice" not in json.loads(both.body)
    assert lost(both) == ["tools.web_search", "tool_choice"]


def test_E50_deferred_tools_are_declared_and_the_placeholder_is_not() -> None:
    tools = (Tool(name="DeferredToolPlaceholder", deferred=True), Tool(name="WebSearch", deferred=True))
    got = encode(tools=tools)
    assert [tool["function"]["name"] for tool in json.loads(got.body)["tools"]] == ["WebSearch"]
    assert b"defer" not in got.body


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("any"), "required"),
        (ToolChoice("none"), "none"),
        (ToolChoice("tool", "f"), {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_tool_choice(choice: ToolChoice, expected: object) -> None:
    assert body(tools=(Tool(name="f"),), tool_choice=choice)["tool_choice"] == expected
    assert "tool_choice" not in body(tool_choice=choice)


def test_a_target_that_cannot_be_forced() -> None:
    got = encode(Facts(forced_tools=False), tools=(Tool(name="f"),), tool_choice=ToolChoice("any"))
    assert json.loads(got.body)["tool_choice"] == "auto"
    assert lost(got) == ["tool_choice"]


def test_parallel_calls_and_marks_on_tools() -> None:
    tools = (Tool(name="f"),)
    assert body(tools=tools, parallel_tool_calls=False)["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in body(parallel_tool_calls=False)
    assert lost(encode(Facts(parallel_switch=False), tools=tools, parallel_tool_calls=False)) == [
        "parallel_tool_calls"
    ]
    assert lost(encode(Facts(parallel_switch=False), tools=tools, parallel_tool_calls=True)) == []


def test_structured_output() -> None:
    wanted = OutputFormat(kind="json_schema", name="n", schema=CLOSED, strict=True)
    assert body(output_format=wanted)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": json.loads(bytes(CLOSED)), "strict": True},
    }
    forced = encode(Facts(structured="tool"), output_format=wanted)
    assert forced.structured_tool == "structured_output"
    assert json.loads(forced.body)["tool_choice"] == {
        "type": "function",
        "function": {"name": "structured_output"},
    }
    words = encode(Facts(structured="none"), output_format=wanted, system=(Text("Be brief."),))
    instruction = json.loads(words.body)["messages"][0]["content"]
    assert instruction.startswith("Be brief.\n\nAnswer with one JSON object")
    assert bytes(CLOSED).decode() in instruction
    assert lost(words) == ["response_format"]
    assert body(output_format=OutputFormat(kind="json_object"))["response_format"] == {
        "type": "json_object"
    }
    asked = body(Facts(structured="tool"), output_format=OutputFormat(kind="json_object"))
    assert "response_format" not in asked


CLAUDE = Facts(reasoning="budget")
ADAPTIVE = Facts(reasoning="adaptive")
EFFORT = Facts(reasoning="effort")


@pytest.mark.parametrize(
    ("facts", "reasoning", "expected"),
    [
        (EFFORT, Reasoning(effort="low"), {"reasoning_effort": "low"}),
        (EFFORT, Reasoning(mode="budget", budget=4096), {"reasoning_effort": "low"}),
        (EFFORT, Reasoning(mode="budget", budget=31999), {"reasoning_effort": "xhigh"}),
        (EFFORT, Reasoning(mode="off"), {"reasoning_effort": "none"}),
        (
            replace(EFFORT, effort_levels=("low", "medium", "high")),
            Reasoning(effort="max"),
            {"reasoning_effort": "high"},
        ),
        (
            replace(EFFORT, effort_levels=("minimal", "low")),
            Reasoning(mode="off"),
            {"reasoning_effort": "minimal"},
        ),
        (
            CLAUDE,
            Reasoning(mode="budget", budget=4000),
            {"thinking": {"type": "enabled", "budget_tokens": 4000}},
        ),
        (
            CLAUDE,
            Reasoning(mode="budget", budget=10),
            {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        ),
        (CLAUDE, Reasoning(effort="high"), {"thinking": {"type": "enabled", "budget_tokens": 24576}}),
        (CLAUDE, Reasoning(effort="max"), {"thinking": {"type": "enabled", "budget_tokens": 31999}}),
        (CLAUDE, Reasoning(mode="off"), {"thinking": {"type": "disabled"}}),
        (
            ADAPTIVE,
            Reasoning(mode="adaptive", effort="minimal", display="omitted"),
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "low"}},
        ),
        (ADAPTIVE, Reasoning(mode="adaptive"), {"thinking": {"type": "adaptive"}}),
        (
            ADAPTIVE,
            Reasoning(mode="budget", budget=10240),
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}},
        ),
        (ADAPTIVE, Reasoning(effort="high"), {"output_config": {"effort": "high"}}),
        (replace(ADAPTIVE, reasoning_always=True), Reasoning(mode="off"), {}),
        (
            Facts(reasoning="budget_or_adaptive"),
            Reasoning(mode="budget", budget=2000),
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        ),
        (
            Facts(reasoning="budget_or_adaptive"),
            Reasoning(mode="adaptive"),
            {"thinking": {"type": "adaptive"}},
        ),
        (Facts(), Reasoning(mode="adaptive", effort="high"), {}),
    ],
)
def test_E92_thinking_in_the_targets_spelling(
    facts: Facts, reasoning: Reasoning, expected: dict[str, object]
) -> None:
    found = body(facts, reasoning=reasoning, max_tokens=32000)
    keys = ("reasoning_effort", "thinking", "output_config")
    assert {key: found[key] for key in keys if key in found} == expected


def test_a_chat_clients_effort_switches_thinking_on() -> None:
    found = json.loads(encode(ADAPTIVE, "openai_chat", reasoning=Reasoning(effort="high")).body)
    assert (found["thinking"], found["output_config"]) == ({"type": "adaptive"}, {"effort": "high"})


def test_asking_a_model_without_thinking_is_a_loss() -> None:
    assert lost(encode(reasoning=Reasoning(effort="high"))) == ["reasoning"]
    assert lost(encode(reasoning=Reasoning(mode="off"))) == []


@pytest.mark.parametrize(
    ("cap", "max_tokens", "budget", "expected"),
    [
        (None, 1000, 4000, (5000, 4000)),
        (None, None, 4000, (5024, 4000)),
        (4500, 1000, 4000, (4500, 4000)),
        (3000, 1000, 4000, (3000, 2999)),
        (1000, 1000, 4000, (1000, None)),
    ],
)
def test_E91_the_budget_has_room(
    cap: int | None, max_tokens: int | None, budget: int, expected: tuple[int, int | None]
) -> None:
    facts = replace(CLAUDE, max_output_tokens=cap)
    found = body(facts, reasoning=Reasoning(mode="budget", budget=budget), max_tokens=max_tokens)
    thinking = found.get("thinking", {})
    assert isinstance(thinking, dict)
    assert (found["max_tokens"], thinking.get("budget_tokens")) == expected


def test_E47_no_thinking_with_a_forced_tool_and_no_sampling_with_thinking() -> None:
    asked = Reasoning(mode="budget", budget=4000)
    forced = encode(CLAUDE, tools=(Tool(name="f"),), tool_choice=ToolChoice("any"), reasoning=asked)
    assert "thinking" not in json.loads(forced.body)
    assert lost(forced) == ["thinking"]
    warm = encode(CLAUDE, reasoning=asked, sampling=Sampling(temperature=0.2, top_k=3))
    assert "temperature" not in json.loads(warm.body)
    assert lost(warm) == ["temperature", "top_k"]


@pytest.mark.parametrize(
    ("effort", "levels", "expected"),
    [
        ("minimal", ("low", "high", "xhigh", "max"), "low"),
        ("medium", ("low", "high", "xhigh", "max"), "high"),
        ("low", ("none", "high"), "high"),
        ("ultra", ("low",), "ultra"),
        ("high", (), "high"),
    ],
)
def test_nearest_level(effort: str, levels: tuple[str, ...], expected: str) -> None:
    assert nearest(effort, levels) == expected

"""Everything of a request but its conversation, as a target takes it."""

from typing import Any

import msgspec
import pytest

from protocols.anthropic_messages.room import (
    ROOM,
    ask,
    assistant,
    body,
    call,
    encode,
    lost,
    raw,
    result,
    sent,
    user,
)
from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.types import (
    CacheMark,
    Extra,
    Message,
    OutputFormat,
    Reasoning,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)

HI = user("hi")
READ = Tool(name="Read", description="d", schema=raw({"type": "object", "properties": {}}))
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
FORM = OutputFormat(kind="json_schema", name="answer", schema=raw(SCHEMA))


def test_the_smallest_body() -> None:
    assert encode(ask(HI)).body == (
        b'{"model":"claude","max_tokens":1000,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}'
    )
    assert lost(ask(HI)) == []


@pytest.mark.parametrize(
    ("asked", "facts", "expected"),
    [
        (None, Facts(), 32000),
        (None, Facts(max_output_tokens=8192), 8192),
        (100, Facts(max_output_tokens=8192), 100),
        (9000, Facts(max_output_tokens=8192), 8192),
    ],
)
def test_max_tokens_is_always_there_and_within_the_limit(
    asked: int | None, facts: Facts, expected: int
) -> None:
    request = ask(HI, max_tokens=asked)
    assert sent(request, facts)["max_tokens"] == expected
    assert lost(request, facts) == (["max_tokens"] if asked == 9000 else [])


BUDGET = Facts(reasoning="budget")
ADAPTIVE = Facts(reasoning="adaptive")
BOTH = Facts(reasoning="budget_or_adaptive")


@pytest.mark.parametrize(
    ("reasoning", "facts", "expected"),
    [
        (Reasoning(effort="minimal"), BUDGET, ({"type": "enabled", "budget_tokens": 1024}, None, 2024)),
        (Reasoning(effort="low"), BUDGET, ({"type": "enabled", "budget_tokens": 4096}, None, 5096)),
        (Reasoning(effort="medium"), BUDGET, ({"type": "enabled", "budget_tokens": 10240}, None, 11240)),
        (Reasoning(effort="high"), BUDGET, ({"type": "enabled", "budget_tokens": 24576}, None, 25576)),
        (
            Reasoning(effort="max"),
            Facts(reasoning="budget", max_output_tokens=64000),
            ({"type": "enabled", "budget_tokens": 63999}, None, 64000),
        ),
        (
            Reasoning(mode="budget", budget=10),
            BUDGET,
            ({"type": "enabled", "budget_tokens": 1024}, None, 2024),
        ),
        (Reasoning(mode="adaptive"), BUDGET, ({"type": "enabled", "budget_tokens": 24576}, None, 25576)),
        (Reasoning(effort="none"), BUDGET, (None, None, 1000)),
        (Reasoning(mode="off"), ADAPTIVE, ({"type": "disabled"}, None, 1000)),
        (Reasoning(mode="off"), Facts(reasoning="adaptive", reasoning_always=True), (None, None, 1000)),
        (Reasoning(effort="minimal"), ADAPTIVE, ({"type": "adaptive"}, {"effort": "low"}, 1000)),
        (Reasoning(effort="xhigh"), ADAPTIVE, ({"type": "adaptive"}, {"effort": "xhigh"}, 1000)),
        (
            Reasoning(effort="xhigh"),
            Facts(reasoning="adaptive", effort_levels=("low", "medium", "high")),
            ({"type": "adaptive"}, {"effort": "high"}, 1000),
        ),
        (
            Reasoning(mode="budget", budget=31999, display="omitted"),
            ADAPTIVE,
            ({"type": "adaptive", "display": "omitted"}, {"effort": "high"}, 1000),
        ),
        (Reasoning(mode="budget", budget=2000), ADAPTIVE, ({"type": "adaptive"}, {"effort": "low"}, 1000)),
        (
            Reasoning(mode="budget", budget=500),
            BOTH,
            ({"type": "enabled", "budget_tokens": 1024}, None, 2024),
        ),
        (Reasoning(mode="adaptive"), BOTH, ({"type": "adaptive"}, None, 1000)),
        (Reasoning(effort="low"), Facts(reasoning="effort"), (None, {"effort": "low"}, 1000)),
        (Reasoning(effort="low"), Facts(), (None, None, 1000)),
    ],
)
def test_thinking_in_the_form_the_model_takes(reasoning: Reasoning, facts: Facts, expected: Any) -> None:
    found = sent(ask(HI, reasoning=reasoning), facts)
    assert (found.get("thinking"), found.get("output_config"), found["max_tokens"]) == expected


def test_E91_the_budget_shrinks_below_the_cap_and_goes_when_there_is_no_room() -> None:
    capped = Facts(reasoning="budget", max_output_tokens=8192)
    found = sent(ask(HI, reasoning=Reasoning(effort="high")), capped)
    assert (found["max_tokens"], found["thinking"]["budget_tokens"]) == (8192, 8191)
    tiny = Facts(reasoning="budget", max_output_tokens=512)
    request = ask(HI, max_tokens=500, reasoning=Reasoning(effort="high"))
    assert "thinking" not in sent(request, tiny)
    assert lost(request, tiny) == ["thinking"]


def test_reasoning_that_cannot_be_said_is_a_loss() -> None:
    assert lost(ask(HI, reasoning=Reasoning(effort="high")), Facts()) == ["thinking"]
    always = Facts(reasoning="adaptive", reasoning_always=True)
    assert lost(ask(HI, reasoning=Reasoning(mode="off")), always) == ["thinking"]


def test_an_effort_alone_does_not_switch_thinking_on_for_a_client_of_this_protocol() -> None:
    request = ROOM.decode_request(body(output_config={"effort": "high"}))
    found = sent(request, ADAPTIVE)
    assert ("thinking" in found, found["output_config"]) == (False, {"effort": "high"})
    assert lost(request, BUDGET) == ["output_config.effort"]


def test_E47_a_forced_call_and_budgeted_thinking_exclude_each_other() -> None:
    request = ask(HI, tools=(READ,), tool_choice=ToolChoice("any"), reasoning=Reasoning(effort="low"))
    found = sent(request, BUDGET)
    assert (found["tool_choice"], "thinking" in found) == ({"type": "any"}, False)
    assert lost(request, BUDGET) == ["thinking"]
    # Recorded: claude-opus-4-6 takes adaptive thinking and "any" together.
    found = sent(request, ADAPTIVE)
    assert (found["tool_choice"], found["thinking"]) == ({"type": "any"}, {"type": "adaptive"})
    always = Facts(reasoning="budget", reasoning_always=True)
    assert sent(request, always)["tool_choice"] == {"type": "auto"}
    assert lost(request, always) == ["tool_choice"]


def test_a_tool_turn_that_began_without_thinking_goes_on_without() -> None:
    request = ask(
        HI,
        assistant(Thinking(text="t", signature="s", origin="elsewhere"), call("a")),
        user(result("a")),
        reasoning=Reasoning(effort="low"),
    )
    assert "thinking" not in sent(request, BUDGET)
    assert lost(request, BUDGET) == ["messages.thinking", "thinking"]
    assert sent(request, ADAPTIVE)["thinking"] == {"type": "adaptive"}
    late = Message("system", (Text("mind this"),))
    reminded = msgspec.structs.replace(request, messages=(*request.messages, late))
    assert sent(reminded, BUDGET)["messages"][-1]["role"] == "system"
    assert "thinking" not in sent(reminded, BUDGET)
    kept = ask(
        HI,
        assistant(Thinking(text="t", signature="s", origin=BUDGET.origin), call("a")),
        user(result("a")),
        reasoning=Reasoning(effort="low"),
    )
    assert sent(kept, BUDGET)["thinking"]["type"] == "enabled"


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        (None, None, None),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("any"), True, {"type": "any"}),
        (ToolChoice("tool", "Read"), None, {"type": "tool", "name": "Read"}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("any"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("none"), False, {"type": "none"}),
    ],
)
def test_tool_choice(choice: ToolChoice | None, parallel: bool | None, expected: object) -> None:
    request = ask(HI, tools=(READ,), tool_choice=choice, parallel_tool_calls=parallel)
    assert sent(request).get("tool_choice") == expected


def test_tool_choice_as_the_target_can() -> None:
    forced = ask(HI, tools=(READ,), tool_choice=ToolChoice("any"), parallel_tool_calls=False)
    facts = Facts(forced_tools=False, parallel_switch=False)
    assert sent(forced, facts)["tool_choice"] == {"type": "auto"}
    assert lost(forced, facts) == ["tool_choice", "parallel_tool_calls"]
    assert "tool_choice" not in sent(ask(HI, tool_choice=ToolChoice("any")))
    assert lost(ask(HI, tool_choice=ToolChoice("any"))) == ["tool_choice"]


def test_allowed_tools_are_the_tools_that_are_sent() -> None:
    request = ask(HI, tools=(READ, Tool(name="Write")), tool_choice=ToolChoice("any", allowed=("Read",)))
    found = sent(request)
    assert [tool["name"] for tool in found["tools"]] == ["Read"]
    assert found["tool_choice"] == {"type": "any"}


def test_function_tools() -> None:
    tools = (
        Tool(name="a", schema=raw({"properties": {}}), strict=True, deferred=True, cache=CacheMark("1h")),
        Tool(name="b", strict=False),
    )
    assert sent(ask(HI, tools=tools))["tools"] == [
        {
            "name": "a",
            "input_schema": {"type": "object", "properties": {}},
            "strict": True,
            "defer_loading": True,
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
        },
        {"name": "b", "input_schema": {"type": "object", "properties": {}}},
    ]
    plain = Facts(strict_tools=False, deferred_tools=False)
    assert "strict" not in sent(ask(HI, tools=tools), plain)["tools"][0]
    assert lost(ask(HI, tools=tools), plain) == ["tools.strict"]


def test_a_schema_keeps_its_bytes() -> None:
    spelled = b'{ "type":"object", "properties":{"n":{"maximum":9007199254740991,"default":1.0}} }'
    request = ask(HI, tools=(Tool(name="a", schema=msgspec.Raw(spelled)),))
    assert spelled in encode(request).body


def test_E40_long_names_are_shortened_everywhere_and_mapped_back() -> None:
    name = "mcp__" + "server_" * 12 + "__tool"
    request = ask(
        HI,
        assistant(call("a", name=name)),
        user(result("a")),
        tools=(Tool(name=name), Tool(name="odd.name")),
        tool_choice=ToolChoice("tool", name),
    )
    found = encode(request)
    wire = msgspec.json.decode(found.body)
    short, odd = (tool["name"] for tool in wire["tools"])
    assert len(short) == 64
    assert wire["tool_choice"]["name"] == short == wire["messages"][1]["content"][0]["name"]
    assert found.tool_names == {short: name, odd: "odd.name"}
    assert sent(request, Facts(tool_name_limit=128))["tools"][0]["name"] == name


def test_E41_freeform_tools_become_functions_of_one_string() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: X"}
    tool = Tool(name="apply_patch", kind="custom", description="Edit.", raw=raw({"format": grammar}))
    found = encode(ask(HI, tools=(tool,)))
    [wire] = msgspec.json.decode(found.body)["tools"]
    assert wire["input_schema"]["required"] == ["input"]
    assert wire["description"].startswith("Edit.")
    assert "start: X" in wire["description"]
    assert found.custom_tools == {"apply_patch"}


def test_E48_E49_vendor_tools_go_back_as_they_came_or_are_noted() -> None:
    bash = {"type": "bash_20250124", "name": "bash"}
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
    request = ROOM.decode_request(body(tools=[bash, search], messages=[{"role": "user", "content": "x"}]))
    assert sent(request)["tools"] == [bash, search]
    assert sent(request, Facts(server_tools=False))["tools"] == [bash]
    assert lost(request, Facts(server_tools=False)) == ["tools.web_search"]
    foreign = ask(HI, tools=(Tool(name="local_shell", kind="client", vendor_type="local_shell"),))
    assert lost(foreign) == ["tools.local_shell"]


def test_E50_the_placeholder_goes_where_tools_are_not_deferred() -> None:
    tools = (Tool(name="DeferredToolPlaceholder", deferred=True), Tool(name="WebFetch", deferred=True))
    found = sent(ask(HI, tools=tools), Facts(deferred_tools=False))["tools"]
    assert [(tool["name"], "defer_loading" in tool) for tool in found] == [("WebFetch", False)]
    assert len(sent(ask(HI, tools=tools))["tools"]) == 2


def test_E51_beta_fields_of_tools_survive_an_edit() -> None:
    tool = {"name": "a", "input_schema": {"type": "object"}, "eager_input_streaming": True}
    request = ROOM.decode_request(body(tools=[tool], messages=[{"role": "user", "content": "x"}]))
    assert sent(request)["tools"] == [tool]
    assert lost(request) == []


@pytest.mark.parametrize(
    ("sampling", "facts", "reasoning", "expected", "losses"),
    [
        (Sampling(temperature=1.5), Facts(), None, {"temperature": 1.0}, ["temperature"]),
        (
            Sampling(temperature=0.5, top_p=0.5, top_k=3),
            Facts(),
            None,
            {"temperature": 0.5, "top_p": 0.5, "top_k": 3},
            [],
        ),
        (
            Sampling(temperature=0.5, top_p=0.5),
            Facts(temperature_with_top_p=False),
            None,
            {"temperature": 0.5},
            ["top_p"],
        ),
        (Sampling(top_p=0.5), Facts(temperature_with_top_p=False), None, {"top_p": 0.5}, []),
        (
            Sampling(temperature=0.2, top_p=0.5, top_k=3),
            Facts(sampling=False),
            None,
            {},
            ["temperature", "top_p", "top_k"],
        ),
        (Sampling(temperature=0.2), BUDGET, Reasoning(effort="low"), {}, ["temperature"]),
        (Sampling(temperature=1), BUDGET, Reasoning(effort="low"), {}, []),
        (Sampling(stop=("END", " ", "")), Facts(), None, {"stop_sequences": ["END"]}, ["stop_sequences"]),
        (
            Sampling(seed=1, frequency_penalty=0.1, presence_penalty=0.2),
            Facts(),
            None,
            {},
            ["seed", "frequency_penalty", "presence_penalty"],
        ),
    ],
)
def test_E90_sampling(
    sampling: Sampling,
    facts: Facts,
    reasoning: Reasoning | None,
    expected: dict[str, object],
    losses: list[str],
) -> None:
    request = ask(HI, sampling=sampling, reasoning=reasoning)
    found = sent(request, facts)
    knobs = ("temperature", "top_p", "top_k", "stop_sequences")
    assert {name: found[name] for name in knobs if name in found} == expected
    assert lost(request, facts) == losses


def test_structured_output_native() -> None:
    found = sent(ask(HI, output_format=FORM))
    assert found["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}


def test_E120_structured_output_by_a_forced_tool() -> None:
    facts = Facts(structured="tool")
    found = encode(ask(HI, output_format=FORM), facts)
    wire = msgspec.json.decode(found.body)
    assert found.structured_tool == "structured_answer"
    assert wire["tools"][0]["input_schema"] == SCHEMA
    assert wire["tool_choice"] == {"type": "tool", "name": "structured_answer"}
    beside = encode(ask(HI, output_format=FORM, tools=(READ, Tool(name="structured_answer"))), facts)
    wire = msgspec.json.decode(beside.body)
    assert beside.structured_tool == "structured_answer_" == wire["tools"][-1]["name"]
    assert wire["tool_choice"] == {"type": "any"}


@pytest.mark.parametrize(
    ("form", "facts"), [(FORM, Facts(structured="none")), (OutputFormat(kind="json_object"), Facts())]
)
def test_structured_output_that_nothing_enforces_is_asked_for(form: OutputFormat, facts: Facts) -> None:
    request = ask(HI, system=(Text("Be kind."),), output_format=form)
    found = sent(request, facts)["system"]
    assert found[0] == {"type": "text", "text": "Be kind."}
    assert "one JSON object" in found[1]["text"]
    assert lost(request, facts) == ["output_format"]


def marks(wire: Any) -> list[str]:
    """Where the cache marks stand, in the order the server reads them."""
    found = [tool["name"] for tool in wire.get("tools", []) if "cache_control" in tool]
    blocks = [
        *wire.get("system", []),
        *(block for message in wire["messages"] for block in message["content"]),
    ]
    return found + [block["text"] for block in blocks if "cache_control" in block]


def test_E103_at_most_four_marks_the_oldest_of_the_messages_go() -> None:
    mark = CacheMark()
    request = ask(
        *(
            Message(role, (Text(name, (), mark),))
            for role, name in (("user", "1"), ("assistant", "2"), ("user", "3"))
        ),
        system=(Text("s", (), mark),),
        tools=(Tool(name="t", cache=mark),),
    )
    assert marks(sent(request)) == ["t", "s", "2", "3"]
    assert lost(request) == ["cache_control"]
    four = ask(user(Text("1", (), mark)), system=(Text("s", (), mark),), cache=mark)
    assert marks(sent(four)) == ["s", "1"]
    assert sent(four)["cache_control"] == {"type": "ephemeral"}
    assert lost(four) == []


def test_E103_lifetimes() -> None:
    request = ask(user(Text("late", (), CacheMark("1h"))), system=(Text("s", (), CacheMark()),))
    assert sent(request)["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}
    assert lost(request) == ["cache_control.ttl"]
    kept = ask(user(Text("late", (), CacheMark("5m"))), system=(Text("s", (), CacheMark("1h")),))
    assert sent(kept)["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert lost(kept) == []
    assert lost(kept, Facts(cache_ttl=False)) == ["cache_control.ttl"]


def test_E88_more_than_one_answer_is_refused() -> None:
    with pytest.raises(GatewayError, match="2 answers") as caught:
        sent(ask(HI, choices=2))
    assert caught.value.status == 400
    assert lost(ask(HI, choices=1)) == []


def test_what_no_field_says_is_a_loss() -> None:
    request = ask(
        HI,
        extras=(Extra("logit_bias", raw({"1": 2})), Extra("store", raw(False))),
        prompt_cache_key="k",
        service_tier="flex",
    )
    assert lost(request) == ["service_tier", "prompt_cache_key", "logit_bias"]


def test_E63_users_and_tiers() -> None:
    found = sent(ask(HI, user="u1", service_tier="default"))
    assert (found["metadata"], found["service_tier"]) == ({"user_id": "u1"}, "standard_only")
    assert len(sent(ask(HI, user="u" * 300))["metadata"]["user_id"]) == 64


def test_extras_of_this_protocol_survive_an_edit() -> None:
    fields: dict[str, Any] = {
        "context_management": {"edits": []},
        "output_config": {"task_budget": 5},
        "metadata": {"user_id": "u", "team": "t"},
        "novel": [1],
        "messages": [{"role": "user", "content": "x"}],
    }
    request = ROOM.decode_request(body(**fields))
    found = sent(request)
    assert {name: found[name] for name in fields if name != "messages"} == {
        name: value for name, value in fields.items() if name != "messages"
    }
    assert lost(request) == []

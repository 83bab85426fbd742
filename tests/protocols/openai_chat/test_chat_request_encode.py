"""Neutral requests to bodies: messages, calls and results."""

import json
from itertools import pairwise

import msgspec
import pytest
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
from trunkline.protocols.codec import Encoded
from trunkline.protocols.openai_chat import OPENAI_CHAT

PLAIN = Facts()


class Messages(msgspec.Struct):
    messages: list[msgspec.Raw]


MESSAGES = msgspec.json.Decoder(Messages)
MAKER = Facts(provider="p", model="m")
CLAUDE = Facts(
    provider="dbx",
    model="claude",
    cache_marks=True,
    cache_ttl=False,
    reasoning="budget",
    reasoning_history="content_list",
    stream_options=False,
    parallel_switch=False,
    late_system=False,
)
MARK = CacheMark()


def turn(role: Role, *parts: Part) -> Message:
    return Message(role, parts)


def call(call_id: str, name: str = "f", arguments: str = "{}") -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments)


def result(
    call_id: str, *parts: Part | str, is_error: bool = False, cache: CacheMark | None = None
) -> ToolResult:
    content = tuple(Text(part) if isinstance(part, str) else part for part in parts)
    return ToolResult(call_id=call_id, content=content, is_error=is_error, cache=cache)


def request(*messages: Message, protocol: str = "anthropic_messages", **fields: object) -> Request:
    return Request(protocol=protocol, model="m", messages=messages or (turn("user", Text("hi")),), **fields)  # type: ignore[arg-type]  # the tests' own shorthand


def encode(*messages: Message, facts: Facts = PLAIN, **fields: object) -> Encoded:
    return OPENAI_CHAT.encode_request(request(*messages, **fields), facts)


def sent(*messages: Message, facts: Facts = PLAIN, **fields: object) -> list[object]:
    found: list[object] = json.loads(encode(*messages, facts=facts, **fields).body)["messages"]
    return found


def body(facts: Facts = PLAIN, **fields: object) -> dict[str, object]:
    found: dict[str, object] = json.loads(encode(facts=facts, **fields).body)
    return found


def lost(encoded: Encoded) -> list[str]:
    return [loss.field for loss in encoded.losses]


def tool_calls(*ids: str) -> list[dict[str, object]]:
    return [{"type": "function", "id": name, "function": {"name": "f", "arguments": "{}"}} for name in ids]


def test_byte_for_byte() -> None:
    got = encode(
        turn("user", Text("Wie?")),
        turn(
            "assistant", Text("So: "), Text("ü"), call("a", arguments='{"x":1.0,"y":12345678901234567890}')
        ),
        turn("user", result("a", "ok"), Text("weiter")),
        system=(Text("One"), Text("Two")),
        stream=True,
        max_tokens=9,
    )
    assert got.body.decode() == (
        '{"model":"m","messages":[{"role":"system","content":"One\\n\\nTwo"},{"role":"user","content":"Wie?"},'
        '{"role":"assistant","content":"So: ü","tool_calls":[{"type":"function","id":"a","function":{"name":"f",'
        '"arguments":"{\\"x\\":1.0,\\"y\\":12345678901234567890}"}}]},'
        '{"role":"tool","tool_call_id":"a","content":"ok"},{"role":"user","content":"weiter"}],'
        '"max_tokens":9,"stream":true,"stream_options":{"include_usage":true}}'
    )
    assert got.losses == ()


def test_E30_E32_results_follow_their_call_in_call_order() -> None:
    assert sent(
        turn("user", Text("hi")),
        turn("assistant", call("a"), call("b")),
        turn("user", Text("between")),
        turn("system", Text("note")),
        turn("user", result("b", "2"), result("a", "1"), Text("after")),
    )[1:] == [
        {"role": "assistant", "content": None, "tool_calls": tool_calls("a", "b")},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": "2"},
        {"role": "user", "content": "between"},
        {"role": "system", "content": "note"},
        {"role": "user", "content": "after"},
    ]


def test_E34_orphans_become_user_text() -> None:
    assert sent(turn("user", result("z", "old", is_error=True), Text("go"))) == [
        {"role": "user", "content": "Result of an earlier tool call (z): Error: old\n\ngo"}
    ]
    assert sent(turn("assistant", call("a")), turn("user", result("a", "1"), result("a", "again")))[2:] == [
        {"role": "user", "content": "Result of an earlier tool call (a): again"}
    ]


def test_E35_missing_results_are_unknown_not_failed() -> None:
    said = sent(turn("assistant", call("a"), call("b")), turn("user", result("b", "2"), Text("go")))
    assert said[1] == {
        "role": "tool",
        "tool_call_id": "a",
        "content": "Error: no result was recorded for this call; whether it ran is unknown",
    }
    assert said[2:] == [
        {"role": "tool", "tool_call_id": "b", "content": "2"},
        {"role": "user", "content": "go"},
    ]


def test_E36_pictures_in_results_follow_all_results() -> None:
    picture = Image(media_type="image/png", data="AAAA")
    assert sent(
        turn("assistant", call("a"), call("b")),
        turn("user", result("a", "see", picture), result("b", "2"), Text("well?")),
    )[1:] == [
        {"role": "tool", "tool_call_id": "a", "content": "see\n[image: in the next user message]"},
        {"role": "tool", "tool_call_id": "b", "content": "2"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "The image in the result of f (a):"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "text", "text": "well?"},
            ],
        },
    ]
    alone = sent(
        turn("assistant", call("a")), turn("user", result("a", picture)), turn("assistant", Text("x"))
    )
    assert [message["role"] for message in alone if isinstance(message, dict)] == [
        "assistant",
        "tool",
        "user",
        "assistant",
    ]


def test_E37_errors_carry_a_prefix_and_come_back() -> None:
    messages = (turn("assistant", call("a")), turn("user", result("a", "gone", is_error=True)))
    assert sent(*messages)[1] == {"role": "tool", "tool_call_id": "a", "content": "Error: gone"}
    back = OPENAI_CHAT.decode_request(encode(*messages).body)
    assert back.messages == messages


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", "{}"),
        ("  ", "{}"),
        ('{"x": 1}', '{"x": 1}'),
        (' {"x":1} ', '{"x":1}'),
        ('{"x":', '{"_raw":"{\\"x\\":"}'),
        ("[1]", '{"_raw":"[1]"}'),
    ],
)
def test_E24_arguments_are_an_object(arguments: str, expected: str) -> None:
    (message, _) = sent(turn("assistant", call("a", arguments=arguments)))
    assert isinstance(message, dict)
    assert message["tool_calls"][0]["function"]["arguments"] == expected


def test_E13_a_calls_proof_goes_back_to_its_maker_only() -> None:
    """Others refuse the field."""

    def proven(origin: str | None) -> Encoded:
        proof = replace(call("a"), proof="c2ln", proof_origin=origin)
        return encode(turn("user", Text("go")), turn("assistant", proof), turn("user", result("a", "ok")))

    own = json.loads(proven(PLAIN.origin).body)["messages"][1]["tool_calls"][0]
    assert own["thoughtSignature"] == "c2ln"
    for origin in (None, "another"):
        encoded = proven(origin)
        assert b"thoughtSignature" not in encoded.body
        assert lost(encoded) == ["messages.proof"]


def test_E52_several_calls_become_pairs() -> None:
    said = sent(
        turn("assistant", Text("ok"), call("a"), call("b")),
        turn("user", result("b", "2"), result("a", "1")),
        facts=Facts(single_calls=True),
    )
    assert said == [
        {"role": "assistant", "content": "ok", "tool_calls": tool_calls("a")},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "assistant", "content": None, "tool_calls": tool_calls("b")},
        {"role": "tool", "tool_call_id": "b", "content": "2"},
    ]


def test_E55_blank_text_goes_and_its_mark_moves() -> None:
    assert sent(
        turn("user", Text(" \n"), Text("x")), turn("assistant", Text("")), turn("user", Text(""))
    ) == [
        {"role": "user", "content": "x"},
        {"role": "user", "content": "(empty)"},
    ]
    assert sent(turn("user", Text("x"), Text("", (), MARK)), facts=CLAUDE) == [
        {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}
    ]
    assert sent(turn("user", Text("", (), MARK), Text("x")), facts=CLAUDE) == [
        {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}
    ]


def test_E56_null_or_empty_beside_calls() -> None:
    (message, _) = sent(turn("assistant", call("a")), facts=Facts(null_content=False))
    assert message == {"role": "assistant", "content": "", "tool_calls": tool_calls("a")}


def test_E57_instructions_in_the_middle() -> None:
    messages = (turn("user", Text("hi")), turn("developer", Text("note")), turn("system", Text(" ")))
    assert sent(*messages)[1:] == [{"role": "system", "content": "note"}]
    assert sent(*messages, facts=Facts(developer_role=True))[1:] == [
        {"role": "developer", "content": "note"}
    ]
    got = encode(*messages, facts=Facts(late_system=False))
    assert json.loads(got.body)["messages"][1:] == [
        {"role": "user", "content": "<developer>\nnote\n</developer>"}
    ]
    assert lost(got) == ["messages.role.developer"]


def test_E58_the_attribution_line_stays_behind() -> None:
    line = "x-anthropic-billing-header: cc_version=2.1; cc_entrypoint=cli;"
    got = encode(system=(Text(line), Text("You are")))
    assert json.loads(got.body)["messages"][0] == {"role": "system", "content": "You are"}
    assert lost(got) == ["system.attribution"]
    assert sent(system=(Text(f"{line}\nYou are"),))[0] == {"role": "system", "content": "You are"}


def test_E60_images_that_cannot_be_carried_are_refused() -> None:
    for part, facts in [
        (Image(url="https://a.example/x.png"), Facts(image_urls=False)),
        (Image(media_type="image/png", data="AA"), Facts(images=False)),
        (Image(file_id="file-1"), PLAIN),
        (Document(media_type="application/pdf", data="JV"), Facts(documents=False)),
        (Document(url="https://a.example/x.pdf"), PLAIN),
        (Audio(data="x", format="wav"), Facts(audio=False)),
    ]:
        with pytest.raises(GatewayError) as caught:
            encode(turn("user", part), facts=facts)
        assert caught.value.kind is Kind.INVALID_REQUEST


def test_E62_documents() -> None:
    text = Document(text="body", title="Plan", context="2026")
    nested = Document(title="Hit", parts=(Text("a"), Text("b")))
    search = Opaque("anthropic_messages", "search_result", Raw(b"{}"), "Title\nhttps://a.example\ntext")
    pdf = Document(media_type="application/pdf", data="JV", title="a.pdf")
    assert sent(turn("user", text, nested, search)) == [
        {
            "role": "user",
            "content": "Document 'Plan' (2026):\nbody\n\nDocument 'Hit':\n\na\n\nb\n\nTitle\nhttps://a.example\ntext",
        }
    ]
    assert sent(turn("user", pdf))[0] == {
        "role": "user",
        "content": [
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JV"}}
        ],
    }


def test_E63_user_ids_are_hashed_when_long_or_json() -> None:
    assert body(user="u1")["user"] == "u1"
    for user in ("x" * 65, '{"device_id":"d"}'):
        hashed = body(user=user)["user"]
        assert isinstance(hashed, str)
        assert len(hashed) == 64
        assert hashed == body(user=user)["user"]


def test_E43_prefill() -> None:
    messages = (turn("user", Text("hi")), turn("assistant", Text("So")))
    assert sent(*messages)[-1] == {"role": "assistant", "content": "So"}
    assert sent(*messages, facts=Facts(prefill=False))[-1] == {"role": "user", "content": "Continue."}


def thinking(text: str = "hm", origin: str | None = MAKER.origin, **fields: str) -> Thinking:
    return Thinking(text=text, origin=origin, **fields)  # type: ignore[arg-type]  # the tests' own shorthand


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_E11_plain_reasoning_goes_back_under_its_name(field: str) -> None:
    facts = replace(MAKER, reasoning_history=field, reasoning_required=True)
    said = sent(
        turn("assistant", thinking("hm", "foreign", signature="s"), call("a")),
        turn("user", result("a", "1")),
        turn("assistant", call("b")),
        turn("user", result("b", "1")),
        turn("assistant", Text("done")),
        facts=facts,
    )
    assert [
        message.get(field)
        for message in said
        if isinstance(message, dict) and message["role"] == "assistant"
    ] == [
        "hm",
        "",
        None,
    ]


def test_E05_E08_proofs_go_to_their_maker_only() -> None:
    facts = replace(MAKER, reasoning_history="reasoning_details")
    own, foreign = thinking(signature="s"), thinking("no", "other", signature="t")
    got = encode(turn("assistant", own, foreign, thinking("", redacted="xyz"), Text("x")), facts=facts)
    assert json.loads(got.body)["messages"] == [
        {
            "role": "assistant",
            "content": "x",
            "reasoning_details": [
                {"type": "reasoning.text", "text": "hm", "signature": "s", "index": 0},
                {"type": "reasoning.encrypted", "data": "xyz", "index": 1},
            ],
        }
    ]
    assert lost(got) == ["messages.thinking"]
    assert lost(encode(turn("assistant", thinking("no", None, signature="t"), Text("x")), facts=facts)) == [
        "messages.thinking"
    ]


def test_E09_an_encrypted_entry_of_a_named_format_returns_whole() -> None:
    entry = '{"type":"reasoning.encrypted","data":"g","format":"google-gemini-v1"}'
    facts = replace(MAKER, reasoning_history="reasoning_details")
    (message,) = sent(turn("assistant", thinking("", redacted=entry), Text("x")), facts=facts)
    assert isinstance(message, dict)
    assert message["reasoning_details"] == [json.loads(entry)]


def test_E16_databricks_takes_reasoning_in_the_content_list() -> None:
    facts = replace(MAKER, reasoning_history="content_list")
    got = sent(
        turn(
            "assistant",
            thinking(signature="s"),
            Text("a"),
            thinking("", redacted="xyz"),
            thinking("no", "other"),
            call("i"),
        ),
        facts=facts,
    )
    assert got[0] == {
        "role": "assistant",
        "content": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm", "signature": "s"}]},
            {"type": "text", "text": "a"},
            {"type": "reasoning", "summary": [{"type": "summary_encrypted_text", "data": "xyz"}]},
        ],
        "tool_calls": tool_calls("i"),
    }


def test_thinking_nobody_takes_is_a_loss_and_an_empty_turn_goes() -> None:
    got = encode(turn("user", Text("hi")), turn("assistant", thinking()), turn("user", Text("and?")))
    assert [message["role"] for message in json.loads(got.body)["messages"]] == ["user", "user"]
    assert lost(got) == ["messages.thinking"]


def test_E103_E105_cache_marks() -> None:
    got = encode(
        turn("user", Text("one", (), CacheMark("1h"))),
        turn("assistant", call("a"), call("b")),
        turn("user", result("a", "1"), result("b", "2", cache=MARK)),
        facts=CLAUDE,
        system=(Text("sys", (), MARK),),
    )
    bare = {"type": "ephemeral"}
    assert json.loads(got.body)["messages"] == [
        {"role": "system", "content": [{"type": "text", "text": "sys", "cache_control": bare}]},
        {"role": "user", "content": [{"type": "text", "text": "one", "cache_control": bare}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [tool_calls("a")[0], {**tool_calls("b")[0], "cache_control": bare}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": "2"},
    ]
    assert lost(got) == ["cache_control.ttl"]
    long = encode(turn("user", Text("x", (), CacheMark("1h"))), facts=replace(CLAUDE, cache_ttl=True))
    assert b'"cache_control":{"type":"ephemeral","ttl":"1h"}' in long.body
    without = encode(turn("user", Text("x", (), MARK)))
    assert b"cache_control" not in without.body
    assert lost(without) == ["cache_control"]


@pytest.mark.parametrize(
    "facts", [PLAIN, CLAUDE, Facts(single_calls=True, reasoning_history="reasoning_content")]
)
def test_E104_a_longer_conversation_keeps_its_prefix(facts: Facts) -> None:
    picture = Image(media_type="image/png", data="AAAA")
    history = [
        turn("user", Text("one"), Text("two")),
        turn(
            "assistant",
            Thinking(text="hm", signature="s", origin=facts.origin),
            Text("ok"),
            call("a"),
            call("b"),
        ),
        turn("user", result("a", "1", picture), result("b", "2")),
        turn("assistant", Text("fine"), Thinking(text="hm", origin="other")),
        turn("system", Text("note")),
        turn("user", Text("three")),
        turn("assistant", call("c")),
        turn("user", result("c", "", is_error=True), Text("four")),
        turn("assistant", Text("bye")),
        turn("user", Text("five")),
    ]
    ends = [position + 1 for position, message in enumerate(history) if message.role == "user"]
    bodies = [encode(*history[:end], facts=facts, system=(Text("sys"),)).body for end in ends]
    turns = [MESSAGES.decode(found).messages for found in bodies]
    for shorter, longer in pairwise(turns):
        assert longer[: len(shorter)] == shorter
        assert len(longer) > len(shorter)
    assert encode(*history, facts=facts).body == encode(*history, facts=facts).body


def test_a_same_protocol_request_keeps_what_others_lose() -> None:
    original = {
        "model": "m",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "hi", "name": "ann"},
            {"role": "assistant", "content": "x"},
            {"role": "user", "content": [{"type": "video_url", "video_url": {"url": "u"}}]},
        ],
        "temperature": 0.5,
        "service_tier": "flex",
        "logit_bias": {"5": 1},
        "n": 2,
    }
    decoded = OPENAI_CHAT.decode_request(json.dumps(original).encode())
    got = OPENAI_CHAT.encode_request(decoded, PLAIN)
    assert json.loads(got.body) == original
    assert got.losses == ()


def test_losses_of_another_protocol() -> None:
    got = encode(
        sampling=Sampling(top_k=5, temperature=0.5, stop=("a", "b", "c", "d", "e")),
        service_tier="auto",
        cache=MARK,
        extras=(Extra("context_management", Raw(b"{}")),),
    )
    sent_body = json.loads(got.body)
    assert sent_body["stop"] == ["a", "b", "c", "d"]
    assert "top_k" not in sent_body
    assert lost(got) == ["top_k", "stop", "service_tier", "cache_control", "context_management"]
    opaque = Opaque("anthropic_messages", "container_upload", Raw(b"{}"))
    assert lost(encode(turn("user", opaque, Text("x")))) == ["messages.content.container_upload"]


def test_E89_E90_limits_and_sampling_by_facts() -> None:
    facts = Facts(max_tokens_field="max_completion_tokens", max_output_tokens=100, sampling=False)
    got = encode(facts=facts, max_tokens=500, sampling=Sampling(temperature=0.5, top_p=0.5))
    assert json.loads(got.body)["max_completion_tokens"] == 100
    assert lost(got) == ["max_tokens", "temperature", "top_p"]
    both = encode(facts=Facts(temperature_with_top_p=False), sampling=Sampling(temperature=0.5, top_p=0.5))
    assert json.loads(both.body)["temperature"] == 0.5
    assert lost(both) == ["top_p"]
    assert body(Facts(top_k=True), sampling=Sampling(top_k=5))["top_k"] == 5


def test_E119_allow_lists_and_drops() -> None:
    allowed = encode(facts=Facts(allow=frozenset({"model", "messages", "stream"})), stream=True, user="u")
    assert json.loads(allowed.body).keys() == {"model", "messages", "stream"}
    assert lost(allowed) == ["user"]
    dropped = encode(
        Message("user", (Text("hi"),), "ann"),
        facts=Facts(drop=frozenset({"user", "messages.name"})),
        protocol="openai_chat",
        user="u",
    )
    assert json.loads(dropped.body) == {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    assert lost(dropped) == ["user", "messages.name"]


def test_a_tool_reference_becomes_its_text() -> None:
    reference = Opaque("anthropic_messages", "tool_reference", Raw(b"{}"), "Tool now available: WebSearch")
    assert sent(turn("assistant", call("a")), turn("user", result("a", reference)))[1] == {
        "role": "tool",
        "tool_call_id": "a",
        "content": "Tool now available: WebSearch",
    }


SWITCHES = {
    "thinking": ({"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}}),
    "enable_thinking": (
        {"enable_thinking": True, "thinking_budget": 2048},
        {"enable_thinking": False},
    ),
    "reasoning": ({"reasoning": {"enabled": True}}, {"reasoning": {"enabled": False}}),
    "chat_template_kwargs": (
        {"chat_template_kwargs": {"enable_thinking": True, "thinking": True}},
        {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}},
    ),
}
FIELDS = (
    "thinking",
    "enable_thinking",
    "thinking_budget",
    "reasoning",
    "chat_template_kwargs",
    "reasoning_effort",
)


def asked(encoded: Encoded) -> dict[str, object]:
    body = json.loads(encoded.body)
    return {name: body[name] for name in FIELDS if name in body}


@pytest.mark.parametrize("switch", SWITCHES)
def test_thinking_is_switched_in_the_vendors_own_words(switch: str) -> None:
    facts = Facts(reasoning_switch=switch)  # type: ignore[arg-type]
    request = Request(protocol="anthropic_messages", model="m", messages=(turn("user", Text("hi")),))
    budget = replace(request, reasoning=Reasoning(mode="budget", budget=2048))
    on, off = SWITCHES[switch]
    encoded = OPENAI_CHAT.encode_request(budget, facts)
    assert asked(encoded) == on
    lost = [] if switch == "enable_thinking" else ["thinking.budget_tokens"]
    assert [loss.field for loss in encoded.losses] == lost
    for reasoning in (Reasoning(mode="off"), Reasoning(effort="none")):
        encoded = OPENAI_CHAT.encode_request(replace(request, reasoning=reasoning), facts)
        assert asked(encoded) == off
        assert encoded.losses == ()
    assert asked(OPENAI_CHAT.encode_request(request, facts)) == {}, "nobody asked: nothing is said"


def test_a_switch_stands_beside_an_effort_where_there_is_one() -> None:
    facts = Facts(reasoning_switch="thinking", reasoning="effort", effort_levels=("high", "max"))
    request = Request(
        protocol="openai_responses",
        model="m",
        messages=(turn("user", Text("hi")),),
        reasoning=Reasoning(effort="low"),
    )
    encoded = OPENAI_CHAT.encode_request(request, facts)
    assert asked(encoded) == {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}
    always = replace(facts, reasoning_always=True)
    encoded = OPENAI_CHAT.encode_request(replace(request, reasoning=Reasoning(mode="off")), always)
    assert asked(encoded) == {}
    assert [loss.field for loss in encoded.losses] == ["reasoning"]


@pytest.mark.parametrize("reasoning", [None, Reasoning(mode="adaptive")])
def test_a_forced_tool_switches_thinking_off_where_both_are_refused(reasoning: Reasoning | None) -> None:
    facts = Facts(reasoning_switch="thinking", forced_thinking=False)
    request = Request(
        protocol="anthropic_messages",
        model="m",
        messages=(turn("user", Text("hi")),),
        tools=(Tool(name="f", schema=Raw(b'{"type":"object","properties":{}}')),),
        tool_choice=ToolChoice("any"),
        reasoning=reasoning,
    )
    encoded = OPENAI_CHAT.encode_request(request, facts)
    assert asked(encoded) == {"thinking": {"type": "disabled"}}
    assert json.loads(encoded.body)["tool_choice"] == "required"
    assert [loss.field for loss in encoded.losses] == ([] if reasoning is None else ["thinking"])

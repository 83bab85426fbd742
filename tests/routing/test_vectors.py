"""The routing vectors of claude-code-router, from bodies: what its appendix recommends, else what it does itself.

Numbers are those of the appendix. Vectors 29 to 31 are about custom routers, 32 about a project's router.
"""

import asyncio
from pathlib import Path

import msgspec
import pytest

from trunkline.app.router import Router
from trunkline.config.ccr.document import decode_ccr
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import Headers
from trunkline.core.usage import Usage
from trunkline.protocols.codec import Peek
from trunkline.protocols.registry import CODECS
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import ExchangeRecord
from trunkline.routing.plan import Plan
from trunkline.routing.subagent import find_tag
from trunkline.routing.table import Served, build_table

Body = dict[str, object]

SCENARIOS = (Path(__file__).parent.parent / "config/ccr/configs/scenarios.json").read_text()
WITH_IMAGE = SCENARIOS.replace('"Router": {', '"Router": {"image": "openrouter,eyes",')
FORCED = WITH_IMAGE.replace("{", '{"forceUseImageAgent": true,', 1)
SONNET = "claude-sonnet-4-20250514"
CHAT = "DeepSeek/deepseek-chat"
REASONER = "DeepSeek/deepseek-reasoner"
LONG = "openrouter/anthropic/claude-sonnet-4"
ONLINE = "openrouter/anthropic/claude-sonnet-4:online"
LOCAL = "ollama/qwen2.5-coder:latest"
TAG = "<CCR-SUBAGENT-MODEL>ollama,qwen2.5-coder:latest</CCR-SUBAGENT-MODEL>"
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}


def router(text: str = SCENARIOS) -> Router:
    configuration = decode_ccr(
        text, "config.json", {"DEEPSEEK_API_KEY": "k", "OPENROUTER_API_KEY": "k"}
    ).configuration
    served = [Served(provider=name, models=settings.models) for name, settings in configuration.providers]
    return Router(build_table(configuration, served))


def asked(model: str = SONNET, content: object = "hi", **more: object) -> Body:
    return {"model": model, "messages": [{"role": "user", "content": content}], **more}


def words(tokens: int) -> str:
    """Text of so many tokens by the rule of thumb: four letters each."""
    return "some " * (tokens * 4 // 5)


def plan(planner: Router, body: Body, headers: Headers = ()) -> Plan:
    inbound = Inbound(
        codec=CODECS["anthropic_messages"],
        operation="generate",
        body=msgspec.json.encode(body),
        headers=headers,
        request_id="r",
        client="tenant",
    )
    return asyncio.run(planner.plan(inbound, Peek(str(body["model"]))))


VECTORS: list[tuple[str, Body, str, str]] = [
    ("1", asked(), CHAT, "route default"),
    ("2", asked("openrouter,anthropic/claude-sonnet-4"), LONG, "explicit"),
    ("3", asked("openrouter,any/unknown"), "openrouter/any/unknown", "explicit"),
    ("4", asked("deepseek,deepseek-chat"), CHAT, "explicit"),
    ("5", asked("DeepSeek,deepseek-chat"), CHAT, "explicit"),
    ("6", asked("DEEPSEEK,deepseek-chat"), CHAT, "explicit"),
    ("7", asked("openrouter, anthropic/claude-sonnet-4"), LONG, "explicit"),
    ("8", asked("ollama/qwen2.5-coder:latest"), LOCAL, "explicit"),
    ("9", asked(content=words(61_000)), LONG, "route longContext"),
    ("13", asked("DeepSeek,deepseek-chat", words(61_000)), CHAT, "explicit"),
    ("14", asked("claude-haiku-4-5", words(61_000)), LONG, "route longContext"),
    ("16", asked("claude-3-5-haiku-20241022"), LOCAL, "route background"),
    ("17", asked("claude-haiku-4-5", tools=[SEARCH]), LOCAL, "route background"),
    ("18", asked(tools=[SEARCH], thinking={"type": "enabled", "budget_tokens": 4000}), ONLINE, "route webSearch"),
    ("19", asked(tools=[{"name": "WebSearch", "input_schema": {}}]), CHAT, "route default"),
    ("20", asked(thinking={"type": "enabled", "budget_tokens": 4000}), REASONER, "route think"),
    ("21", asked(thinking={"type": "disabled"}), CHAT, "route default"),
    ("22", asked(thinking={"type": "adaptive"}, output_config={"effort": "medium"}), CHAT, "route default"),
    ("22 hard", asked(thinking={"type": "adaptive"}, output_config={"effort": "high"}), REASONER, "route think"),
    ("23", asked(system=f"{TAG}You are an agent."), LOCAL, "subagent tag"),
    ("24", asked(system=[{"type": "text", "text": "a"}, {"type": "text", "text": f"{TAG}You"}]), LOCAL, "subagent tag"),
    ("25", asked(system=[{"type": "text", "text": "a"}] * 2 + [{"type": "text", "text": f"{TAG}You"}]), LOCAL, "subagent tag"),
    ("26", asked(system=[{"type": "text", "text": "a"}, {"type": "text", "text": f"You {TAG}are"}]), LOCAL, "subagent tag"),
    ("26 first message", asked(content=f"{TAG}\nLook for it."), LOCAL, "subagent tag"),
    ("26 message's block", asked(content=[{"type": "text", "text": "a"}, {"type": "text", "text": TAG}]), LOCAL, "subagent tag"),
    ("27", asked("openrouter,any/unknown", system=TAG), LOCAL, "subagent tag"),
    ("27 long", asked(content=words(61_000), system=TAG), LOCAL, "subagent tag"),
    ("36", asked("DeepSeek,deepseek-chat", "the mark <|endoftext|> ends a text"), CHAT, "explicit"),
    ("36 long", asked(content="<|endoftext|> " * 30_000), LONG, "route longContext"),
    ("37", asked(""), CHAT, "route default"),
]  # fmt: skip


@pytest.mark.parametrize(("vector", "body", "target", "route"), VECTORS, ids=[row[0] for row in VECTORS])
def test_vector(vector: str, body: Body, target: str, route: str) -> None:
    found = plan(router(), body)
    assert (str(found.targets[0]), found.route) == (target, route), vector


def test_vector_10_the_threshold_itself_is_not_above_it() -> None:
    body = asked()
    size = 240_003 - len(msgspec.json.encode(body))
    assert plan(router(), asked(content="hi" + "x" * size)).route == "route default"
    assert plan(router(), asked(content="hi" + "x" * (size + 1))).route == "route longContext"


SESSIONS: list[tuple[Headers, Body]] = [
    ((("x-claude-code-session-id", "s-1"),), {}),
    ((("x-claude-session-id", "s-1"),), {}),
    ((), {"metadata": {"user_id": "user_1_account__session_s-1"}}),
    ((), {"metadata": {"user_id": '{"device_id": "d", "session_id": "s-1"}'}}),
]


def answered(planner: Router, found: Plan, tokens: int, **more: object) -> None:
    """The session's answer, as its provider counted it: most of the input was cached."""
    fields: dict[str, object] = {
        "request_id": "r", "protocol": "anthropic_messages", "operation": "generate", "asked_model": SONNET,
        "provider": None, "model": None, "route": found.route, "stream": True, "status": 200, "outcome": "ok",
        "attempts": (), "losses": (), "usage": Usage(input=10, cache_read=tokens - 10, output=1), "stop": None,
        "error": None, "seconds": 0.0, "first_byte_seconds": None, "client": "tenant", "agent": "",
        "session": found.session, **more,
    }  # fmt: skip
    planner.record(ExchangeRecord(**fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(("headers", "more"), SESSIONS)
def test_vectors_11_and_12_what_the_last_turn_had_counts_too(headers: Headers, more: Body) -> None:
    planner = router()
    answered(planner, plan(planner, asked(**more), headers), 70_000)
    assert plan(planner, asked(content=words(25_000), **more), headers).route == "route longContext"
    assert plan(planner, asked(content=words(15_000), **more), headers).route == "route default"
    assert plan(planner, asked(content=words(25_000))).route == "route default", "another session"


@pytest.mark.parametrize(
    "aside",
    [
        {"route": "route background"},
        {"usage": Usage(input=100, estimated=True)},
        {"usage": None},
        {"operation": "count_tokens"},
        {"usage": Usage(input=200_000, web_searches=2)},
        {"route": "route default, pictures by route image"},
    ],
)
def test_what_says_nothing_of_the_conversations_length_is_not_remembered(aside: Body) -> None:
    planner = router()
    session = (("x-claude-code-session-id", "s-1"),)
    found = plan(planner, asked(), session)
    answered(planner, found, 70_000)
    answered(planner, found, 100, **aside)
    assert plan(planner, asked(content=words(25_000)), session).route == "route longContext"
    answered(planner, found, 100)
    assert plan(planner, asked(content=words(25_000)), session).route == "route default"


def test_sessions_of_different_clients_and_old_ones_are_apart() -> None:
    planner = router()
    session = (("x-claude-code-session-id", "s-1"),)
    answered(planner, plan(planner, asked(), session), 70_000, client="other")
    assert plan(planner, asked(content=words(25_000)), session).route == "route default"
    for number in range(1100):
        answered(planner, plan(planner, asked(), session), 70_000, session=f"s{number}")
    assert len(planner._lengths) == 1024


def test_vector_15_without_a_long_route_thinking_decides() -> None:
    text = SCENARIOS.replace('"longContext":', '"Comment":')
    found = plan(router(text), asked(content=words(61_000), thinking={"type": "enabled"}))
    assert (str(found.targets[0]), found.route) == (REASONER, "route think")


def test_vector_22_the_switch_sends_what_may_think_to_think() -> None:
    text = SCENARIOS.replace('"Router": {', '"Router": {"thinkAdaptive": true,')
    assert plan(router(text), asked(thinking={"type": "adaptive"})).route == "route think"
    assert plan(router(text), asked(thinking={"type": "disabled"})).route == "route default"


@pytest.mark.parametrize(
    ("tag", "shown"),
    [("unknown,model", "unknown,model"), ("no-such-model", "no-such-model"), ("ollama,", "ollama,")],
)
def test_vector_28_a_tag_that_names_nothing_is_passed_over_and_told(tag: str, shown: str) -> None:
    body = asked(system=f"<CCR-SUBAGENT-MODEL>{tag}</CCR-SUBAGENT-MODEL>You")
    found = plan(router(), body)
    assert str(found.targets[0]) == CHAT
    assert found.route == f'route default (the subagent tag names "{shown}", which is not there)'
    assert found.body is None, "what names nothing may be part of a text about tags"


def test_vectors_33_and_34_pictures() -> None:
    last = asked(content=[PICTURE])
    older: Body = {"model": SONNET, "messages": [
        {"role": "user", "content": [PICTURE]}, {"role": "assistant", "content": "seen"}, {"role": "user", "content": "and?"},
    ]}  # fmt: skip
    found = plan(router(WITH_IMAGE), last)
    assert (str(found.targets[0]), found.route, found.eyes) == ("openrouter/eyes", "route image", ())
    found = plan(router(WITH_IMAGE), older)
    assert (str(found.targets[0]), found.route) == (CHAT, "route default, pictures by route image")
    assert [str(target) for target in found.eyes] == ["openrouter/eyes"]
    for body in (last, older):
        found = plan(router(FORCED), body)
        assert (str(found.targets[0]), found.route) == (CHAT, "route default, pictures by route image")
    assert plan(router(FORCED), asked("openrouter,eyes", [PICTURE])).eyes == (), "it sees for itself"
    assert plan(router(SCENARIOS), last).route == "route default"


def test_vector_35_without_a_default_a_plain_request_is_a_400_that_says_what_to_set() -> None:
    text = SCENARIOS.replace('"default":', '"Comment":')
    with pytest.raises(GatewayError) as caught:
        plan(router(text), asked())
    assert (caught.value.kind, caught.value.status) == (Kind.INVALID_REQUEST, 400)
    assert "set Router.default" in caught.value.message
    assert "DeepSeek, openrouter, ollama" in caught.value.message


def test_a_family_has_a_route_of_its_own_behind_those_by_purpose() -> None:
    text = SCENARIOS.replace(
        '"Router": {', '"Router": {"opus": "openrouter,anthropic/claude-sonnet-4", "haiku": "DeepSeek,x",'
    )
    planner = router(text)
    assert plan(planner, asked("claude-opus-4-1")).route == "route opus"
    assert plan(planner, asked("claude-opus-4-1", thinking={"type": "enabled"})).route == "route think"
    assert plan(planner, asked("claude-haiku-4-5")).route == "route background"
    assert plan(planner, asked()).route == "route default"


KEPT = {"type": "text", "text": 'Say "x" \u00e9'}
TAGGED: list[tuple[Body, Body]] = [
    (asked(system=f"{TAG}You"), asked(system="You")),
    (asked(system=f"{TAG}\n\nYou"), asked(system="You")),
    (asked(system=[KEPT, {"type": "text", "text": f"A\n{TAG}\nB"}]), asked(system=[KEPT, {"type": "text", "text": "A\nB"}])),
    (asked(content=[KEPT, {"type": "text", "text": TAG}]), asked(content=[KEPT, {"type": "text", "text": ""}])),
    ({"messages": [{"role": "system", "content": TAG + "S"}]}, {"messages": [{"role": "system", "content": "S"}]}),
    ({"instructions": TAG + "S", "input": "u"}, {"instructions": "S", "input": "u"}),
    ({"input": TAG + "S"}, {"input": "S"}),
    ({"systemInstruction": {"parts": [{"text": TAG}]}}, {"systemInstruction": {"parts": [{"text": ""}]}}),
    ({"contents": [{"role": "user", "parts": [{"text": TAG}]}]}, {"contents": [{"role": "user", "parts": [{"text": ""}]}]}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "without"), TAGGED)
def test_the_tag_leaves_the_prompt_and_nothing_else_does(body: Body, without: Body) -> None:
    tagged = find_tag(msgspec.json.encode(body))
    assert tagged is not None
    assert tagged.model == "ollama,qwen2.5-coder:latest"
    assert tagged.body == msgspec.json.encode(without)


def turns(*contents: object) -> Body:
    return {"messages": [{"role": "user", "content": content} for content in contents]}


@pytest.mark.parametrize(
    "body",
    [
        turns("a", "b", TAG),
        turns([{"type": "tool_result", "tool_use_id": "t", "content": TAG}]),
        turns([{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": TAG}]}]),
        {"messages": [{"role": "assistant", "content": TAG}]},
        turns("<CCR-SUBAGENT-MODEL>never closed"),
        turns("<CCR-SUBAGENT-MODEL></CCR-SUBAGENT-MODEL>"),
        turns("<CCR-SUBAGENT-MODEL>  </CCR-SUBAGENT-MODEL>"),
        {"messages": [TAG, 1, None]},
    ],
)
def test_a_tag_elsewhere_is_only_text(body: Body) -> None:
    assert find_tag(msgspec.json.encode(body)) is None


def test_a_body_that_cannot_be_read_has_no_tag() -> None:
    assert find_tag(b'{"system": "' + TAG.encode()) is None
    assert (
        find_tag(msgspec.json.encode(asked(system="<CCR-SUBAGENT-MODEL>a\\nb</CCR-SUBAGENT-MODEL>")))
        is not None
    )

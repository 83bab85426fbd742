"""What native Messages refuses, in the words of the provider behind."""

from collections.abc import Iterator

import pytest

from standin import Flags, StandIn, say
from standin.probe import GATEWAY_MESSAGES, MESSAGES, ask, messages_body

pytestmark = pytest.mark.server


NEW = "databricks-claude-opus-4-8"
USER = {"role": "user", "content": "Hi"}
TOOL = {"name": "f", "input_schema": {"type": "object"}}
CALL = {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}]}


def results(*blocks: object) -> dict[str, object]:
    return {"role": "user", "content": list(blocks)}


def result(call_id: str = "toolu_1", **fields: object) -> dict[str, object]:
    return {"type": "tool_result", "tool_use_id": call_id, **fields}


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "context_management": (
        {"context_management": {}},
        "context_management: Extra inputs are not permitted",
    ),
    "service_tier": ({"service_tier": "auto"}, "service_tier: Extra inputs are not permitted"),
    "metadata": (
        {"metadata": {"user_id": "u", "team": "t"}},
        "metadata.team: Extra inputs are not permitted",
    ),
    "no-limit": ({"max_tokens": None}, "max_tokens: Field required"),
    "cap": (
        {"max_tokens": 70000},
        "max_tokens: 70000 > 64000, which is the maximum allowed number of output tokens",
    ),
    "server-tool": (
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        "tools.0: Input tag 'web_search_20250305' found using 'type' does not match",
    ),
    "defer": (
        {"tools": [TOOL | {"defer_loading": True}]},
        "tools.0.custom.defer_loading: Extra inputs are not permitted",
    ),
    "strict": (
        {"tools": [TOOL | {"strict": True}]},
        "tools.0.custom.strict: Extra inputs are not permitted",
    ),
    "same-tools": ({"tools": [TOOL, TOOL]}, "Tool names must be unique"),
    "unknown-tool": ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "Tool 'g' not found"),
    "reference": (
        {"messages": [USER, CALL, results(result(content=[{"type": "tool_reference", "tool_name": "x"}]))]},
        "messages.2.content.0.tool_result.content.0: Input tag 'tool_reference'",
    ),
    "turn-config": (
        {"messages": [{**USER, "output_config": {"effort": "low"}}]},
        "messages.0.output_config: Extra inputs are not permitted",
    ),
    "late-system": (
        {"messages": [USER, {"role": "system", "content": "x"}]},
        "messages.1.role: Input should be 'user' or 'assistant'",
    ),
    "first-system": (
        {"model": NEW, "messages": [{"role": "system", "content": "x"}, USER]},
        "messages.0.role: Input should be 'user' or 'assistant'",
    ),
    "empty": (
        {"messages": [{"role": "user", "content": ""}]},
        "messages.0: all messages must have non-empty content",
    ),
    "blank": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": " \n"}]}]},
        "text content blocks must contain non-whitespace text",
    ),
    "empty-system": (
        {"system": [{"type": "text", "text": ""}]},
        "system: text content blocks must be non-empty",
    ),
    "assistant-first": ({"messages": [CALL, results(result())]}, 'first message must use the "user" role'),
    "unknown-block": (
        {"messages": [{"role": "user", "content": [{"type": "container_upload"}]}]},
        "messages.0.content.0: Input tag 'container_upload'",
    ),
    "block-field": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "id": "1"}]}]},
        "messages.0.content.0.text.id: Extra inputs are not permitted",
    ),
    "text-before-result": (
        {"messages": [USER, CALL, results({"type": "text", "text": "x"}, result())]},
        "messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1",
    ),
    "orphan": (
        {"messages": [USER, {"role": "assistant", "content": "a"}, results(result())]},
        "messages.2.content.0: unexpected `tool_use_id`",
    ),
    "id": (
        {"messages": [USER, CALL, results(result("a:b"))]},
        "tool_use_id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
    "same-ids": (
        {"messages": [USER, CALL, results(result()), CALL, results(result())]},
        "ids must be unique",
    ),
    "prefill": (
        {"model": NEW, "messages": [USER, {"role": "assistant", "content": "a"}]},
        "This model does not support assistant message prefill.",
    ),
    "trailing-space": (
        {"messages": [USER, {"role": "assistant", "content": "a "}]},
        "final assistant content cannot end with trailing whitespace",
    ),
    "thinking-tool-choice": (
        {
            "max_tokens": 4000,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "tools": [TOOL],
            "tool_choice": {"type": "any"},
        },
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    "thinking-temperature": (
        {"max_tokens": 4000, "temperature": 0, "thinking": {"type": "enabled", "budget_tokens": 1024}},
        "`temperature` may only be set to 1 when thinking is enabled",
    ),
    "small-budget": (
        {"max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 100}},
        "greater than or equal to 1024",
    ),
    "not-claude": ({"model": "databricks-gpt-5"}, "Unsupported native API path"),
}


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn(lambda _: say("Fine.")) as running:
        yield running


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(standin: StandIn, name: str) -> None:
    fields, words = REFUSED[name]
    seen = ask(standin, MESSAGES, messages_body(**fields))
    assert seen.status == 400
    assert words in seen.message


TAKEN: dict[str, dict[str, object]] = {
    "plain": {},
    "system": {
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    },
    "late-system": {"model": NEW, "messages": [USER, {"role": "system", "content": []}, USER]},
    "round": {"messages": [USER, CALL, results(result(content="")), USER]},
    "result-image": {
        "messages": [
            USER,
            CALL,
            results(
                result(
                    content=[
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
                        }
                    ]
                )
            ),
        ]
    },
    "metadata": {"metadata": {"user_id": "u"}},
}


@pytest.mark.parametrize("name", TAKEN)
def test_takes(standin: StandIn, name: str) -> None:
    seen = ask(standin, MESSAGES, messages_body(**TAKEN[name]))
    assert (seen.status, seen.text if seen.status != 200 else "") == (200, "")


def with_betas(standin: StandIn, value: str) -> dict[str, str]:
    return {"authorization": f"Bearer {standin.token}", "anthropic-beta": value}


def test_betas_are_named_or_not(standin: StandIn) -> None:
    headers = with_betas(standin, "interleaved-thinking-2025-05-14, context-management-2025-06-27")
    seen = ask(standin, MESSAGES, messages_body(), headers=headers)
    assert seen.message.startswith(
        "Unexpected value(s) `context-management-2025-06-27` for the `anthropic-beta`"
    )
    with StandIn([say("x")], Flags(beta_words="unnamed")) as vague:
        assert ask(
            vague, MESSAGES, messages_body(), headers=headers | with_betas(vague, "x-1")
        ).message == ("invalid beta flag")


def test_known_betas_pass(standin: StandIn) -> None:
    headers = with_betas(standin, "claude-code-20250219,interleaved-thinking-2025-05-14")
    assert ask(standin, MESSAGES, messages_body(), headers=headers).status == 200


def test_lifetimes_of_marks_may_be_refused() -> None:
    marked = {"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    with StandIn([], Flags(cache_ttl=False)) as standin:
        seen = ask(standin, MESSAGES, messages_body(system=[marked]))
    assert seen.message == "system.0.text.cache_control.ephemeral.ttl: Extra inputs are not permitted"


def test_tool_extras_flag_takes_deferred_tools() -> None:
    body = messages_body(tools=[TOOL | {"defer_loading": True}])
    with StandIn([say("x")], Flags(tool_extras=True)) as standin:
        assert ask(standin, MESSAGES, body).status == 200


def test_native_wording_flag_gives_anthropics_shape() -> None:
    with StandIn([], Flags(native_errors=True)) as standin:
        seen = ask(standin, MESSAGES, messages_body(speed="fast"))
    assert seen.json == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "speed: Extra inputs are not permitted"},
    }


def test_a_long_prompt_is_refused_in_the_words_clients_know() -> None:
    with StandIn([], Flags(context=1000)) as standin:
        seen = ask(standin, MESSAGES, messages_body(system="x" * 5000))
    assert seen.status == 400
    assert seen.message.startswith("prompt is too long: ")
    assert seen.message.endswith(" tokens > 1000 maximum")


def test_gateway_wants_service_names(standin: StandIn) -> None:
    assert ask(standin, GATEWAY_MESSAGES, messages_body(model="system.ai.claude-sonnet-4-5")).status == 200
    bare = ask(standin, GATEWAY_MESSAGES, messages_body(model="claude-sonnet-4-5"))
    assert (bare.status, bare.message) == (404, "'claude-sonnet-4-5' does not exist")


def test_head_shows_that_the_route_exists(standin: StandIn) -> None:
    assert ask(standin, GATEWAY_MESSAGES, method="HEAD").status == 400

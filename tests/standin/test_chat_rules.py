"""What the chat surface refuses, in the workspace's words."""

from collections.abc import Iterator

import pytest

from standin import Flags, StandIn, say
from standin.probe import CHAT, GATEWAY_CHAT, ask, chat_body

pytestmark = pytest.mark.server


LLAMA = "databricks-meta-llama-3-3-70b-instruct"
GEMINI = "databricks-gemini-3-1-pro"
USER = {"role": "user", "content": "Hi"}
CALL = {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALL_2 = {"id": "toolu_2", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
PIXEL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
MARK = {"cache_control": {"type": "ephemeral"}}


def result(call_id: str, content: object = "ok") -> dict[str, object]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def calls(*listed: object, **fields: object) -> dict[str, object]:
    return {"role": "assistant", "content": None, "tool_calls": list(listed), **fields}


def function(**fields: object) -> dict[str, object]:
    return {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, **fields}}


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "stream_options": ({"stream_options": {"include_usage": True}}, 'json: unknown field "stream_options"'),
    "store": ({"store": False}, 'json: unknown field "store"'),
    "inputs": ({"inputs": []}, 'json: unknown field "inputs"'),
    "parallel": ({"parallel_tool_calls": True}, "parallel_tool_calls: Extra inputs are not permitted"),
    "effort": ({"reasoning_effort": "low"}, "reasoning_effort: Extra inputs are not permitted"),
    "context": ({"context_management": {}}, "context_management: Extra inputs are not permitted"),
    "thinking-llama": ({"model": LLAMA, "thinking": {}}, "thinking: Extra inputs are not permitted"),
    "cap": ({"max_tokens": 64001}, "max_tokens (64001) cannot exceed 64000"),
    "cap-llama": ({"model": LLAMA, "max_tokens": 10000}, "max_tokens (10000) cannot exceed 8192"),
    "structured-stream": (
        {"response_format": {"type": "json_schema"}, "stream": True},
        "Structured output is not currently supported with streaming.",
    ),
    "strict": ({"tools": [function(strict=True)]}, "tools.0.custom.strict: Extra inputs are not permitted"),
    "schema": ({"tools": [function(parameters={})]}, "tools.0.custom.input_schema.type: Field required"),
    "tool-name": ({"tools": [function(name="a.b")]}, "tools.0.custom.name: String should match pattern"),
    "server-tool": ({"tools": [{"type": "web_search_preview"}]}, "unknown field"),
    "33-tools": ({"model": LLAMA, "tools": [TOOL] * 33}, "at most 32 functions"),
    "empty-text": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
        "messages: text content blocks must be non-empty",
    ),
    "empty-string-with-calls": (
        {"messages": [USER, calls(CALL, content=""), result("toolu_1")]},
        "messages: text content blocks must be non-empty",
    ),
    "orphan": (
        {"messages": [USER, calls(CALL), result("toolu_1"), result("toolu_9")]},
        "messages.2.content.1: unexpected `tool_use_id` found in `tool_result` blocks: toolu_9",
    ),
    "missing": (
        {"messages": [USER, calls(CALL, CALL_2), result("toolu_1"), USER]},
        "`tool_use` ids were found without `tool_result` blocks immediately after: toolu_2",
    ),
    "late-result": (
        {"messages": [USER, calls(CALL, CALL_2), result("toolu_1"), USER, result("toolu_2")]},
        "without `tool_result` blocks immediately after: toolu_2",
    ),
    "twice": (
        {"messages": [USER, calls(CALL), result("toolu_1"), result("toolu_1")]},
        "each `tool_use` must have a single result",
    ),
    "image-in-result": (
        {"messages": [USER, calls(CALL), result("toolu_1", [{"type": "text", "text": "x"}, PIXEL])]},
        "messages.2.content.0.tool_result.content.1: Input tag 'image_url' found using 'type' does not match",
    ),
    "data-url": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "data:image/png,AAAA"}}],
                }
            ]
        },
        "invalid base64 data",
    ),
    "prefill": (
        {
            "model": "databricks-claude-sonnet-4-6",
            "messages": [USER, {"role": "assistant", "content": "Well"}],
        },
        "This model does not support assistant message prefill.",
    ),
    "message-key": (
        {"messages": [USER, {"role": "assistant", "content": "a", "reasoning_details": []}, USER]},
        "messages.1.reasoning_details: Extra inputs are not permitted",
    ),
    "developer": (
        {"messages": [{"role": "developer", "content": "x"}, USER]},
        "messages.0.role: Input should be",
    ),
    "late-system": (
        {"messages": [USER, {"role": "system", "content": "x"}, USER]},
        "messages.1.role: Input should be 'user' or 'assistant'",
    ),
    "arguments": (
        {
            "messages": [
                USER,
                calls({**CALL, "function": {"name": "f", "arguments": ""}}),
                result("toolu_1"),
            ]
        },
        "messages.1.tool_calls.0.function.arguments: Input should be a JSON object",
    ),
    "two-calls-llama": (
        {"model": LLAMA, "messages": [USER, calls(CALL, CALL_2), result("toolu_1"), result("toolu_2")]},
        "Multiple tool calls are not supported.",
    ),
    "mark-scope": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "text",
                            "text": "x",
                            "cache_control": {"type": "ephemeral", "scope": "global"},
                        }
                    ],
                }
            ]
        },
        "cache_control.ephemeral.scope: Extra inputs are not permitted",
    ),
    "five-marks": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", **MARK}] * 5}]},
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    "mark-on-result": (
        {"messages": [USER, calls(CALL), {**result("toolu_1"), **MARK}]},
        "messages.2.cache_control: Extra inputs are not permitted",
    ),
    "mark-gemini": (
        {
            "model": GEMINI,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "x", **MARK}]}],
        },
        "Credential was not sent or was of an unsupported type for this API.",
    ),
    "forced-tool": (
        {"model": "databricks-claude-opus-5-5", "tools": [TOOL], "tool_choice": "required"},
        "forcing a tool is not supported",
    ),
    "sampling": (
        {"model": "databricks-claude-opus-4-8", "temperature": 0.5},
        "does not support the temperature parameter",
    ),
    "budget-on-adaptive": (
        {
            "model": "databricks-claude-opus-4-8",
            "max_tokens": 9000,
            "thinking": {"type": "enabled", "budget_tokens": 2000},
        },
        '"thinking.type.enabled" is not supported for this model.',
    ),
    "adaptive-on-budget": (
        {"thinking": {"type": "adaptive"}},
        "adaptive thinking is not supported on this model",
    ),
    "budget-over-cap": (
        {"max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 2000}},
        "`max_tokens` must be greater than `thinking.budget_tokens`",
    ),
    "disabled-always": (
        {"model": "databricks-claude-opus-5-5", "thinking": {"type": "disabled"}},
        '"thinking.type.disabled" is not supported',
    ),
    "effort-old": ({"output_config": {"effort": "low"}}, "does not support the effort parameter"),
    "responses-only": ({"model": "databricks-gpt-5-5"}, "only supports the Responses API."),
    "unknown-endpoint": ({"model": "databricks-nothing"}, "The given endpoint does not exist"),
    "service-name": ({"model": "system.ai.claude-sonnet-4-5"}, "The given endpoint does not exist"),
}


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn(lambda _: say("Fine.")) as running:
        yield running


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(standin: StandIn, name: str) -> None:
    fields, words = REFUSED[name]
    seen = ask(standin, CHAT, chat_body(**fields))
    assert 400 <= seen.status < 500
    assert words in seen.message
    assert standin.requests[-1].refusal is not None


TAKEN: dict[str, dict[str, object]] = {
    "plain": {},
    "tools": {"tools": [TOOL], "tool_choice": "auto"},
    "round": {"messages": [USER, calls(CALL, CALL_2), result("toolu_1"), result("toolu_2"), USER]},
    "image": {"messages": [{"role": "user", "content": [{"type": "text", "text": "see"}, PIXEL]}]},
    "marks": {
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "s", **MARK}]},
            {"role": "user", "content": [{"type": "text", "text": "x", **MARK}]},
        ],
        "tools": [function(**MARK)],
    },
    "thinking": {"max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 1024}},
    "prefill": {"messages": [USER, {"role": "assistant", "content": "Well"}]},
    "adaptive": {
        "model": "databricks-claude-opus-4-8",
        "thinking": {"type": "adaptive", "display": "omitted"},
        "output_config": {"effort": "xhigh"},
    },
    "gpt": {
        "model": "databricks-gpt-5",
        "stream_options": {"include_usage": True},
        "reasoning_effort": "low",
    },
    "gpt-strict": {"model": "databricks-gpt-5", "tools": [function(strict=True)]},
    "one-call-llama": {"model": LLAMA, "messages": [USER, calls(CALL), result("toolu_1")]},
    "32-tools": {"model": LLAMA, "tools": [TOOL] * 32},
    "late-system-gpt": {
        "model": "databricks-gpt-5",
        "messages": [USER, {"role": "system", "content": "x"}],
    },
}


@pytest.mark.parametrize("name", TAKEN)
def test_takes(standin: StandIn, name: str) -> None:
    seen = ask(standin, CHAT, chat_body(**TAKEN[name]))
    assert (seen.status, seen.text if seen.status != 200 else "") == (200, "")


def test_wording_of_both_validators_has_its_shape(standin: StandIn) -> None:
    front = ask(standin, CHAT, chat_body(stream_options={}))
    behind = ask(standin, CHAT, chat_body(parallel_tool_calls=True))
    assert front.json == {
        "error_code": "BAD_REQUEST",
        "message": 'BAD_REQUEST: json: unknown field "stream_options"',
    }
    assert behind.json["message"] == '{"message": "parallel_tool_calls: Extra inputs are not permitted"}'


def test_the_cap_is_plain_text(standin: StandIn) -> None:
    seen = ask(standin, CHAT, chat_body(model=LLAMA, max_tokens=10000))
    assert seen.headers["content-type"].startswith("text/plain")
    assert seen.text.startswith("Bad request: rpc error: code = InvalidArgument desc = max_tokens (10000)")


def test_gateway_has_the_same_rules(standin: StandIn) -> None:
    body = chat_body(model="system.ai.claude-sonnet-4-5", store=True)
    assert 'unknown field "store"' in ask(standin, GATEWAY_CHAT, body).message


def test_lenient_flag_takes_anything() -> None:
    with StandIn([say("Fine.")], Flags(strict=False)) as lenient:
        assert ask(lenient, CHAT, chat_body(stream_options={}, store=True)).status == 200

"""Edits for upstreams without rules of their own: only what the catalog knows or a refusal taught."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from trunkline.config.schema import ProviderSettings
from trunkline.core.errors import GatewayError, Kind, kind_of_status
from trunkline.core.facts import Facts
from trunkline.core.http import HttpHead
from trunkline.providers.edit_turns import fixed_id
from trunkline.providers.headers import beta_allowed, fields_of_beta
from trunkline.providers.learning import learn_from
from trunkline.providers.provider import Again, Relearned
from trunkline.providers.registry import make_provider

USER = {"role": "user", "content": "Hi"}
ASSISTANT = {"role": "assistant", "content": "Ho"}
CALL = {
    "id": "call_PTLP8xhu3uwZk4l3nlnrrJha",
    "type": "function",
    "function": {"name": "f", "arguments": "{}"},
}


def edited(
    kind: str, model: str, protocol: str, fields: dict[str, object]
) -> tuple[dict[str, object], list[str]]:
    provider = make_provider("p", ProviderSettings(kind=kind))
    surface = next(one for one in provider.surfaces(model) if one.protocol == protocol)
    body = {"model": model, "messages": [USER], **fields}
    out, losses = provider.edit(surface, json.dumps(body).encode())
    after = json.loads(out)
    changes = {key: after.get(key) for key in (body | after) if body.get(key, ...) != after.get(key, ...)}
    return changes, [loss.field for loss in losses]


@pytest.mark.parametrize(
    ("kind", "model", "protocol", "fields", "changes", "losses"),
    [
        ("openai", "gpt-5", "openai_chat", {"max_tokens": 9}, {"max_tokens": None, "max_completion_tokens": 9}, []),
        ("openai", "gpt-5", "openai_chat", {"temperature": 0.1, "reasoning_effort": "xhigh"}, {"temperature": None, "reasoning_effort": "high"}, ["reasoning_effort", "temperature"]),
        ("openai", "gpt-4o", "openai_chat", {"temperature": 0.1, "max_completion_tokens": 99999}, {"max_completion_tokens": 16384}, ["max_completion_tokens"]),
        ("groq", "llama-3.3-70b", "openai_chat", {"logit_bias": {"1": 2}}, {"logit_bias": None}, ["logit_bias"]),
        ("groq", "llama-3.3-70b", "openai_chat", {"messages": [USER | {"name": "x"}]}, {"messages": [USER]}, ["messages.name"]),
        ("ollama", "qwen9", "openai_chat", {"max_completion_tokens": 5, "anything": 1}, {}, []),
        ("anthropic", "claude-opus-5-5", "anthropic_messages", {"max_tokens": 9, "context_management": {}, "thinking": {"type": "adaptive"}}, {}, []),
        ("anthropic", "claude-sonnet-4-5", "anthropic_messages", {"max_tokens": 90000, "thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, {"max_tokens": 64000, "thinking": {"type": "enabled", "budget_tokens": 4096}, "output_config": None}, ["max_tokens"]),
        ("mistral", "mistral-large-latest", "openai_chat", {"store": False, "seed": 1, "max_completion_tokens": 5, "stream_options": {"include_usage": True}}, {"store": None, "seed": None, "max_completion_tokens": None, "max_tokens": 5, "stream_options": None}, ["seed"]),
        ("mistral", "mistral-small-latest", "openai_chat", {"reasoning_effort": "low"}, {"reasoning_effort": "high"}, ["reasoning_effort"]),
        ("xai", "grok-4-fast", "openai_chat", {"stop": ["x"], "presence_penalty": 1, "reasoning_effort": "high"}, {"stop": None, "presence_penalty": None, "reasoning_effort": None}, ["presence_penalty", "reasoning_effort", "stop"]),
        ("xai", "grok-4.3", "openai_chat", {"reasoning_effort": "minimal"}, {"reasoning_effort": "low"}, ["reasoning_effort"]),
        ("xai", "grok-4.7", "openai_chat", {"reasoning_effort": "high"}, {}, []),
        ("cerebras", "gpt-oss-120b", "openai_chat", {"max_tokens": 7, "logit_bias": {"1": 2}, "frequency_penalty": 0}, {"max_tokens": None, "max_completion_tokens": 7, "logit_bias": None, "frequency_penalty": None}, ["logit_bias"]),
        ("moonshot", "kimi-k2.6", "openai_chat", {"temperature": 0.2}, {"temperature": None}, ["temperature"]),
        ("moonshot", "kimi-k3", "openai_chat", {"reasoning_effort": "medium"}, {"reasoning_effort": "low"}, ["reasoning_effort"]),
        ("zhipu", "glm-5.2", "openai_chat", {"reasoning_effort": "none"}, {"reasoning_effort": None, "thinking": {"type": "disabled"}}, []),
        ("qwen", "qwen3-max", "openai_chat", {"reasoning_effort": "high"}, {"reasoning_effort": None, "enable_thinking": True}, ["reasoning_effort"]),
        ("qwen", "qwen3-max", "openai_chat", {"enable_thinking": False, "reasoning_effort": "high"}, {"reasoning_effort": None}, ["reasoning_effort"]),
        ("nvidia", "z-ai/glm5", "openai_chat", {"reasoning_effort": "none", "store": True}, {"reasoning_effort": None, "chat_template_kwargs": {"enable_thinking": False, "thinking": False}, "store": None}, ["store"]),
        ("together", "zai-org/GLM-4.7", "openai_chat", {"reasoning_effort": "none"}, {"reasoning_effort": None, "reasoning": {"enabled": False}}, []),
        ("moonshot", "kimi-k2.6", "anthropic_messages", {"max_tokens": 9000, "thinking": {"type": "adaptive"}, "tools": [{"type": "web_search_20250305", "name": "web_search"}]}, {"max_tokens": 19240, "thinking": {"type": "enabled", "budget_tokens": 10240}, "tools": None}, ["tools.web_search"]),
        ("perplexity", "sonar-pro", "openai_chat", {"messages": [USER, USER, ASSISTANT, USER | {"content": [{"type": "text", "text": "a"}]}, USER]}, {"messages": [USER | {"content": "Hi\n\nHi"}, ASSISTANT, USER | {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "Hi"}]}]}, []),
        ("perplexity", "sonar-pro", "openai_chat", {"tools": []}, {}, []),
        ("openrouter", "some/model", "anthropic_messages", {"max_tokens": 9, "tools": [{"type": "web_search_20250305", "name": "web_search"}]}, {"tools": None}, ["tools.web_search"]),
    ],
)  # fmt: skip
def test_edits_by_the_catalog(
    kind: str,
    model: str,
    protocol: str,
    fields: dict[str, object],
    changes: dict[str, object],
    losses: list[str],
) -> None:
    found, lost = edited(kind, model, protocol, fields)
    assert found == changes
    assert sorted(lost) == sorted(losses)


def test_ids_of_calls_become_nine_letters_in_calls_and_results_alike() -> None:
    turns = [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [CALL, CALL | {"id": "abcdefgh9"}]},
        {"role": "tool", "tool_call_id": CALL["id"], "content": "1"},
        {"role": "tool", "tool_call_id": "abcdefgh9", "content": "2"},
    ]
    changes, losses = edited("mistral", "mistral-large-latest", "openai_chat", {"messages": turns})
    _, assistant, first, second = changes["messages"]  # type: ignore[misc, has-type]
    sent = [call["id"] for call in assistant["tool_calls"]]
    assert sent == [fixed_id(str(CALL["id"]), 9), "abcdefgh9"]
    assert len(sent[0]) == 9
    assert sent[0].isalnum()
    assert [first["tool_call_id"], second["tool_call_id"]] == sent
    assert losses == []


@given(one=st.text(max_size=40), two=st.text(max_size=40))
def test_fixed_ids_are_stable_and_differ(one: str, two: str) -> None:
    assert fixed_id(fixed_id(one, 9), 9) == fixed_id(one, 9)
    assert (fixed_id(one, 9) == fixed_id(two, 9)) is (
        one == two or fixed_id(one, 9) == two or one == fixed_id(two, 9)
    )


def test_turns_of_other_kinds_keep_their_bytes() -> None:
    provider = make_provider("p", ProviderSettings(kind="mistral"))
    surface = provider.surfaces("m")[0]
    body = b'{"model":"m","messages":[{"role":"tool","tool_call_id":"abcdefgh9", "content":"\\u00e9"}]}'
    assert provider.edit(surface, body)[0] is body


def test_tools_are_refused_where_there_are_none() -> None:
    with pytest.raises(GatewayError, match="sonar at p takes no tools") as caught:
        edited("perplexity", "sonar", "openai_chat", {"tools": [{"type": "function"}]})
    assert (caught.value.status, caught.value.field) == (400, "tools")


@pytest.mark.parametrize(
    "message", ["Incorrect API key provided. You can obtain one.", "API key not valid. Please"]
)
def test_a_key_refused_with_400_is_a_401(message: str) -> None:
    provider = make_provider("p", ProviderSettings(kind="xai"))
    error = GatewayError(Kind.INVALID_REQUEST, message, status=400, raw=b"{}", local=False)
    read = provider.read_error(provider.surfaces("grok-4.3")[0], error, HttpHead(400))
    assert (read.kind, read.status, read.raw, read.local) == (Kind.AUTHENTICATION, 401, b"{}", False)


def refusal(text: str, status: int = 400) -> GatewayError:
    return GatewayError(kind_of_status(status), text, status=status, local=False)


@pytest.mark.parametrize(
    ("text", "change"),
    [
        (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            {"max_tokens_field": "max_completion_tokens"},
        ),
        ("Unrecognized request argument supplied: stream_options", {"stream_options": False, "drop": {"stream_options"}}),
        ("property 'reasoning_content' is unsupported", {"drop": {"reasoning_content"}}),
        ('Invalid JSON payload received. Unknown name "seed": Cannot find field.', {"drop": {"seed"}}),
        ('{"detail":[{"type":"extra_forbidden","loc":["body","store"],"msg":"Extra inputs are not permitted","input":false}]}', {"drop": {"store"}}),
        ("[{'type': 'extra_forbidden', 'loc': ('body', 'verbosity'), 'msg': 'Extra inputs are not permitted'}]", {"drop": {"verbosity"}}),
        ("Validation: Unsupported parameter(s): `chat_template_kwargs`", {"drop": {"chat_template_kwargs"}}),
        ("tools.0.custom.strict: Extra inputs are not permitted", {"strict_tools": False, "drop": {"tools.function.strict"}}),
        ("max_tokens is too large: 100000. This model supports at most 16384 completion tokens", {"max_output_tokens": 16384}),
        ("max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens", {"max_output_tokens": 64000}),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", {"max_output_tokens": 8192}),
        ("`temperature` and `top_p` cannot both be specified for this model.", {"temperature_with_top_p": False}),
        ("Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.", {"sampling": False}),
        (
            "Unsupported value: 'reasoning_effort' does not support 'xhigh' with this model. Supported values are: 'low', 'medium', and 'high'.",
            {"effort_levels": ("low", "medium", "high")},
        ),
        (
            "thinking is enabled but reasoning_content is missing in assistant tool call message at index 2",
            {"reasoning_history": "reasoning_content", "reasoning_required": True},
        ),
    ],
)  # fmt: skip
def test_E89_to_E92_refusals_teach_anywhere(text: str, change: dict[str, object]) -> None:
    lesson = learn_from("openai_chat", Facts(), refusal(text))
    assert isinstance(lesson, Relearned)
    assert lesson.facts == structs.replace(Facts(), **change)
    assert learn_from("openai_chat", lesson.facts, refusal(text)) is None


TAGS = "'bash_20250124', 'custom', 'memory_20250818', 'text_editor_20250728'"


def untagged(tag: str, expected: str) -> str:
    return (
        f"tools.1: Input tag '{tag}' found using 'type' does not match any of the expected tags: {expected}"
    )


@pytest.mark.parametrize(
    "text",
    [
        untagged("web_search_20250305", TAGS),
        untagged("web_fetch_20250910", f"{TAGS}, 'tool_search_tool_bm25'"),
        "messages.1.content.0: Input tag 'server_tool_use' found using 'type' does not match any of the expected tags: 'text', 'tool_use'",
        "The use of the web search tool is not supported.",
        "Web search is not enabled for this organization",
        "Unsupported tool type: web_search_20250305",
        "unknown variant `web_search_20250305`, expected `custom` at line 1 column 80",
        "tools.0.input_schema: Field required",
        "[{'type': 'missing', 'loc': ('body', 'tools', 0, 'input_schema'), 'msg': 'Field required'}]",
    ],
)
def test_a_refused_server_tool_teaches_that_there_are_none(text: str) -> None:
    lesson = learn_from("anthropic_messages", Facts(), refusal(text))
    assert isinstance(lesson, Relearned)
    assert lesson.facts == Facts(server_tools=False)
    assert learn_from("anthropic_messages", lesson.facts, refusal(text)) is None
    assert learn_from("openai_responses", Facts(), refusal(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        untagged("web_fetch_20250910", f"{TAGS}, 'web_search_20250305'"),
        untagged("web_search_20270101", f"{TAGS}, 'web_search_20250305', 'web_search_20260209'"),
        untagged("memory_20250818", "'bash_20250124', 'custom'"),
        "tools.0.custom.input_schema: Field required",
        "messages.1.content.0: Input tag 'container_upload' found using 'type' does not match any of the expected tags",
    ],
)
def test_who_runs_other_server_tools_or_refuses_something_else_teaches_nothing(text: str) -> None:
    assert learn_from("anthropic_messages", Facts(), refusal(text)) is None


@pytest.mark.parametrize("status", [401, 408, 413, 429, 503, 529])
def test_a_refusal_that_is_not_about_the_form_teaches_nothing(status: int) -> None:
    assert learn_from("openai_chat", Facts(), refusal('unknown field "seed"', status)) is None


def test_an_unclear_refusal_teaches_nothing() -> None:
    assert learn_from("openai_chat", Facts(), refusal("Bad Request")) is None
    lesson = learn_from(
        "openai_chat", Facts(), refusal("Model response did not respect the required format.")
    )
    assert isinstance(lesson, Again)


def test_a_learned_lesson_changes_the_next_body() -> None:
    provider = make_provider("p", ProviderSettings(kind="vllm"))
    surface = provider.surfaces("m")[0]
    body = b'{"model":"m","messages":[],"max_completion_tokens":5,"tools":[{"function":{"name":"f","strict":true}}]}'
    assert provider.edit(surface, body)[0] is body
    for text in (
        "Unsupported parameter: 'max_completion_tokens'",
        "tools.0.function.strict: Extra inputs are not permitted",
    ):
        lesson = provider.learn(surface, refusal(text))
        assert isinstance(lesson, Relearned)
        surface = structs.replace(surface, facts=lesson.facts)
    out, losses = provider.edit(surface, body)
    assert out == b'{"model":"m","messages":[],"tools":[{"function":{"name":"f"}}],"max_tokens":5}'
    assert [loss.field for loss in losses] == ["tools.function.strict"]


def test_E111_a_beta_and_its_fields_go_together() -> None:
    assert fields_of_beta("context-management-2025-06-27") == {"context_management"}
    assert fields_of_beta("interleaved-thinking-2025-05-14") == frozenset()
    text = "Unexpected value(s) `context-management-2025-06-27` for the `anthropic-beta` header."
    lesson = learn_from("anthropic_messages", Facts(), refusal(text))
    assert isinstance(lesson, Relearned)
    assert lesson.facts.drop == {"context_management"}
    assert not beta_allowed("context-management-2025-06-27", lesson.facts)
    assert beta_allowed("claude-code-20250219", lesson.facts)


def test_E110_after_a_refusal_even_anthropic_is_sent_filtered_betas() -> None:
    provider = make_provider("p", ProviderSettings(kind="anthropic"))
    surface = provider.surfaces("claude-opus-5")[0]
    lesson = provider.learn(surface, refusal("Unexpected value(s) `b-1` for the `anthropic-beta` header."))
    assert isinstance(lesson, Relearned)
    headers = dict(
        provider.headers(
            structs.replace(surface, facts=lesson.facts),
            "k",
            (
                ("anthropic-beta", "a-1,b-1"),
                ("anthropic-version", "2023-06-01"),
                ("x-claude-code-session-id", "s"),
            ),
        )
    )
    assert headers["anthropic-beta"] == "a-1"
    assert headers["x-claude-code-session-id"] == "s"

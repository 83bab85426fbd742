"""Edits for upstreams without rules of their own: only what the catalog knows or a refusal taught."""

import json

import pytest
from msgspec import structs

from trunkline.config.schema import ProviderSettings
from trunkline.core.errors import GatewayError, kind_of_status
from trunkline.core.facts import Facts
from trunkline.providers.headers import beta_allowed, fields_of_beta
from trunkline.providers.learning import learn_from
from trunkline.providers.provider import Again, Relearned
from trunkline.providers.registry import make_provider

USER = {"role": "user", "content": "Hi"}


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

"""What the catalog says of models, against the published rows it was made from."""

from pathlib import Path

import msgspec
import pytest

from trunkline.catalog.merge import merge_facts, to_layer
from trunkline.catalog.models import model_layer, successor
from trunkline.core.facts import Facts

FIXTURES = Path(__file__).parents[1] / "fixtures" / "databricks"


class Row(msgspec.Struct):
    mode: str
    max_input_tokens: float | None = None
    max_output_tokens: float | None = None
    supports_adaptive_thinking: bool | None = None
    supports_legacy_thinking: bool | None = None
    supports_assistant_prefill: bool | None = None
    supports_sampling_params: bool | None = None
    supports_forced_tool_use: bool | None = None
    supports_mid_conversation_system: bool | None = None
    thinking_always_on: bool | None = None


ROWS = msgspec.json.decode((FIXTURES / "model-catalogue.json").read_bytes(), type=dict[str, Row])
CHAT = {
    name.removeprefix("databricks/"): row for name, row in ROWS.items() if row.mode in ("chat", "responses")
}
CLAUDE = {name: row for name, row in CHAT.items() if "claude" in name}


def facts_of(name: str, protocol: str = "anthropic_messages") -> Facts:
    return merge_facts(Facts(), model_layer(name, protocol))


@pytest.mark.parametrize("name", [name for name, row in CHAT.items() if row.max_input_tokens])
def test_limits_are_those_of_the_published_row(name: str) -> None:
    facts = facts_of(name)
    assert (facts.context_tokens, facts.max_output_tokens) == (
        CHAT[name].max_input_tokens,
        CHAT[name].max_output_tokens,
    )


@pytest.mark.parametrize("name", CLAUDE)
def test_claude_flags_are_those_of_the_published_row(name: str) -> None:
    row, facts = CLAUDE[name], facts_of(name)
    form = "adaptive" if row.supports_adaptive_thinking else "budget"
    assert facts.reasoning == ("budget_or_adaptive" if row.supports_legacy_thinking else form)
    assert facts.prefill is bool(row.supports_assistant_prefill)
    assert facts.sampling is (row.supports_sampling_params is not False)
    assert facts.forced_tools is (row.supports_forced_tool_use is not False)
    assert facts.reasoning_always is bool(row.thinking_always_on)


@pytest.mark.parametrize(
    ("name", "thinking", "sampling", "prefill", "forced", "late_system"),
    [  # databricks.md 3.5, row by row
        ("haiku-4-5", "budget", True, True, True, False),
        ("sonnet-4", "budget", True, True, True, False),
        ("sonnet-4-5", "budget", True, True, True, False),
        ("opus-4", "budget", True, True, True, False),
        ("opus-4-1", "budget", True, True, True, False),
        ("opus-4-5", "budget", True, True, True, False),
        ("opus-4-6", "budget_or_adaptive", True, False, True, False),
        ("sonnet-4-6", "budget_or_adaptive", True, False, True, False),
        ("opus-4-7", "adaptive", False, False, True, False),
        ("opus-4-8", "adaptive", False, False, True, True),
        ("sonnet-5", "adaptive", False, False, True, True),
        ("opus-5", "adaptive", False, False, True, True),
        ("haiku-5-5", "adaptive", False, False, True, True),
        ("sonnet-5-5", "adaptive", False, False, True, True),
        ("fable-5", "adaptive", False, False, True, True),
        ("opus-5-5", "adaptive", False, False, False, True),
        ("fable-5-1", "adaptive", False, False, False, True),
    ],
)
def test_claude_table(
    name: str, thinking: str, sampling: bool, prefill: bool, forced: bool, late_system: bool
) -> None:
    facts = facts_of(f"databricks-claude-{name}")
    assert (facts.reasoning, facts.sampling, facts.prefill, facts.forced_tools, facts.late_system) == (
        thinking,
        sampling,
        prefill,
        forced,
        late_system,
    )


def test_a_claude_nobody_listed_is_taken_for_a_new_one() -> None:
    facts = facts_of("claude-opus-6")
    assert (facts.reasoning, facts.sampling, facts.prefill) == ("adaptive", False, False)
    assert facts.max_output_tokens is None, "limits of another version are not guessed"


def test_over_a_strangers_chat_api_claude_is_asked_by_effort() -> None:
    assert facts_of("anthropic/claude-sonnet-4.5", "openai_chat").reasoning == "effort"
    assert facts_of("claude-3-5-haiku-latest", "openai_chat").reasoning == "none"


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("gpt-5", ("minimal", "low", "medium", "high")),
        ("gpt-5-nano", ("minimal", "low", "medium", "high")),
        ("gpt-5.1", ("none", "low", "medium", "high")),
        ("gpt-5-4", ("low", "medium", "high")),
        ("o4-mini", ("low", "medium", "high")),
        ("gpt-oss-120b", ("low", "medium", "high")),
        ("gemini-3-1-pro", ("low", "medium", "high")),
        ("deepseek-v4-1-flash", ("low", "high", "xhigh", "max")),
    ],
)
def test_effort_levels(name: str, levels: tuple[str, ...]) -> None:
    facts = facts_of(name, "openai_chat")
    assert (facts.reasoning, facts.effort_levels) == ("effort", levels)


@pytest.mark.parametrize(
    "name", ["gpt-5", "gpt-5-mini-2025-08-07", "o1", "o3-mini", "o4-mini", "gpt-6-sol"]
)
def test_E89_reasoning_models_want_max_completion_tokens(name: str) -> None:
    facts = facts_of(name, "openai_chat")
    assert facts.max_tokens_field == "max_completion_tokens"
    assert not facts.sampling
    assert "stop" in facts.drop


def test_E89_other_gpt_models_keep_max_tokens_and_sampling() -> None:
    facts = facts_of("gpt-4o", "openai_chat")
    assert (facts.max_tokens_field, facts.sampling, facts.reasoning) == ("max_tokens", True, "none")


@pytest.mark.parametrize(
    ("name", "required"),
    [
        ("deepseek-reasoner", True),
        ("deepseek-chat", True),
        ("kimi-k2-thinking", True),
        ("moonshotai/kimi-k2.5", True),
        ("z-ai/glm-4.6", False),
        ("minimax-m2", False),
    ],
)
def test_reasoning_that_has_to_come_back(name: str, required: bool) -> None:
    facts = facts_of(name, "openai_chat")
    assert (facts.reasoning_history, facts.reasoning_required) == ("reasoning_content", required)


def test_an_unknown_model_gets_the_permissive_defaults() -> None:
    assert facts_of("somebody/strange-model-7b", "openai_chat") == Facts()
    assert not model_layer("somebody/strange-model-7b", "openai_chat")
    assert model_layer("databricks-claude-opus-4-8", "openai_chat")


@pytest.mark.parametrize("name", ["gpt-5-9", "claude-sonnet-4-9"])
def test_limits_of_one_version_are_not_given_to_the_next(name: str) -> None:
    assert facts_of(name, "openai_chat").context_tokens is None


def test_retired_models_have_a_successor_that_is_not_retired() -> None:
    assert successor("databricks-claude-3-7-sonnet") == "claude-sonnet-4-5"
    assert successor("databricks-claude-sonnet-4") == "claude-sonnet-4-5"
    assert successor("databricks-claude-sonnet-4-5") is None
    retired = {
        "claude-sonnet-3-7", "claude-sonnet-4", "dbrx-instruct", "gemini-2-5-flash", "gemini-2-5-pro",
        "gemini-3-pro", "gpt-5-1-codex-max", "gpt-5-1-codex-mini", "gpt-5-2-codex",
        "meta-llama-3-1-405b-instruct", "mixtral-8x7b-instruct", "mpt-30b-instruct",
    }  # fmt: skip
    for name in retired:
        newer = successor(name)
        assert newer is not None
        assert successor(newer) is None
        assert f"databricks-{newer}" in CHAT


def test_a_wrong_fact_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match="somewhere: no such fact: colour"):
        to_layer({"colour": "red"}, "somewhere")
    with pytest.raises(ValueError, match=r"somewhere: .*context_tokens"):
        to_layer({"context_tokens": "many"}, "somewhere")


def test_dropped_fields_add_up_over_layers_and_other_facts_replace() -> None:
    merged = merge_facts(
        Facts(drop=frozenset({"a"}), effort_levels=("low",)),
        {"drop": frozenset({"b"}), "effort_levels": ("high",)},
        {"drop": frozenset({"c"})},
    )
    assert merged.drop == {"a", "b", "c"}
    assert merged.effort_levels == ("high",)

"""What Databricks takes, per surface and model family, as data (databricks.md 3.1 to 3.6, 2026-10)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from trunkline.catalog.merge import Layer, merge_facts
from trunkline.catalog.models import model_layer
from trunkline.catalog.names import family_key, family_of
from trunkline.core.facts import Facts
from trunkline.providers.databricks.place import form_of

_CORE: Final = frozenset({"model", "messages", "max_tokens", "stream", "tools", "tool_choice"})

CHAT_ALLOW: Final[Mapping[str, frozenset[str]]] = {
    "claude": _CORE
    | {"temperature", "top_p", "top_k", "stop", "response_format", "thinking", "output_config", "anthropic_beta"},
    "gpt": _CORE
    | {
        "max_completion_tokens", "temperature", "top_p", "stop", "n", "stream_options", "response_format",
        "reasoning_effort", "service_tier",
    },
    "gemini": _CORE
    | {
        "max_completion_tokens", "temperature", "top_p", "top_k", "stop", "response_format",
        "reasoning_effort", "thinking", "service_tier",
    },
}  # fmt: skip
_OPEN_ALLOW: Final = _CORE | {
    "temperature", "top_p", "top_k", "stop", "n", "response_format", "logprobs",
}  # fmt: skip
_OPEN_WITH_EFFORT: Final = ("gpt-oss", "qwen35", "qwen3-5", "deepseek")
"""Open models that take ``reasoning_effort``, by the start of their name."""

MESSAGE_KEYS: Final = frozenset({"role", "content", "tool_calls", "tool_call_id"})
"""The only keys of a chat message."""

MESSAGES_ALLOW: Final = frozenset({
    "model", "messages", "max_tokens", "system", "stream", "stop_sequences", "temperature", "top_p", "top_k",
    "tools", "tool_choice", "thinking", "output_config", "metadata",
})  # fmt: skip

MESSAGES_DROP: Final = frozenset({
    "tools.eager_input_streaming", "tools.defer_loading", "tools.input_examples", "tools.strict",
    "tools.allowed_callers", "output_config.task_budget", "messages.output_config",
    "system.cache_control.scope", "tools.cache_control.scope", "messages.content.cache_control.scope",
    "messages.content.content.cache_control.scope",
})  # fmt: skip

BETAS: Final = frozenset({
    "interleaved-thinking-2025-05-14", "context-1m-2025-08-07", "effort-2025-11-24",
    "fine-grained-tool-streaming-2025-05-14", "output-128k-2025-02-19",
    "computer-use-2025-01-24", "computer-use-2025-11-24",
})  # fmt: skip
"""Betas that every backing provider (Bedrock, Vertex, Anthropic) is known to take, or to ignore; any other
is a 400 on one of them (databricks.md 3.6). Their body fields are left out with them."""

_MESSAGES: Final[Layer] = {
    "allow": MESSAGES_ALLOW,
    "drop": MESSAGES_DROP,
    "betas": BETAS,
    "mark_limit": 4,
    "server_tools": False,
    "deferred_tools": False,
    "strict_tools": False,
}

SEARCHING: Final = frozenset({
    "gemini-2-5-flash", "gemini-2-5-pro", "gemini-3-1-flash-lite", "gemini-3-1-pro", "gemini-3-flash", "gpt-5",
    "gpt-5-1", "gpt-5-2", "gpt-5-3-codex", "gpt-5-4", "gpt-5-4-mini", "gpt-5-4-nano", "gpt-5-5", "gpt-5-5-pro",
    "gpt-5-6-luna", "gpt-5-6-sol", "gpt-5-6-terra", "gpt-5-mini", "gpt-5-nano", "gpt-6-1-sol", "gpt-6-astra",
    "gpt-6-luna", "gpt-6-sol",
})  # fmt: skip
"""Models that search the web over their native routes (databricks.md 3.3, model-capabilities.json)."""

_NATIVE: Final[Mapping[str, Layer]] = {
    # Ids of one item differ from event to event and are too long to be sent back; usage has gaps (4.5).
    "openai_responses": {"dialect": True},
    "gemini": {},
}

_CHAT: Final[Layer] = {
    "dialect": True,
    "max_tokens_field": "max_tokens",
    "developer_role": False,
    "null_content": True,
    "late_system": False,
    "strict_tools": False,
    "parallel_switch": False,
    "stream_options": False,
    "image_urls": False,
    "documents": False,
    "audio": False,
    "reasoning_history": "none",
    "reasoning_required": False,
    "cache_marks": False,
}

_CHAT_FAMILY: Final[Mapping[str, Layer]] = {
    "claude": {
        "reasoning_history": "content_list",
        "cache_marks": True,
        "mark_limit": 4,
        "cache_ttl": False,
        "live_json": True,
        "structured": "tool",
        "structured_stream": False,
        "top_k": True,
    },
    "gpt": {"max_tokens_field": "max_completion_tokens", "stream_options": True, "image_urls": True},
    "gemini": {"top_k": True, "alternate": True},
    "llama": {"structured_stream": False, "top_k": True, "alternate": True},
    "gemma": {"structured_stream": False, "top_k": True, "alternate": True},
    "other": {},
}
_CHAT_OPEN: Final[Layer] = {"structured_stream": False, "top_k": True}

_BRIDGE: Final[Mapping[str, Layer]] = {
    "bridge_chat": {
        "drop": frozenset({
            "parallel_tool_calls", "stream_options", "store", "metadata", "logprobs", "top_logprobs",
            "max_completion_tokens",
        }),
        "stream_options": False,
        "max_tokens_field": "max_tokens",
        "live_json": True,
    },
    "bridge_cursor": {
        "drop": frozenset({"parallel_tool_calls", "store", "metadata", "include"}),
        "live_json": True,
    },
}  # fmt: skip
"""What users of the ForgeCode bridge know to be left out (7.1), by surface."""

_LEVELS: Final[tuple[tuple[tuple[str, ...], Layer], ...]] = (
    (("gemini-2-5-",), {"reasoning": "budget", "effort_levels": ()}),
    (("gpt-5-1", "gpt-5-2"), {"effort_levels": ("none", "low", "medium", "high")}),
)
"""Where Databricks asks for thinking in another way than the maker does (3.5), by the start of the name."""


@lru_cache(maxsize=1024)
def databricks_facts(provider: str, deployment: str, protocol: str, surface: str = "") -> Facts:
    """The facts of a deployment over one protocol here; ``deployment`` as the plan names it."""
    facts = _facts(provider, deployment, form_of(protocol))
    return merge_facts(facts, _BRIDGE[surface]) if surface in _BRIDGE else facts


def _facts(provider: str, deployment: str, protocol: str) -> Facts:
    base = Facts(provider=provider, model=deployment)
    if protocol == "anthropic_messages":
        return merge_facts(base, model_layer(deployment, protocol), _MESSAGES)
    if protocol in _NATIVE:
        searches: Layer = {"server_tools": family_key(deployment) in SEARCHING}
        return merge_facts(base, model_layer(deployment, protocol), _NATIVE[protocol], searches)
    family = family_of(deployment)
    # Claude's thinking is asked for over Chat as over Messages, so the spelling of Messages counts.
    spelling = "anthropic_messages" if family == "claude" else "openai_chat"
    special = [layer for starts, layer in _LEVELS if family_key(deployment).startswith(starts)]
    facts = merge_facts(
        base,
        model_layer(deployment, spelling),
        _CHAT,
        _CHAT_FAMILY.get(family, _CHAT_OPEN),
        *special,
    )
    return merge_facts(facts, _family_switches(family, facts))


def _family_switches(family: str, facts: Facts) -> Layer:
    """What follows from the facts so far: the allow-list, and the only way left for structured output."""
    if family in CHAT_ALLOW:
        forced = family != "claude" or facts.forced_tools
        return {"allow": CHAT_ALLOW[family], "structured": facts.structured if forced else "none"}
    if family == "other":  # a user's endpoint may be anything, so only what is refused everywhere goes
        return {"drop": frozenset({"stream_options", "parallel_tool_calls", "store", "metadata"})}
    single = family in ("gpt_oss", "llama", "gemma")
    if not family_key(facts.model).startswith(_OPEN_WITH_EFFORT):
        return {"reasoning": "none", "effort_levels": (), "allow": _OPEN_ALLOW, "single_calls": single}
    return {
        "reasoning": "effort",
        "effort_levels": facts.effort_levels or ("low", "medium", "high"),
        "allow": _OPEN_ALLOW | {"reasoning_effort"},
        "single_calls": single,
    }

"""The provider as the relay sees it: headers, discovery, facts of its surfaces."""

from pathlib import Path

import pytest

from trunkline.config.schema import ProviderSettings
from trunkline.core.errors import GatewayError, Kind
from trunkline.providers.databricks.models import best_claude
from trunkline.providers.databricks.rules import BETAS, CHAT_ALLOW, databricks_facts
from trunkline.providers.provider import Provider
from trunkline.providers.registry import make_provider

FIXTURES = Path(__file__).parents[2] / "fixtures" / "databricks"


def workspace(
    host: str = "adb-1.2", *, auth: str | None = None, headers: tuple[tuple[str, str], ...] = ()
) -> Provider:
    settings = ProviderSettings(kind="databricks", host=host, headers=headers)
    if auth == "basic":
        settings = ProviderSettings(kind="databricks", host=host, headers=headers, auth="basic")
    return make_provider("dbx", settings)


def test_bearer_is_the_default_and_basic_a_setting() -> None:
    for auth, expected in ((None, "Bearer dapi1"), ("basic", "Basic dG9rZW46ZGFwaTE=")):
        provider = workspace(auth=auth)
        surface = provider.surfaces("databricks-gpt-5")[0]
        assert dict(provider.headers(surface, "dapi1", ()))["authorization"] == expected


def test_messages_say_that_a_coding_agent_asks_and_chat_does_not() -> None:
    provider = workspace()
    messages, chat, *_ = provider.surfaces("databricks-claude-opus-4-8")
    assert dict(provider.headers(messages, "k", ()))["x-databricks-use-coding-agent-mode"] == "true"
    assert "x-databricks-use-coding-agent-mode" not in dict(provider.headers(chat, "k", ()))


def test_E110_only_known_betas_are_forwarded() -> None:
    provider = workspace()
    surface = provider.surfaces("databricks-claude-opus-4-8")[0]
    client = (
        (
            "anthropic-beta",
            "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
            "per-turn-control-2026-07-01,effort-2025-11-24",
        ),
        ("anthropic-version", "2023-06-01"),
        ("x-claude-code-session-id", "s"),
    )
    headers = dict(provider.headers(surface, "k", client))
    assert headers["anthropic-beta"] == "interleaved-thinking-2025-05-14,effort-2025-11-24"
    assert "x-claude-code-session-id" not in headers
    nothing = dict(provider.headers(surface, "k", (("anthropic-beta", "context-management-2025-06-27"),)))
    assert "anthropic-beta" not in nothing


def test_the_org_id_goes_along_and_configured_headers_too() -> None:
    provider = workspace("https://adb-1.2.azuredatabricks.net/?o=12", headers=(("x-team", "a"),))
    headers = dict(provider.headers(provider.surfaces("databricks-gpt-5")[0], "k", ()))
    assert (headers["x-databricks-org-id"], headers["x-team"]) == ("12", "a")


def test_discovery_lists_the_ready_chat_endpoints_of_a_real_workspace() -> None:
    provider = workspace()
    request = provider.discovery("k")
    assert request is not None
    assert request.url == "https://adb-1.2.azuredatabricks.net/api/2.0/serving-endpoints"
    listed = provider.decode_discovery((FIXTURES / "serving-endpoints-list.json").read_bytes())
    names = [model.id for model in listed]
    assert len(names) == 17
    assert "databricks-claude-sonnet-4-5" in names
    assert not {"custom-detector", "mas-00000000-endpoint", "databricks-gte-large-en"} & set(names)
    assert (
        next(model for model in listed if model.id == "databricks-gpt-oss-120b").display_name
        == "GPT OSS 120B"
    )
    assert best_claude(names) == {
        "opus": "databricks-claude-opus-4-8",
        "sonnet": "databricks-claude-sonnet-4-6",
        "haiku": "databricks-claude-haiku-4-5",
    }


def test_discovery_takes_external_endpoints_and_leaves_those_that_are_not_ready() -> None:
    provider = workspace()
    listed = provider.decode_discovery((FIXTURES / "external-endpoint-list.json").read_bytes())
    assert [model.id for model in listed] == ["databricks-gpt-5-5", "external-openai-proxy"]
    body = b'{"endpoints":[{"name":"a","task":"llm/v1/chat","state":{"ready":"NOT_READY"}},{"name":"b"}]}'
    assert provider.decode_discovery(body) == ()
    assert provider.decode_discovery(b'{"endpoints":null}') == ()
    assert provider.decode_discovery(b"{}") == ()


def test_an_unreadable_listing_is_an_error() -> None:
    with pytest.raises(GatewayError) as caught:
        workspace().decode_discovery(b'{"endpoints":[{"name":7}]}')
    assert caught.value.kind is Kind.UPSTREAM_FAILED


def test_a_dedicated_gateway_has_nothing_to_list() -> None:
    assert workspace("42.ai-gateway.azuredatabricks.net").discovery("k") is None


FACTS = [
    # databricks.md 3.1 and 3.5 over chat: name, reasoning, levels, history, marks, sampling, structured, stream
    ("databricks-claude-sonnet-4-5", "budget", (), "content_list", True, True, "tool", False),
    ("databricks-claude-opus-4-6", "budget_or_adaptive", ("low", "medium", "high", "max"), "content_list", True, True, "tool", False),
    ("system.ai.claude-opus-4-8", "adaptive", ("low", "medium", "high", "xhigh", "max"), "content_list", True, False, "tool", False),
    ("databricks-claude-opus-5-5", "adaptive", ("low", "medium", "high", "xhigh", "max"), "content_list", True, False, "none", False),
    ("databricks-gpt-5", "effort", ("minimal", "low", "medium", "high"), "none", False, False, "native", True),
    ("databricks-gpt-5-2", "effort", ("none", "low", "medium", "high"), "none", False, False, "native", True),
    ("databricks-gpt-5-4", "effort", ("low", "medium", "high"), "none", False, False, "native", True),
    ("databricks-gemini-3-1-pro", "effort", ("low", "medium", "high"), "none", False, True, "native", True),
    ("databricks-gemini-2-5-pro", "budget", (), "none", False, True, "native", True),
    ("databricks-gemini-3-6-flash", "effort", ("low", "medium", "high"), "none", False, False, "native", True),
    ("databricks-gpt-oss-120b", "effort", ("low", "medium", "high"), "none", False, True, "native", False),
    ("databricks-qwen35-122b-a10b", "effort", ("low", "medium", "high"), "none", False, True, "native", False),
    ("databricks-deepseek-v4-1-flash", "effort", ("low", "high", "xhigh", "max"), "none", False, True, "native", False),
    ("databricks-meta-llama-3-3-70b-instruct", "none", (), "none", False, True, "native", False),
    ("databricks-kimi-k2-7", "none", (), "none", False, True, "native", False),
    ("my-endpoint", "none", (), "none", False, True, "native", True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "reasoning", "levels", "history", "marks", "sampling", "structured", "structured_stream"),
    FACTS,
)
def test_facts_over_chat(
    name: str,
    reasoning: str,
    levels: tuple[str, ...],
    history: str,
    marks: bool,
    sampling: bool,
    structured: str,
    structured_stream: bool,
) -> None:
    facts = databricks_facts("dbx", name, "openai_chat")
    assert (facts.reasoning, facts.effort_levels) == (reasoning, levels)
    assert (facts.reasoning_history, facts.reasoning_required, facts.cache_marks) == (history, False, marks)
    assert (facts.sampling, facts.structured, facts.structured_stream) == (
        sampling,
        structured,
        structured_stream,
    )
    assert facts.dialect
    unwanted = ("strict_tools", "parallel_switch", "developer_role", "late_system")
    assert [name for name in unwanted if getattr(facts, name)] == []
    assert (facts.provider, facts.model) == ("dbx", name)


def test_only_gpt_takes_stream_options_and_remote_pictures() -> None:
    for family, name in (
        ("gpt", "gpt-5"),
        ("claude", "claude-opus-4-8"),
        ("gemini", "gemini-3-1-pro"),
        ("llama", "llama-4-maverick"),
    ):
        facts = databricks_facts("dbx", f"databricks-{name}", "openai_chat")
        assert facts.stream_options is (family == "gpt")
        assert facts.image_urls is (family == "gpt")


# databricks.md 3.1, field by family: does it pass the allow-list?
FIELDS: dict[str, tuple[bool, bool, bool, bool]] = {
    # field: Claude, GPT, Gemini, open models
    "messages": (True, True, True, True),
    "model": (True, True, True, True),
    "max_tokens": (True, True, True, True),
    "max_completion_tokens": (False, True, True, False),
    "temperature": (True, True, True, True),
    "top_p": (True, True, True, True),
    "top_k": (True, False, True, True),
    "stop": (True, True, True, True),
    "stream": (True, True, True, True),
    "stream_options": (False, True, False, False),
    "tools": (True, True, True, True),
    "tool_choice": (True, True, True, True),
    "parallel_tool_calls": (False, False, False, False),
    "response_format": (True, True, True, True),
    "reasoning_effort": (False, True, True, False),
    "thinking": (True, False, True, False),
    "output_config": (True, False, False, False),
    "store": (False, False, False, False),
    "metadata": (False, False, False, False),
    "user": (False, False, False, False),
    "seed": (False, False, False, False),
    "logit_bias": (False, False, False, False),
    "logprobs": (False, False, False, True),
    "service_tier": (False, True, True, False),
    "cache_control": (False, False, False, False),
    "context_management": (False, False, False, False),
    "speed": (False, False, False, False),
    "container": (False, False, False, False),
    "mcp_servers": (False, False, False, False),
    "betas": (False, False, False, False),
    "anthropic_beta": (True, False, False, False),
    "extra_body": (False, False, False, False),
}


@pytest.mark.parametrize("field", FIELDS)
def test_chat_fields_by_family(field: str) -> None:
    names = ("claude-sonnet-4-5", "gpt-5", "gemini-3-1-pro", "meta-llama-3-3-70b-instruct")
    allowed: list[bool] = []
    for name in names:
        allow = databricks_facts("dbx", f"databricks-{name}", "openai_chat").allow
        assert allow is not None
        allowed.append(field in allow)
    assert tuple(allowed) == FIELDS[field]


@pytest.mark.parametrize("name", ["gpt-oss-120b", "qwen35-122b-a10b", "deepseek-v4-1-flash"])
def test_some_open_models_take_an_effort(name: str) -> None:
    allow = databricks_facts("dbx", f"databricks-{name}", "openai_chat").allow
    assert allow is not None
    assert "reasoning_effort" in allow


def test_a_users_endpoint_is_not_held_to_an_allow_list() -> None:
    facts = databricks_facts("dbx", "my-endpoint", "openai_chat")
    assert facts.allow is None
    assert facts.drop == {"stream_options", "parallel_tool_calls", "store", "metadata"}
    assert "other" not in CHAT_ALLOW


def test_native_messages_facts() -> None:
    facts = databricks_facts("dbx", "databricks-claude-opus-4-8", "anthropic_messages")
    assert facts.betas == BETAS
    assert not facts.dialect
    unwanted = ("server_tools", "deferred_tools", "strict_tools")
    assert [name for name in unwanted if getattr(facts, name)] == []
    assert facts.late_system
    assert facts.cache_ttl
    assert facts.allow is not None
    assert not {"context_management", "container", "mcp_servers", "service_tier", "betas"} & facts.allow

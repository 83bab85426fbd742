"""One key for every spelling of a model's name."""

import pytest

from trunkline.catalog.names import family_key, family_of


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("databricks-claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("system.ai.claude-opus-4-8", "claude-opus-4-8"),
        ("system.ai.databricks-claude-opus-4-8", "claude-opus-4-8"),
        ("main.team_a.claude-opus-4-8", "claude-opus-4-8"),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", "claude-sonnet-3-7"),
        ("eu.anthropic.claude-sonnet-4-20250514-v1:0", "claude-sonnet-4"),
        ("anthropic.claude-opus-4-8", "claude-opus-4-8"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-sonnet-4@20250514", "claude-sonnet-4"),
        ("claude-3-5-sonnet-latest", "claude-sonnet-3-5"),
        ("claude-3-opus-20240229", "claude-opus-3"),
        ("claude-opus-4-6[1m]", "claude-opus-4-6"),
        ("Claude-Opus-4-6", "claude-opus-4-6"),
        ("gpt-4.1-2025-04-14", "gpt-4-1"),
        ("openai/gpt-5.2", "gpt-5-2"),
        ("databricks-gpt-5-6-luna", "gpt-5-6-luna"),
        ("llama3.3:70b", "llama3-3-70b"),
        ("system.ai.llama_v3_3_70b_instruct", "llama-v3-3-70b-instruct"),
        ("deepseek/deepseek-chat-v3.1:free", "deepseek-chat-v3-1"),
        ("llama-3.1-70b-v2.0", "llama-3-1-70b-v2-0"),
        ("gemini-2.5-flash", "gemini-2-5-flash"),
        ("models/gemini-2.5-flash", "gemini-2-5-flash"),
    ],
)
def test_spellings_share_a_key(name: str, key: str) -> None:
    assert family_key(name) == key


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("databricks-claude-haiku-4-5", "claude"),
        ("databricks-gpt-5-5", "gpt"),
        ("databricks-gpt-oss-120b", "gpt_oss"),
        ("o3-mini", "gpt"),
        ("system.ai.gemini-3-1-pro", "gemini"),
        ("databricks-meta-llama-3-3-70b-instruct", "llama"),
        ("databricks-llama-4-maverick", "llama"),
        ("databricks-qwen35-122b-a10b", "qwen"),
        ("databricks-gemma-3-12b", "gemma"),
        ("databricks-deepseek-v4-1-flash", "deepseek"),
        ("databricks-kimi-k2-7", "kimi"),
        ("databricks-glm-5-3", "glm"),
        ("databricks-grok-4-7", "grok"),
        ("databricks-inkling", "inkling"),
        ("my-endpoint", "other"),
        ("", "other"),
    ],
)
def test_families(name: str, family: str) -> None:
    assert family_of(name) == family

"""Whatever a client sends, what leaves us passes the rules of the stand-in workspace."""

import json
from collections.abc import Mapping

import pytest

from standin.ledger import Ledger
from standin.models import MODELS, Model
from standin.rules_chat import as_anthropic, check_chat
from standin.rules_claude import Claude, check_claude
from trunkline.config.schema import ProviderSettings
from trunkline.providers.registry import make_provider

WORKSPACE = make_provider("dbx", ProviderSettings(kind="databricks", host="adb-1.2"))
CHAT_MODELS = [model for model in MODELS if not model.responses_only]

USER = {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "Hi"}]}
WILD_CHAT: dict[str, object] = {
    "messages": [
        {"role": "developer", "content": "Be brief.", "name": "rules"},
        USER,
        {"role": "system", "content": "Later rules."},
        {
            "role": "assistant",
            "content": "",
            "reasoning_content": "hm",
            "refusal": None,
            "tool_calls": [
                {
                    "index": 0,
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "f", "arguments": ""},
                },
                {
                    "index": 1,
                    "id": "call_2",
                    "type": "function",
                    "function": {"name": "f", "arguments": "{}"},
                },
            ],
        },
        {
            "role": "tool",
            "tool_call_id": "call_2",
            "content": [{"type": "image_url", "image_url": {"url": "data:image/png,iVBORw0KGgo="}}],
        },
        {"role": "user", "content": ""},
        {
            "role": "tool",
            "tool_call_id": "call_1",
            "content": "late",
            "cache_control": {"type": "ephemeral"},
        },
        {"role": "tool", "tool_call_id": "call_9", "content": "orphan"},
        {"role": "assistant", "content": " "},
        {"role": "user", "content": "Go on.", "cache_control": {"type": "ephemeral", "scope": "global"}},
    ],
    "max_completion_tokens": 4000,
    "temperature": 0.3,
    "top_p": 0.9,
    "n": 1,
    "stop": [" "],
    "stream": True,
    "stream_options": {"include_usage": True},
    "parallel_tool_calls": True,
    "reasoning_effort": "medium",
    "response_format": {"type": "json_object"},
    "store": False,
    "metadata": {"a": "b"},
    "user": "u",
    "seed": 1,
    "logprobs": False,
    "prompt_cache_key": "k",
    "tools": [{"type": "function", "function": {"name": "f", "strict": True, "parameters": {}}}],
    "tool_choice": "required",
}
WILD_MESSAGES: dict[str, object] = {
    "max_tokens": 128000,
    "system": [{"type": "text", "text": ""}, {"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "scope": "global"}}],
    "messages": [
        USER,
        {"role": "system", "content": "Later rules."},
        {"role": "user", "content": "More.", "output_config": {"effort": "low"}},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "tool_reference", "tool_name": "g"}]}
            ],
        },
        {"role": "system", "content": []},
        {"role": "assistant", "content": "Well"},
    ],
    "tools": [
        {"name": "f", "input_schema": {"type": "object"}, "strict": True, "defer_loading": True},
        {"type": "web_search_20250305", "name": "web_search"},
        {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
    ],
    "thinking": {"type": "adaptive", "display": "omitted"},
    "output_config": {"effort": "xhigh"},
    "context_management": {"edits": []},
    "metadata": {"user_id": "u", "x": "y"},
    "temperature": 0.5,
    "top_p": 0.5,
    "stream": True,
}  # fmt: skip


def sent(model: Model, protocol: str, body: Mapping[str, object]) -> dict[str, object]:
    surface = next(one for one in WORKSPACE.surfaces(model.endpoint) if one.protocol == protocol)
    raw = json.dumps({"model": model.endpoint, **body}).encode()
    out, losses = WORKSPACE.edit(surface, raw)
    assert losses
    assert WORKSPACE.edit(surface, out)[0] is out, "what is right is left alone"
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("model", CHAT_MODELS, ids=lambda model: model.name)
def test_a_wild_chat_body_is_accepted_by_every_family(model: Model) -> None:
    wild = dict(WILD_CHAT)
    if (
        model.family == "gemini"
    ):  # documented to take it in streams; a workspace that does not teaches us so
        del wild["response_format"]
    body = sent(model, "openai_chat", wild)
    check_chat(body, model, Ledger())
    if model.family == "claude":
        check_claude(as_anthropic(body), Claude(model, Ledger()))


@pytest.mark.parametrize(
    "model", [model for model in CHAT_MODELS if model.family == "claude"], ids=lambda model: model.name
)
def test_a_wild_messages_body_is_accepted_by_every_claude(model: Model) -> None:
    body = sent(model, "anthropic_messages", WILD_MESSAGES)
    check_claude(body, Claude(model, Ledger(), late_system=model.late_system))
    assert not {"context_management", "container", "betas"} & body.keys()

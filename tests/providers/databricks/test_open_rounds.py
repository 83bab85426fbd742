"""Thinking with a budget in the middle of a round of tools: only where the round brings its own thinking."""

from collections.abc import Mapping

import msgspec
import pytest

from trunkline.core.facts import Facts
from trunkline.providers.databricks.edits import edit_body

FACTS = Facts(
    provider="dbx", model="databricks-claude-sonnet-4-5", reasoning="budget", max_output_tokens=64000
)
ENABLED = {"type": "enabled", "budget_tokens": 2000}
USER = {"role": "user", "content": "Go"}

THOUGHT = {"type": "thinking", "thinking": "", "signature": "s"}
REDACTED = {"type": "redacted_thinking", "data": "d"}


def used(call: str, *before: object) -> dict[str, object]:
    return {
        "role": "assistant",
        "content": [*before, {"type": "tool_use", "id": call, "name": "f", "input": {}}],
    }


def result(call: str, *after: object) -> dict[str, object]:
    return {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": call, "content": "ok"}, *after],
    }


NATIVE: dict[str, tuple[list[object], bool]] = {
    "first-turn": ([USER], True),
    "proven": ([USER, used("a", THOUGHT), result("a")], True),
    "redacted": ([USER, used("a", REDACTED), result("a")], True),
    "dropped": ([USER, used("a"), result("a")], False),
    "dropped-then-text": ([USER, used("a"), result("a", {"type": "text", "text": "x"})], False),
    "dropped-then-reminder": ([USER, used("a"), result("a"), USER], False),
    "thought-earlier-in-the-round": ([USER, used("a", THOUGHT), result("a"), used("b"), result("b")], True),
    "dropped-twice": ([USER, used("a"), result("a"), used("b"), result("b")], False),
    "round-closed": ([USER, used("a"), result("a"), {"role": "assistant", "content": "Done."}, USER], True),
    "thought-in-a-closed-round": (
        [
            USER,
            used("a", THOUGHT),
            result("a"),
            {"role": "assistant", "content": "Done."},
            USER,
            used("b"),
            result("b"),
        ],
        False,
    ),
}

REASONING = [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "", "signature": "s"}]}]
SECRET = [{"type": "reasoning", "summary": [{"type": "summary_encrypted_text", "data": "d"}]}]


def called(call: str, content: object = None) -> dict[str, object]:
    tool_call = {"id": call, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    return {"role": "assistant", "content": content, "tool_calls": [tool_call]}


def answered(call: str) -> dict[str, object]:
    return {"role": "tool", "tool_call_id": call, "content": "ok"}


CHAT: dict[str, tuple[list[object], bool]] = {
    "first-turn": ([USER], True),
    "proven": ([USER, called("a", REASONING), answered("a")], True),
    "redacted": ([USER, called("a", SECRET), answered("a")], True),
    "dropped": ([USER, called("a"), answered("a")], False),
    "dropped-then-reminder": ([USER, called("a"), answered("a"), USER], False),
    "thought-earlier": ([USER, called("a", REASONING), answered("a"), called("b"), answered("b")], True),
    "round-closed": (
        [USER, called("a"), answered("a"), {"role": "assistant", "content": "Done."}, USER],
        True,
    ),
}


def thinks(protocol: str, messages: list[object], thinking: Mapping[str, object]) -> bool:
    body = {"model": "m", "max_tokens": 8000, "messages": messages, "thinking": thinking}
    out, losses = edit_body(msgspec.json.encode(body), protocol, FACTS)
    kept = "thinking" in msgspec.json.decode(out)
    assert kept is ("thinking" not in [loss.field for loss in losses])
    return kept


@pytest.mark.parametrize("thinking", [ENABLED, {"type": "adaptive"}], ids=["enabled", "adaptive"])
@pytest.mark.parametrize("name", NATIVE)
def test_E8_native_rounds(name: str, thinking: Mapping[str, object]) -> None:
    messages, kept = NATIVE[name]
    assert thinks("anthropic_messages", messages, thinking) is kept


@pytest.mark.parametrize("thinking", [ENABLED, {"type": "adaptive"}], ids=["enabled", "adaptive"])
@pytest.mark.parametrize("name", CHAT)
def test_E8_chat_rounds(name: str, thinking: Mapping[str, object]) -> None:
    messages, kept = CHAT[name]
    assert thinks("openai_chat", messages, thinking) is kept

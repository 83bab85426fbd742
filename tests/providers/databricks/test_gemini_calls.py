"""Calls without a signature in a Gemini conversation (protocols.md E13)."""

import msgspec
import pytest

from trunkline.core.facts import Facts
from trunkline.providers.databricks.edits import edit_body

SIGNED = {
    "id": "c1",
    "type": "function",
    "function": {"name": "f", "arguments": "{}"},
    "thoughtSignature": "s",
}
BARE = {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}}
RESULTS = [{"role": "tool", "tool_call_id": call, "content": "ok"} for call in ("c1", "c2")]


def edited(model: str, calls: list[object]) -> tuple[list[dict[str, object]], list[str]]:
    """The calls as sent, and the fields that were lost."""
    ids = {call["id"] for call in calls if isinstance(call, dict)}
    messages = [
        {"role": "user", "content": "Go"},
        {"role": "assistant", "content": "Well", "tool_calls": calls},
        *(result for result in RESULTS if result["tool_call_id"] in ids),
    ]
    body = msgspec.json.encode({"model": model, "max_tokens": 10, "messages": messages})
    out, losses = edit_body(body, "openai_chat", Facts(provider="dbx", model=model))
    return msgspec.json.decode(out)["messages"][1]["tool_calls"], [loss.field for loss in losses]


def test_E13_a_missing_signature_is_stood_in_for_on_the_first_call() -> None:
    calls, lost = edited("databricks-gemini-3-1-pro", [BARE, {**BARE, "id": "c1"}])
    assert calls[0]["thoughtSignature"] == "skip_thought_signature_validator"
    assert "thoughtSignature" not in calls[1]
    assert "messages.tool_calls.signature" in lost


@pytest.mark.parametrize("model", ["databricks-gemini-3-1-pro", "databricks-gemini-3-8-flash"])
def test_E13_a_signature_that_is_there_stays(model: str) -> None:
    calls, lost = edited(model, [SIGNED, BARE])
    assert calls == [SIGNED, BARE]
    assert lost == []


@pytest.mark.parametrize(
    "model", ["databricks-gpt-5", "databricks-claude-sonnet-4-5", "databricks-gemini-2-5-pro"]
)
def test_E13_nobody_else_is_sent_one(model: str) -> None:
    calls, lost = edited(model, [BARE])
    assert calls == [BARE]
    assert lost == []

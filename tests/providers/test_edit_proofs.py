"""Passed-through histories whose client dropped what the upstream wants back with its calls."""

import json

import pytest

from trunkline.core.facts import Facts
from trunkline.providers.draft import Draft
from trunkline.providers.edit_chat import chat_edits_due, edit_chat
from trunkline.providers.edit_gemini import edit_gemini, gemini_edits_due

CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
WANTS = Facts(provider="p", model="m", reasoning_history="reasoning_content", reasoning_required=True)
SIGNS = Facts(provider="p", model="m", skip_proofs=True)


def chat(*messages: dict[str, object]) -> tuple[list[dict[str, object]], list[str]]:
    draft = Draft(json.dumps({"model": "m", "messages": messages}).encode())
    edit_chat(draft, WANTS)
    out, losses = draft.finish()
    return json.loads(out)["messages"], [loss.field for loss in losses]


def test_E11_turns_with_calls_say_that_there_was_no_reasoning() -> None:
    assert chat_edits_due(WANTS)
    assert not chat_edits_due(Facts(provider="p", model="m"))
    plain = {"role": "assistant", "content": "x"}
    lacking = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    kept = lacking | {"reasoning_content": "hm"}
    null = lacking | {"reasoning_content": None}
    empty = {"role": "assistant", "content": "x", "tool_calls": []}
    found, losses = chat(plain, lacking, kept, null, empty)
    assert found == [
        plain,
        lacking | {"reasoning_content": ""},
        kept,
        lacking | {"reasoning_content": ""},
        empty,
    ]
    assert losses == ["messages.reasoning_content"]
    assert chat(plain, kept) == ([plain, kept], [])


def gemini(body: dict[str, object]) -> tuple[dict[str, object], list[str]]:
    draft = Draft(json.dumps(body).encode())
    edit_gemini(draft, SIGNS)
    out, losses = draft.finish()
    return json.loads(out), [loss.field for loss in losses]


def call(**more: object) -> dict[str, object]:
    return {"functionCall": {"name": "f", "args": {}}, **more}


SKIP = "skip_thought_signature_validator"


def test_E13_a_calls_lost_signature_is_skipped() -> None:
    assert gemini_edits_due(SIGNS)
    assert not gemini_edits_due(Facts(provider="p", model="m"))
    user = {"role": "user", "parts": [{"text": "go"}]}
    lacking = {"role": "model", "parts": [{"text": "x"}, call(), call()]}
    signed = {"role": "model", "parts": [call(thoughtSignature="s"), call()]}
    found, losses = gemini({"contents": [user, lacking, signed]})
    mended = {"role": "model", "parts": [{"text": "x"}, call(thoughtSignature=SKIP), call()]}
    assert found == {"contents": [user, mended, signed]}
    assert losses == ["contents.thoughtSignature"]


@pytest.mark.parametrize(
    "body",
    [
        {
            "contents": [
                {"role": "model", "parts": [{"function_call": {"name": "f"}, "thought_signature": "s"}]}
            ]
        },
        {"contents": [{"role": "model", "parts": [{"text": '"functionCall"'}]}]},
        {"contents": [{"role": "model", "parts": {"functionCall": 1}}, 7]},
        {"contents": "functionCall"},
        {},
    ],
)
def test_what_needs_no_signature_keeps_its_bytes(body: dict[str, object]) -> None:
    draft = Draft(json.dumps(body).encode())
    edit_gemini(draft, SIGNS)
    assert draft.finish() == (json.dumps(body).encode(), ())

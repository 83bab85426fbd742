"""What the real services took, the stand-ins take: every recorded request that was answered with 200."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from standin import rules_gemini, rules_items
from standin.ledger import Ledger
from standin.refusal import Refused
from standin.rules_gemini import Gemini, check_gemini
from standin.rules_items import check_items
from standin.rules_openai_chat import check_openai_chat
from standin.rules_responses import check_responses

ROOT = Path(__file__).parents[1] / "fixtures" / "wire"
MODEL = re.compile(r"/models/([^/:]+):")
THINKS = re.compile(r"(gpt-[5-9]|codex|o\d)")


def accepted(protocol: str, *providers: str) -> Iterator[tuple[str, str, dict[str, object]]]:
    """(id, model, body) of each request that the service itself answered."""
    for line in (ROOT / "index.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["protocol"] != protocol or entry["provider"] not in providers or entry["status"] != 200:
            continue
        if "request" in entry["files"]:
            kept = json.loads((ROOT / entry["files"]["request"]).read_text())
            body, in_path = kept["body"], MODEL.search(kept["path"])
            if isinstance(body, dict):
                yield entry["id"], in_path[1] if in_path else str(body.get("model")), body


def refused(check: object, found: Iterator[tuple[str, str, dict[str, object]]]) -> tuple[int, list[str]]:
    assert callable(check)
    count, refusals = 0, []
    for name, model, body in found:
        count += 1
        try:
            check(model, body)
        except Refused as refusal:
            refusals.append(f"{name}: {refusal.text}")
    return count, refusals


def test_responses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules_items, "_check_reasoning", lambda *_: None)  # proofs of the real service
    monkeypatch.setattr(rules_items, "_not_found", lambda *_: None)

    def check(model: str, body: dict[str, object]) -> None:
        check_responses(body, reasons=THINKS.match(model) is not None)
        items = body.get("input")
        if (
            isinstance(items, list)
            and not body.get("previous_response_id")
            and not body.get("conversation")
        ):
            check_items(items, model, Ledger(), {})

    count, refusals = refused(check, accepted("openai-responses", "openai"))
    assert refusals == []
    assert count > 250


def test_chat() -> None:
    def check(model: str, body: dict[str, object]) -> None:
        reasons = THINKS.match(model) is not None
        check_openai_chat(body, model, Ledger(), reasons=reasons, reasoning="none")

    count, refusals = refused(check, accepted("openai-chat", "openai"))
    assert [text for text in refusals if "llama-cpp" not in text] == []
    assert count > 100


def test_gemini(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules_gemini, "_check_proof", lambda *_: None)

    def check(model: str, body: dict[str, object]) -> None:
        new = model.startswith("gemini-3")
        check_gemini(body, Gemini(model, Ledger(), new, new, every_turn=False, alternate=False))

    count, refusals = refused(check, accepted("gemini-generate-content", "google", "google-vertex"))
    assert refusals == []
    assert count > 250

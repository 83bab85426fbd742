"""Requests of real coding agents: everything arrives in the other protocol, and earlier turns keep their bytes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from msgspec import Raw

from trunkline.core.facts import Facts
from trunkline.protocols.registry import CODECS
from wire import translate
from wire.inventories import INVENTORY
from wire.shapes import misfits

ROOT = Path(__file__).parents[1] / "fixtures" / "clients"
PLACEHOLDER = "DeferredToolPlaceholder"
"""A tool that Claude Code declares and that is never to be called; elsewhere it stays behind (E50)."""

TARGETS = [
    Facts(provider="t", model="m", reasoning="budget_or_adaptive"),
    Facts(provider="t", model="m", reasoning="effort", cache_marks=True, late_system=False),
    Facts(provider="t", model="m", reasoning_history="reasoning_content", reasoning_required=True),
    Facts(provider="t", model="m", reasoning="budget", reasoning_history="content_list", single_calls=True),
]


class Sent(NamedTuple):
    """One request of an agent."""

    name: str
    codec: str
    body: dict


def sent() -> Iterator[Sent]:
    for file in sorted(ROOT.rglob("*.request.json")):
        kept = json.loads(file.read_text(encoding="utf-8"))
        chat = kept["path"].partition("?")[0].endswith("/chat/completions")
        yield Sent(
            str(file.relative_to(ROOT)), "openai_chat" if chat else "anthropic_messages", kept["body"]
        )


def unmarked(value: object) -> object:
    """Without cache marks: agents move them from turn to turn, which is no change of the prompt."""
    if isinstance(value, dict):
        return {key: unmarked(inner) for key, inner in value.items() if key != "cache_control"}
    return [unmarked(inner) for inner in value] if isinstance(value, list) else value


def encoded(source: str, target: str, body: object, facts: Facts) -> tuple[dict, list[bytes]]:
    """The translated body, and its messages as raw bytes."""
    request = CODECS[source].decode_request(json.dumps(body).encode())
    raw = CODECS[target].encode_request(request, facts).body
    messages = msgspec.json.decode(raw, type=dict[str, Raw])["messages"]
    return json.loads(raw), [bytes(one) for one in msgspec.json.decode(messages, type=list[Raw])]


def test_there_are_requests_of_many_agents() -> None:
    assert len({one.name.split("/")[0] for one in sent()}) >= 15
    assert {one.codec for one in sent()} == set(CODECS)


@pytest.mark.parametrize("facts", TARGETS[:1], ids=["permissive"])
def test_everything_an_agent_sends_arrives(facts: Facts) -> None:
    wrong = []
    for name, source, body in sent():
        target = translate.OTHER[source]
        out, _ = encoded(source, target, body, facts)
        before, after = INVENTORY[source](body), INVENTORY[target](out)
        before.tools.pop(PLACEHOLDER, None)
        missing = before.missing(after, {}) + misfits(target, out)
        if missing:
            wrong.append(f"{name}: {missing}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "facts", TARGETS, ids=["permissive", "no_late_system", "reasoning_required", "databricks"]
)
def test_E104_the_next_turn_of_an_agent_keeps_the_bytes_of_the_last(facts: Facts) -> None:
    pairs = 0
    before: Sent | None = None
    for turn in sent():
        last, before = before, turn
        if last is None or not follows(last, turn):
            continue
        pairs += 1
        for target in CODECS:
            _, first = encoded(turn.codec, target, unmarked(last.body), facts)
            _, second = encoded(turn.codec, target, unmarked(turn.body), facts)
            assert second[: len(first)] == first, f"{turn.name} to {target}"
    assert pairs >= 30


def follows(last: Sent, turn: Sent) -> bool:
    """True when ``turn`` goes on with the conversation of ``last``."""
    earlier, later = unmarked(last.body), unmarked(turn.body)
    assert isinstance(earlier, dict)
    assert isinstance(later, dict)
    count = len(earlier["messages"])
    return (
        last.codec == turn.codec
        and earlier.get("system") == later.get("system")
        and len(later["messages"]) > count
        and later["messages"][:count] == earlier["messages"]
    )

"""Requests of real coding agents: everything arrives in the other protocol, and earlier turns keep their bytes."""

import json
from typing import NamedTuple

import msgspec
import pytest
from msgspec import Raw

from trunkline.core.facts import Facts
from trunkline.protocols.registry import CODECS
from wire.inventories import INVENTORY
from wire.sent import Sent, sent
from wire.shapes import misfits

INSTRUCTIONS = ("system", "instructions", "systemInstruction")
TURNS = {
    "anthropic_messages": "messages",
    "openai_chat": "messages",
    "openai_responses": "input",
    "gemini": "contents",
}
"""Where each protocol keeps the conversation."""
PLACEHOLDER = "DeferredToolPlaceholder"
"""A tool that Claude Code declares and that is never to be called; elsewhere it stays behind (E50)."""

TARGETS = [
    Facts(provider="t", model="m", reasoning="budget_or_adaptive"),
    Facts(provider="t", model="m", reasoning="effort", cache_marks=True, late_system=False),
    Facts(provider="t", model="m", reasoning_history="reasoning_content", reasoning_required=True),
    Facts(provider="t", model="m", reasoning="budget", reasoning_history="content_list", single_calls=True),
]


def unmarked(value: object) -> object:
    """Without cache marks: agents move them from turn to turn, which is no change of the prompt."""
    if isinstance(value, dict):
        return {key: unmarked(inner) for key, inner in value.items() if key != "cache_control"}
    return [unmarked(inner) for inner in value] if isinstance(value, list) else value


class Turned(NamedTuple):
    """A translated request: its body, its turns as raw bytes, and how tools were renamed."""

    body: dict
    turns: list[bytes]
    names: dict[str, str]


def turned(source: str, target: str, body: object, facts: Facts) -> Turned:
    request = CODECS[source].decode_request(json.dumps(body).encode())
    encoded = CODECS[target].encode_request(request, facts)
    raw = msgspec.json.decode(encoded.body, type=dict[str, Raw])[TURNS[target]]
    turns = [bytes(one) for one in msgspec.json.decode(raw, type=list[Raw])]
    return Turned(json.loads(encoded.body), turns, dict(encoded.tool_names))


def test_there_are_requests_of_many_agents() -> None:
    assert len({one.name.split("/")[0] for one in sent()}) >= 15
    assert {one.codec for one in sent()} == set(CODECS)


@pytest.mark.parametrize("facts", TARGETS[:1], ids=["permissive"])
def test_everything_an_agent_sends_arrives(facts: Facts) -> None:
    wrong = []
    for name, source, body in sent():
        for target in CODECS:
            if target == source:
                continue
            out = turned(source, target, body, facts)
            before, after = INVENTORY[source](body), INVENTORY[target](out.body)
            before.tools.pop(PLACEHOLDER, None)
            missing = before.missing(after, out.names) + misfits(target, out.body)
            if missing:
                wrong.append(f"{name} to {target}: {missing}")
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
            first = turned(turn.codec, target, unmarked(last.body), facts).turns
            second = turned(turn.codec, target, unmarked(turn.body), facts).turns
            assert second[: len(first)] == first, f"{turn.name} to {target}"
    assert pairs >= 30


def follows(last: Sent, turn: Sent) -> bool:
    """True when ``turn`` goes on with the conversation of ``last``."""
    if last.codec != turn.codec:
        return False
    earlier, later = unmarked(last.body), unmarked(turn.body)
    assert isinstance(earlier, dict)
    assert isinstance(later, dict)
    before, after = earlier[TURNS[last.codec]], later[TURNS[turn.codec]]
    return (
        all(earlier.get(name) == later.get(name) for name in INSTRUCTIONS)
        and len(after) > len(before)
        and after[: len(before)] == before
    )

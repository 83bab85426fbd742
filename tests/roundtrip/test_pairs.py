"""Ten turns through each ordered pair of protocols, streamed and whole: no turn is refused, no proof is lost."""

import pytest

from roundtrip.client import Client
from roundtrip.line import Line
from roundtrip.makers import MAKERS, Maker
from roundtrip.play import CLIENTS, SCRIPT, line_of, play
from roundtrip.prefix import breaks

DROPPED = {
    *(("anthropic_messages", "plain", name) for name in MAKERS),
    ("openai_chat", "plain", "openrouter"),
    ("openai_chat", "content", "openrouter"),
    ("gemini", "unsigned", "gemini3"),
    ("gemini", "unsigned", "gemini2"),
}
"""The client left the proofs out of bytes that pass as they are; or it is one whose kind always sends them."""
NEVER_GIVEN = {
    *(("deepseek", habit) for _, habit in CLIENTS),
    *(("openai-chat", habit) for _, habit in CLIENTS),
    ("openai", "bare"),
    ("openai", "stored"),
}
"""Providers that give no proofs, or give none to a client of their own protocol that did not ask."""
PAIRS = [
    pytest.param(
        kind, habit, maker, stream, id=f"{kind.protocol}-{habit}-{name}-{'streamed' if stream else 'whole'}"
    )
    for kind, habit in CLIENTS
    for name, maker in MAKERS.items()
    for stream in (True, False)
]


def given_with_calls(line: Line) -> set[str]:
    """The proofs that a provider gave out in answers with calls."""
    (service,) = line.services.values()
    bodies = [reply.body.decode() for reply in line.upstream.replies]
    calling = [body for body in bodies if any(word in body for word in CALLS)]
    return {proof for proof in service.ledger.signatures if any(proof in body for body in calling)}


CALLS = ('"tool_use"', '"tool_calls"', '"function_call"', '"functionCall"')


@pytest.mark.parametrize(("kind", "habit", "maker", "stream"), PAIRS)
def test_no_turn_is_refused_and_no_proof_is_lost(
    kind: type[Client], habit: str, maker: Maker, stream: bool
) -> None:
    line = line_of(kind, maker)
    play(line, kind(habit, stream), lambda _: maker.target, images=maker.images)
    assert line.upstream.refusals == []
    bodies = [request.body for request in line.upstream.requests]
    assert len(bodies) == len(SCRIPT)
    if (habit, maker.name) != ("stored", "openai"):  # there the provider itself puts the turns together
        assert breaks(maker.protocol, bodies) == []
    proofs = given_with_calls(line)
    assert bool(proofs) is ((maker.name, habit) not in NEVER_GIVEN)
    if (kind.protocol, habit, maker.name) not in DROPPED:
        last = bodies[-1].decode()
        if habit == "sdk":
            last = last.replace("-", "+").replace("_", "/")
        assert [proof for proof in proofs if proof not in last] == []

"""Prompt caches hold: what a provider was sent in one turn begins what it is sent in the next, byte for byte."""

import pytest

from roundtrip.chat_client import ChatClient
from roundtrip.client import Client
from roundtrip.gemini_client import GeminiClient
from roundtrip.makers import MAKERS
from roundtrip.messages_client import MessagesClient
from roundtrip.outage import Outage
from roundtrip.play import SESSION, line_of, play
from roundtrip.prefix import breaks, prefix_of
from roundtrip.responses_client import ResponsesClient

KEEPING: tuple[tuple[type[Client], str], ...] = (
    (MessagesClient, "verbatim"),
    (ChatClient, "details"),
    (ResponsesClient, "codex"),
    (GeminiClient, "sdk"),
)
"""Clients that send proofs back."""
DROPPING: tuple[tuple[type[Client], str], ...] = (
    (ChatClient, "plain"),
    (ResponsesClient, "bare"),
    (GeminiClient, "cli"),
)
# One provider of each protocol, all of which cache. Ten turns through every other one: test_pairs.
SOME = ("anthropic", "databricks", "openai", "gemini3")


def name_of(value: object) -> str:
    return getattr(value, "protocol", None) or getattr(value, "name", str(value))


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize(("kind", "habit"), [KEEPING[0], DROPPING[0], KEEPING[2], KEEPING[3]], ids=name_of)
def test_E104_thirty_turns(kind: type[Client], habit: str, name: str) -> None:
    maker = MAKERS[name]
    line = line_of(kind, maker, plot=SESSION)
    play(line, kind(habit, stream=True), lambda _: maker.target, plot=SESSION, images=maker.images)
    bodies = [request.body for request in line.upstream.requests]
    assert len(bodies) == len(SESSION.script)
    assert breaks(maker.protocol, bodies) == []
    assert len(set(bodies)) == len(bodies)
    last = prefix_of(maker.protocol, bodies[-1])
    assert all(last.head), "a head that says nothing proves nothing"


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize(("kind", "habit"), KEEPING, ids=name_of)
def test_E104_another_system_prompt_costs_one_prefix(kind: type[Client], habit: str, name: str) -> None:
    maker = MAKERS[name]
    line, client = line_of(kind, maker), kind(habit, stream=True)

    def before(number: int) -> None:
        if number == 6:
            client.system = "Plan only."

    play(line, client, lambda _: maker.target, before)
    assert breaks(maker.protocol, [request.body for request in line.upstream.requests]) == [6]


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize(("kind", "habit"), KEEPING, ids=name_of)
def test_E104_a_restart_costs_nothing_who_keeps_proofs(kind: type[Client], habit: str, name: str) -> None:
    maker = MAKERS[name]
    line = line_of(kind, maker)
    play(line, kind(habit, stream=False), lambda _: maker.target, lambda _: line.restart())
    assert breaks(maker.protocol, [request.body for request in line.upstream.requests]) == []


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize(("kind", "habit"), DROPPING, ids=name_of)
def test_E104_a_restart_costs_one_prefix_who_drops_them(kind: type[Client], habit: str, name: str) -> None:
    """What was kept for the client is gone, and so is the thinking before its calls: once."""
    maker = MAKERS[name]
    line = line_of(kind, maker)

    def before(number: int) -> None:
        if number == 3:
            line.restart()

    play(line, kind(habit, stream=True), lambda _: maker.target, before)
    found = breaks(maker.protocol, [request.body for request in line.upstream.requests])
    assert found in ([3], [])


@pytest.mark.parametrize(
    "names", [("anthropic", "openai"), ("openai", "gemini3"), ("gemini3", "databricks")], ids="-".join
)
@pytest.mark.parametrize(("kind", "habit"), [*KEEPING, DROPPING[0]], ids=name_of)
def test_E104_a_fallback_in_between_leaves_both_prefixes(
    kind: type[Client], habit: str, names: tuple[str, str]
) -> None:
    first, second = (MAKERS[name] for name in names)
    line = line_of(kind, first, second)
    outage = Outage(line, first)
    play(line, kind(habit, stream=True), lambda _: f"{first.target},{second.target}", outage.before)
    assert outage.failed > 0
    for maker in (first, second):
        bodies = [r.body for r in line.upstream.requests if r.host == maker.host and r.status == 200]
        assert len(bodies) > 2
        assert breaks(maker.protocol, bodies) == []


def test_the_measure_itself() -> None:
    def body(*turns: str, tools: str = "[]", mark: bool = False) -> bytes:
        marked = [turn[:-1] + ', "cache_control": {"type": "ephemeral"}}' for turn in turns[-1:]]
        listed = ", ".join([*turns[:-1], *marked] if mark else turns)
        return f'{{"tools": {tools}, "messages": [{listed}]}}'.encode()

    a, b, c = '{"a": "1"}', '{"b": "2"}', '{"b": "23"}'
    assert breaks("openai_chat", [body(a), body(a, b), body(a, b, c)]) == []
    assert breaks("openai_chat", [body(a, mark=True), body(a, b, mark=True)]) == []
    assert breaks("openai_chat", [body(a, b), body(a, c)]) == [1]
    assert breaks("openai_chat", [body(a, b), body(a)]) == [1]
    assert breaks(
        "openai_chat", [body(a), body(a, b, tools='[{"x": 1}]'), body(a, b, tools='[{"x": 1}]')]
    ) == [1]
    assert breaks("openai_chat", [b'{"messages":["a"]}', b'{"messages":["ab"]}']) == [1]

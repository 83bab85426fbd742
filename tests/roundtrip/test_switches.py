"""The model is switched in mid-conversation, providers fail, the gateway is restarted: still no turn is refused."""

from itertools import cycle, islice, pairwise

import pytest

from roundtrip.client import Client
from roundtrip.makers import MAKERS
from roundtrip.outage import Outage
from roundtrip.play import CLIENTS, SCRIPT, line_of, play

EVERYBODY = ("anthropic", "openai", "gemini3", "databricks", "openrouter", "deepseek", "openai-chat")
"""In this order, so that each is followed by every kind of proof in the end."""
HABITS = [
    pytest.param(kind, habit, stream, id=f"{kind.protocol}-{habit}-{'streamed' if stream else 'whole'}")
    for kind, habit in CLIENTS
    for stream in (True, False)
    if habit != "stored"  # the answers of one provider mean nothing to another
]
ONE_WAY = [HABITS[place + place // 2 % 2] for place in range(0, len(HABITS), 2)]
"""Each habit once, streamed and whole in turn: where the way of an answer matters little."""


def rounds(*names: str) -> list[str]:
    """The target of each turn: the makers in turn."""
    return [MAKERS[name].target for name in islice(cycle(names), len(SCRIPT))]


@pytest.mark.parametrize(("kind", "habit", "stream"), HABITS)
def test_another_provider_each_turn(kind: type[Client], habit: str, stream: bool) -> None:
    line = line_of(kind, *(MAKERS[name] for name in EVERYBODY))
    targets = rounds(*EVERYBODY)
    play(line, kind(habit, stream), targets.__getitem__, images=False)
    assert line.upstream.refusals == []


SIBLINGS = {"anthropic": "claude-haiku-4-5", "openai": "gpt-5", "gemini3": "gemini-3.8-flash"}
"""Another model of the same provider."""


@pytest.mark.parametrize("name", SIBLINGS)
@pytest.mark.parametrize(("kind", "habit", "stream"), ONE_WAY)
def test_another_model_of_the_same_provider(
    kind: type[Client], habit: str, stream: bool, name: str
) -> None:
    maker = MAKERS[name]
    line = line_of(kind, maker)
    models = [maker.target, maker.target, f"{name}/{SIBLINGS[name]}"]
    play(line, kind(habit, stream), lambda number: models[number % 3])
    assert line.upstream.refusals == []


PAIRS = [
    ("anthropic", "openai"),
    ("openai", "gemini3"),
    ("gemini3", "databricks"),
    ("openrouter", "anthropic"),
]


@pytest.mark.parametrize("names", PAIRS, ids="-".join)
@pytest.mark.parametrize(("kind", "habit", "stream"), ONE_WAY)
def test_a_fallback_in_between(
    kind: type[Client], habit: str, stream: bool, names: tuple[str, str]
) -> None:
    first, second = (MAKERS[name] for name in names)
    line = line_of(kind, first, second)
    outage = Outage(line, first)
    play(line, kind(habit, stream), lambda _: f"{first.target},{second.target}", outage.before)
    assert line.upstream.refusals == []
    assert outage.failed > 0


@pytest.mark.parametrize(("kind", "habit", "stream"), ONE_WAY)
@pytest.mark.parametrize("name", ["anthropic", "openai", "gemini3"])
def test_the_gateway_is_restarted(kind: type[Client], habit: str, stream: bool, name: str) -> None:
    maker = MAKERS[name]
    line = line_of(kind, maker)

    def before(number: int) -> None:
        if number in (2, 7):
            line.restart()

    play(line, kind(habit, stream), lambda _: maker.target, before, images=maker.images)
    assert line.upstream.refusals == []


@pytest.mark.parametrize(("kind", "habit", "stream"), ONE_WAY)
def test_switched_after_a_restart_costs_one_refusal_at_most(
    kind: type[Client], habit: str, stream: bool
) -> None:
    """Nobody knows any more who made a bare proof: the provider says so once, and the turn goes on without."""
    names = ("anthropic", "openai", "gemini3", "databricks")
    line = line_of(kind, *(MAKERS[name] for name in names))
    targets = rounds(*names)
    refused = [0] * len(SCRIPT)

    def before(number: int) -> None:
        refused[number] = len(line.upstream.refusals)
        line.restart()

    play(line, kind(habit, stream), targets.__getitem__, before)
    refused.append(len(line.upstream.refusals))
    assert all(after - before <= 1 for before, after in pairwise(refused)), line.upstream.refusals

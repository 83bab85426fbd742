"""The law of plans that are remembered: each is the one that would be made. And what is seen of a request suffices."""

import itertools
from collections.abc import Callable

import msgspec
import pytest

from trunkline.config.schema import Configuration, ModelName, ProviderSettings, RouteRule
from trunkline.core.errors import GatewayError
from trunkline.protocols.registry import CODECS
from trunkline.relay.recent import Known, RecentBodies
from trunkline.routing import plans
from trunkline.routing.plan import Plan
from trunkline.routing.plans import MAX_NAME, Plans
from trunkline.routing.purpose import (
    ORDINARY,
    Purpose,
    has_to_be_counted,
    purpose_of,
    seen_by,
    surely_ordinary,
)
from trunkline.routing.resolve import resolve
from trunkline.routing.shape import RequestShape, shape_of
from trunkline.routing.table import RoutingTable, Served, build_table

LIMIT = 60_000
RULES = {
    "default": RouteRule(to=("up/short", "other/short")),
    "background": RouteRule(to=("other/small",)),
    "longContext": RouteRule(to=("up/long",), above=LIMIT),
    "think": RouteRule(to=("other/thinks",)),
    "webSearch": RouteRule(to=("up/online",)),
    "image": RouteRule(to=("up/eyes",)),
    "opus": RouteRule(to=("up/opus",)),
}


def table(*names: str, any_name: bool = False, **other: RouteRule) -> RoutingTable:
    rules = {name: RULES[name] for name in names} | other
    configuration = Configuration(
        source="test",
        providers=(("up", ProviderSettings(kind="custom")), ("other", ProviderSettings(kind="custom"))),
        models=(ModelName("fast", ("other/small",)), ModelName("claude-3-*", ("up/old",))),
        routes=tuple(rules.items()),
        fallback=("other/last",),
        any_name=any_name,
    )
    served = (
        Served(provider="up", models=("long", "both")),
        Served(provider="other", models=("both", "claude-opus-5")),
    )
    return build_table(configuration, served)


TABLES = {
    "none": table(),
    "names": table("default", "background", "opus"),
    "long": table("default", "longContext"),
    "every": table(*RULES),
    "every, any name": table(*RULES, any_name=True),
    "no default": table("think", "longContext"),
    "no limit": table("default", longContext=RouteRule(to=("up/long",))),
    "adaptive": table("default", think=RouteRule(to=("other/thinks",), adaptive=True)),
    "eyes": table("default", "think", image=RouteRule(to=("up/eyes",), agent="older")),
    "always eyes": table("default", "longContext", image=RouteRule(to=("up/eyes",), agent="always")),
}  # fmt: skip
NAMES = (
    "claude-sonnet-4-5", "claude-haiku-4-5", "opus", "claude-opus-5[1m]", "claude-3-7-sonnet", "fast", "up,any", "up/eyes",
    "both", "long", "never-heard-of", "gone,model", "",
)  # fmt: skip
PURPOSES = tuple(
    Purpose(long=a, web_search=b, thinks=c, image=d, image_last=e)
    for a, b, c, d, e in itertools.product((False, True), repeat=5)
)


def outcome(make: Callable[[Callable[[], Purpose]], Plan], purpose: Purpose) -> tuple[object, bool]:
    """The plan or the error, and whether the purpose was asked for."""
    asked: list[Purpose] = []

    def ask() -> Purpose:
        asked.append(purpose)
        return purpose

    try:
        return make(ask), bool(asked)
    except GatewayError as error:
        return (error.kind, error.message, error.field), bool(asked)


@pytest.mark.parametrize("of", TABLES.values(), ids=TABLES)
def test_a_plan_that_is_remembered_is_the_one_that_would_be_made(of: RoutingTable) -> None:
    known = Plans(of)
    for _ in range(2):
        for name, purpose in itertools.product(NAMES, PURPOSES):
            remembered = outcome(lambda ask, name=name: known.plan(name, ask), purpose)
            assert remembered == outcome(lambda ask, name=name: resolve(of, name, ask), purpose), (
                name,
                purpose,
            )


def test_what_was_planned_once_is_not_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counting(of: RoutingTable, name: str, purpose: Callable[[], Purpose]) -> Plan:
        made.append(name)
        return resolve(of, name, purpose)

    monkeypatch.setattr(plans, "resolve", counting)
    known = Plans(TABLES["every"])
    for purpose, name in itertools.product(
        (ORDINARY, Purpose(long=True)), ("opus", "fast", "opus", "fast")
    ):
        known.plan(name, lambda purpose=purpose: purpose)
    assert made == ["opus", "fast", "opus"]


def test_no_more_is_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "MAX_NAMES", 3)
    known = Plans(TABLES["every, any name"])
    for number in range(10):
        assert known.plan(f"model-{number}", lambda: ORDINARY).route == "route default"
        assert 1 <= len(known._known) <= 3
    known.plan("m" * (MAX_NAME + 1), lambda: ORDINARY)
    assert max(map(len, known._known)) <= MAX_NAME


PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 30_000}}
SEARCH = {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}
BODIES: list[dict[str, object]] = [
    {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": content}], **more}
    for content in (
        "hi", "word " * 9000, "word " * 48_001, "\u8a9e" * 5000, "\u8a9e" * 60_000, 'say "image" and web_search ' * 2000,
        [{"type": "text", "text": "see " * 10_000}, PICTURE],
    )
    for more in (
        {}, SEARCH, {"thinking": {"type": "enabled", "budget_tokens": 9}}, {"thinking": {"type": "adaptive"}},
        {"tools": [{"name": "t", "description": "web_search", "input_schema": {}}]},
    )
]  # fmt: skip


def compared(body: dict[str, object]) -> list[tuple[bytes, Known | None]]:
    """The body alone, when it comes again, and behind an earlier turn."""
    whole = msgspec.json.encode(body)
    turns = body["messages"]
    assert isinstance(turns, list)
    later = msgspec.json.encode(
        {**body, "messages": [*turns, {"role": "assistant", "content": "ok"}, *turns]}
    )
    codec, recent = CODECS["anthropic_messages"], RecentBodies()
    found: list[tuple[bytes, Known | None]] = [(whole, None), (later, None)]
    for one in (whole, whole, later, later):
        known = recent.find(codec, "tenant", one)
        found.append((one, known))
        seen_by(TABLES["every"], one, known)
        recent.keep(codec.name, "tenant", known)
    return found


@pytest.mark.parametrize("number", range(len(BODIES)))
def test_what_is_seen_of_a_request_is_all_that_its_routes_ask(number: int) -> None:
    for (body, known), of in itertools.product(compared(BODIES[number]), TABLES.values()):
        whole = purpose_of(of.routes, shape_of(body))
        assert purpose_of(of.routes, seen_by(of, body, known)) == whole
        if surely_ordinary(of, len(body), None):
            assert whole == ORDINARY


ORDINARILY = [
    ("long", LIMIT, None, True),
    ("long", LIMIT + 1, None, False),
    ("long", LIMIT, LIMIT, True),
    ("long", 300, LIMIT + 1, False),  # by the session's last turn
    ("no limit", 10 * LIMIT, None, True),
    ("every", 300, None, False),
    ("names", 300, None, False),
]


@pytest.mark.parametrize(("name", "size", "last", "ordinary"), ORDINARILY)
def test_a_size_may_be_all_that_has_to_be_known(
    name: str, size: int, last: int | None, *, ordinary: bool
) -> None:
    assert surely_ordinary(TABLES[name], size, last) is ordinary


COUNTED = [
    (LIMIT, 20_000, None),  # not as many bytes
    (LIMIT + 1, 15_001, LIMIT),
    (LIMIT * 4, 15_000, None),  # not as many bytes of text
    (LIMIT * 8 + 8, LIMIT * 2 + 1, LIMIT),
    (LIMIT * 8 + 8, LIMIT * 2 + 2, None),  # so many whatever they are
]


@pytest.mark.parametrize(("size", "tokens", "limit"), COUNTED)
def test_only_what_may_be_on_either_side_has_to_be_counted(
    size: int, tokens: int, limit: int | None
) -> None:
    seen = RequestShape(tokens=tokens)
    assert has_to_be_counted(TABLES["long"].routes["longContext"], size, seen) == limit
    assert has_to_be_counted(TABLES["no limit"].routes["longContext"], size, seen) is None
    assert has_to_be_counted(None, size, seen) is None

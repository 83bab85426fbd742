"""The law of bodies that are read by what is new in them: what comes out is what reading the whole would give."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from relay.grown import SESSIONS, chat, user
from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.overlap import layout_of, rest
from trunkline.core.types import Message, Request, Response, Text
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.codec import Codec, Encoded, ReplyContext
from trunkline.protocols.reading import Earlier, Reading
from trunkline.protocols.registry import CODECS
from trunkline.protocols.writing import NOTHING_YET
from trunkline.relay.recent import SHARED, Known, RecentBodies
from wire.sent import Sent, sent

SENT = [one for one in sent() if isinstance(one.body.get(CODECS[one.codec].turns), list)]
"""Recorded requests of agents whose turns are a list, in all four protocols."""
TARGETS = {name: CODECS[name] for name in ("openai_chat", "openai_responses")}
"""What remembers what it wrote."""
Wire = dict
Edit = Callable[[Wire, str, random.Random], Wire | bytes]


class Watched:
    """A codec that remembers what it was given to read."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.read: list[int] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._codec, name)

    def read_request(self, body: bytes, earlier: Earlier | None = None) -> Reading:
        self.read.append(len(body))
        return self._codec.read_request(body, earlier)


def dumped(wire: Wire | bytes) -> bytes:
    return wire if isinstance(wire, bytes) else json.dumps(wire, ensure_ascii=False).encode()


def outcome(make: Callable[[Any], object], of: object) -> object:
    """What comes of it, or what the client is told."""
    try:
        return make(of)
    except GatewayError as error:
        return (error.kind, error.message, error.field, error.code, error.status)


FACTS = [
    Facts(provider="t", model="m"),
    Facts(provider="t", model="m", cache_marks=True, late_system=False, prefill=False, custom_tools=False),
    Facts(
        provider="t",
        model="m",
        reasoning_history="reasoning_content",
        reasoning_required=True,
        prefill=False,
    ),
    Facts(
        provider="t",
        model="m",
        structured="none",
        reasoning_history="content_list",
        single_calls=True,
        tool_name_limit=12,
    ),
]


def check(name: str, bodies: list[bytes], first: int | None = None) -> list[int]:
    """Each body of a session after those before it. Returns the bytes that were read of the last.

    ``first``: the facts it is written for until the model changes.
    """
    codec, recent = Watched(CODECS[name]), RecentBodies()
    first = len(bodies[0]) if first is None else first
    for place, body in enumerate(bodies):
        codec.read.clear()
        known = recent.find(codec, "tenant", body)
        assert outcome(Known.peek, known) == outcome(CODECS[name].peek, body)
        read = outcome(lambda known: known.request, known)
        assert read == outcome(CODECS[name].decode_request, body)
        assert known.holds(codec.holds_proofs) == codec.holds_proofs(body)
        if isinstance(read, Request):
            recent.keep(name, "tenant", known)
            known.repeated = True  # so that what is written is remembered from the beginning
            check_passing(codec, known)
            check_repeating(codec, known)
            facts = FACTS[(first + (place == 4)) % len(FACTS)]  # another model now and then
            check_writing(known, replace(read, model=f"m{place}"), facts)
    return codec.read


def check_passing(codec: Codec, known: Known) -> None:
    """A body that is passed on has the name of another model in it, and nothing else is changed."""
    renamed = outcome(lambda body: codec.rename(body, "other", known.places), known.body)
    assert renamed == outcome(lambda body: codec.rename(body, "other"), known.body)


def check_repeating(codec: Codec, known: Known) -> None:
    """An answer that repeats the request's tools repeats them as they are."""
    answer = Response(id="a", model="m", content=(Text("b"),), stop=Stop("end"), usage=Usage())
    context = ReplyContext(id="r", model="m", created=1, request=known.request)
    repeated = codec.encode_response(answer, replace(context, tools=known.repeat_tools()))
    assert repeated == codec.encode_response(answer, context)


def check_writing(known: Known, request: Request, facts: Facts) -> None:
    """What was written of earlier requests is what would be written of it now."""
    for target in TARGETS.values():
        encode = target.encode_request
        whole = outcome(lambda asked, encode=encode: encode(asked, facts), request)
        grown = outcome(lambda asked, target=target: known.encode(target, asked, facts), request)
        assert (replace(grown, written=None) if isinstance(grown, Encoded) else grown) == whole


def session(one: Sent, step: int = 1) -> list[bytes]:
    """The conversation as it grew."""
    turns = CODECS[one.codec].turns
    whole = one.body[turns]
    return [dumped({**one.body, turns: whole[:end]}) for end in range(1, len(whole) + 1, step)]


def test_there_are_sessions_of_every_protocol() -> None:
    assert {one.codec for one in SENT if len(one.body[CODECS[one.codec].turns]) > 3} == set(CODECS)


@pytest.mark.parametrize("protocol", CODECS)
def test_a_session_turn_by_turn(protocol: str) -> None:
    longest = sorted(
        (one for one in SENT if one.codec == protocol),
        key=lambda one: -len(one.body[CODECS[protocol].turns]),
    )
    for one in longest[:12]:
        check(protocol, session(one))


@pytest.mark.parametrize("protocol", CODECS)
def test_only_what_is_new_is_read(protocol: str) -> None:
    short = 0
    for one in (one for one in SENT if one.codec == protocol and len(dumped(one.body)) > 20_000):
        *before, last = session(one)[-2:]
        if before and len(read := check(protocol, [*before, last])) == 1:
            short += read[0] * 3 < len(last)
    assert short >= 3


@pytest.mark.parametrize("about", SESSIONS)
def test_turns_that_say_something_of_each_other(about: str) -> None:
    protocol, bodies = SESSIONS[about]
    for first in range(len(FACTS)):
        check(protocol, [dumped(body).replace(b"HALF", b"\\ud83d") for body in bodies], first)


@pytest.mark.parametrize("target", TARGETS)
def test_only_what_is_new_is_written(target: str) -> None:
    asked = [Message("user", (Text("a"),)), Message("assistant", (Text("b"),))] * 9
    written = NOTHING_YET
    for end in range(1, len(asked), 2):
        request = Request(protocol="anthropic_messages", model="m", messages=tuple(asked[:end]))
        assert written.same_turns(request, FACTS[0]) == max(0, end - 2)
        written = TARGETS[target].encode_request(request, FACTS[0], written).written or NOTHING_YET
    other = replace(request, protocol="openai_chat", messages=(*request.messages, *asked[1:3]))
    assert written.same_turns(other, FACTS[0]) == 0


# What can change from one request to the next, beside a turn more.


def marked(wire: Wire, turns: str, rng: random.Random) -> Wire:
    """The cache mark goes on to the last turn, as Claude Code has it."""
    for turn in wire[turns]:
        for block in turn.get("content") or () if isinstance(turn, dict) else ():
            if isinstance(block, dict):
                block.pop("cache_control", None)
    content = wire[turns][-1].get("content")
    if isinstance(content, list) and content and isinstance(content[-1], dict):
        content[-1]["cache_control"] = {"type": "ephemeral"}
    return wire


def other_turn(wire: Wire, turns: str, rng: random.Random) -> Wire:
    wire[turns][rng.randrange(len(wire[turns]))]["content"] = "something else"
    return wire


def gone_turn(wire: Wire, turns: str, rng: random.Random) -> Wire:
    del wire[turns][rng.randrange(len(wire[turns]))]
    return wire


def twice(wire: Wire, turns: str, rng: random.Random) -> Wire:
    place = rng.randrange(len(wire[turns]))
    wire[turns].insert(place, copy.deepcopy(wire[turns][place]))
    return wire


def unknown_turn(wire: Wire, turns: str, rng: random.Random) -> Wire:
    wire[turns].append({"type": "of_tomorrow", "role": "user", "content": [{"type": "odd", "odd": 1}]})
    return wire


def unknown_field(wire: Wire, turns: str, rng: random.Random) -> Wire:
    return {"of_tomorrow": {"a": [1]}, **wire}


def other_options(wire: Wire, turns: str, rng: random.Random) -> Wire:
    return {**wire, "model": "another", "temperature": 0.5, "max_tokens": 7, "effort": "low"}


def other_tool(wire: Wire, turns: str, rng: random.Random) -> Wire:
    if wire.get("tools"):
        wire["tools"] = [*wire["tools"][1:], {**wire["tools"][0], "input_examples": [1], "of_tomorrow": 2}]
    return wire


def reordered(wire: Wire, turns: str, rng: random.Random) -> Wire:
    keys = list(wire)
    rng.shuffle(keys)
    return {key: wire[key] for key in keys}


def turns_first(wire: Wire, turns: str, rng: random.Random) -> Wire:
    return {turns: wire[turns], **wire}


def spaced(wire: Wire, turns: str, rng: random.Random) -> bytes:
    return json.dumps(wire, indent=1).encode()


def escaped(wire: Wire, turns: str, rng: random.Random) -> bytes:
    return json.dumps(wire, ensure_ascii=True).encode()


def named_twice(wire: Wire, turns: str, rng: random.Random) -> bytes:
    name = rng.choice([turns, *wire])
    again = json.dumps(name).replace("s", "\\u0073") if rng.random() < 0.5 else json.dumps(name)
    value = json.dumps(wire[name][:1] if name == turns else wire[name])
    return dumped(wire)[:-1] + f", {again}: {value}}}".encode()


def broken(wire: Wire, turns: str, rng: random.Random) -> bytes:
    body = dumped(wire)
    place = rng.randrange(len(body))
    return body[:place] + rng.choice([b"", b"}", b"]", b'"', b",", b"\xff", b"\\ud83d"]) + body[place + 1 :]


def cut(wire: Wire, turns: str, rng: random.Random) -> bytes:
    body = dumped(wire)
    return body[: rng.randrange(len(body))]


def half_a_pair(wire: Wire, turns: str, rng: random.Random) -> bytes:
    wire[turns].append({"role": "user", "content": "half", "parts": [{"text": "half"}]})
    return dumped(wire).replace(b'"half"', b'"\\ud83d"')


def deep(wire: Wire, turns: str, rng: random.Random) -> bytes:
    wire[turns].append({"role": "user", "content": "deep", "parts": [{"text": "deep"}]})
    return dumped(wire).replace(b'"deep"', b"[" * 200 + b"]" * 200)


def wrong_type(wire: Wire, turns: str, rng: random.Random) -> Wire:
    wire[turns].append({"role": "user", "content": 5, "parts": 5})
    return wire


EDITS: list[Edit] = [
    marked, other_turn, gone_turn, twice, unknown_turn, unknown_field, other_options, other_tool, reordered, turns_first,
    spaced, escaped, named_twice, broken, cut, half_a_pair, deep, wrong_type,
]  # fmt: skip


def samples(protocol: str) -> Iterator[Sent]:
    """A dozen conversations of as many agents as there are."""
    seen: dict[str, Sent] = {}
    for one in SENT:
        if one.codec == protocol and len(one.body[CODECS[protocol].turns]) > 2:
            seen.setdefault(one.name.split("/")[0].split("-")[0], one)
    yield from list(seen.values())[:6]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
@pytest.mark.parametrize("protocol", CODECS)
def test_a_request_that_was_edited(protocol: str, edit: Edit) -> None:
    turns = CODECS[protocol].turns
    for one in samples(protocol):
        rng = random.Random(one.name)
        for _ in range(4):
            end = rng.randrange(1, len(one.body[turns]) + 1)
            before = {**copy.deepcopy(one.body), turns: copy.deepcopy(one.body[turns][:end])}
            edited = edit(copy.deepcopy(before), turns, rng)
            after = edit(copy.deepcopy(one.body), turns, rng)
            check(
                protocol, [dumped(before), dumped(edited), dumped(before), dumped(after), dumped(one.body)]
            )


@pytest.mark.parametrize("protocol", CODECS)
def test_where_things_stand_is_known_without_looking_again(protocol: str) -> None:
    turns = CODECS[protocol].turns
    for one in samples(protocol):
        recent = RecentBodies()
        for body in session(one):
            known = recent.find(CODECS[protocol], "tenant", body)
            assert known.layout == layout_of(body, turns)
            recent.keep(protocol, "tenant", known)


@pytest.mark.parametrize("protocol", CODECS)
def test_a_request_that_comes_again(protocol: str) -> None:
    codec = CODECS[protocol]
    for one in samples(protocol):
        recent, body = RecentBodies(), dumped(one.body)
        recent.keep(protocol, "tenant", recent.find(codec, "tenant", body))
        known = recent.find(codec, "tenant", body)
        assert known.text == rest(body, known.layout, codec.turns, len(known.layout.turns) - 1, SHARED)
        assert len(known.text) * 2 < len(body)
        assert outcome(Known.peek, known) == outcome(codec.peek, body)
        assert known.request == codec.decode_request(body)


def test_nobody_is_compared_with_another_tenant() -> None:
    one = next(one for one in SENT if one.codec == "anthropic_messages")
    codec, recent = Watched(CODECS["anthropic_messages"]), RecentBodies()
    for tenant in ("one", "two", "one"):
        known = recent.find(codec, tenant, dumped(one.body))
        assert known.request
        recent.keep("anthropic_messages", tenant, known)
    assert codec.read == [len(dumped(one.body))] * 2


def test_memory_is_bounded() -> None:
    one = max((one for one in SENT if one.codec == "openai_chat"), key=lambda one: len(dumped(one.body)))
    size = len(dumped(one.body)) * 4
    recent = RecentBodies(max_bytes=3 * size + 100)
    for place in range(9):
        other = {**one.body, "messages": [{"role": "user", "content": f"{place}"}, *one.body["messages"]]}
        known = recent.find(CODECS["openai_chat"], f"tenant {place % 2}", dumped(other))
        recent.keep("openai_chat", f"tenant {place % 2}", known)
        assert recent.size <= 3 * size + 100
    assert recent.size > size


def held(bodies: list[bytes]) -> int:
    """Bytes of bodies that are kept after a session."""
    recent, codec = RecentBodies(), CODECS["anthropic_messages"]
    for body in bodies:
        known = recent.find(codec, "tenant", body)
        recent.keep(codec.name, "tenant", known)
    return recent.size // 4


def test_a_conversation_is_kept_once() -> None:
    bodies = session(next(one for one in SENT if "claude-code/multi" in one.name))
    assert held([*bodies, bodies[-1], bodies[-1]]) == len(bodies[-1])


def test_conversations_with_the_same_tools_are_kept_both() -> None:
    one = next(one for one in SENT if "claude-code/multi" in one.name).body
    other = {**one, "messages": [{"role": "user", "content": "something else"}, *one["messages"]]}
    assert held([dumped(one), dumped(other)]) == len(dumped(one)) + len(dumped(other))


def test_a_body_that_leaves_no_room_for_others_is_not_kept() -> None:
    recent, codec = RecentBodies(max_bytes=10_000), CODECS["openai_chat"]
    for size, kept in ((1000, True), (2000, False)):
        body = dumped(chat(user("a" * size)))
        known = recent.find(codec, "tenant", body)
        recent.keep(codec.name, "tenant", known)
        assert (recent.find(codec, "tenant", body) is known) is kept
    assert recent.size > 4000

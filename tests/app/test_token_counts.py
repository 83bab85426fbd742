"""Exact lengths for longContext: when they are wanted, what they cost, and that they are right."""

import asyncio

import msgspec
import pytest

from trunkline.app.router import Router
from trunkline.app.token_counts import MAX_KEPT, Recent, TokenCounts, token_counts
from trunkline.config.schema import Configuration, ProviderSettings, RouteRule
from trunkline.core.errors import GatewayError, Kind
from trunkline.protocols.codec import Peek
from trunkline.protocols.registry import CODECS
from trunkline.relay.inbound import Inbound
from trunkline.routing.countable import pieces, words
from trunkline.routing.table import build_table

LIMIT = 60_000
Body = dict[str, object]


class Tokenizer:
    """A token a word. Keeps what it was given, which is the work that was done."""

    def __init__(self) -> None:
        self.loaded = 0
        self.given: list[str] = []

    def load(self) -> "Tokenizer":
        self.loaded += 1
        return self

    def __call__(self, text: str) -> int:
        self.given.append(text)
        return len(text.split())

    @property
    def work(self) -> int:
        return sum(map(len, self.given))


def router(counts: TokenCounts | None, *more: str) -> Router:
    rules = {"default": RouteRule(to=("up/short",)), "longContext": RouteRule(to=("up/long",), above=LIMIT)}
    rules |= {name: RouteRule(to=(f"up/{name}",)) for name in more}
    configuration = Configuration(
        source="test", providers=(("up", ProviderSettings(kind="custom")),), routes=tuple(rules.items())
    )
    return Router(build_table(configuration, ()), counts)


def inbound(body: Body) -> Inbound:
    return Inbound(
        codec=CODECS["anthropic_messages"],
        operation="generate",
        body=msgspec.json.encode(body),
        headers=(),
        request_id="r",
        client="-",
    )


def route(planner: Router, body: Body, name: str = "sonnet") -> str:
    return asyncio.run(planner.plan(inbound(body), Peek(name))).route


def conversation(*texts: str) -> Body:
    roles = ("user", "assistant")
    turns = [{"role": roles[place % 2], "content": text} for place, text in enumerate(texts)]
    return {"model": "sonnet", "messages": turns}


@pytest.mark.parametrize(
    ("texts", "name", "counted"),
    [
        (["w " * 25_000], "sonnet", False),  # fewer bytes than the limit has tokens
        (["wordword " * 60_000], "sonnet", False),  # more than eight bytes for each
        (["w " * 60_001], "sonnet", True),
        (["w " * 60_001], "up/short", False),  # whoever names a model does not care
    ],
)
def test_only_a_size_on_both_sides_of_the_limit_is_counted(
    texts: list[str], name: str, counted: bool
) -> None:
    tokenizer = Tokenizer()
    route(router(TokenCounts(tokenizer.load)), conversation(*texts), name)
    assert (tokenizer.loaded, bool(tokenizer.given)) == (int(counted), counted)


def test_the_count_decides_and_the_limit_itself_is_not_above_it() -> None:
    planner = router(TokenCounts(Tokenizer().load))
    assert route(planner, conversation("w " * LIMIT)) == "route default"
    assert route(planner, conversation("w " * LIMIT, "w")) == "route longContext"
    assert route(planner, conversation("long-words-of-one-token " * 15_000)) == "route default"
    assert route(router(None), conversation("long-words-of-one-token " * 15_000)) == "route longContext"


def test_a_turn_pays_for_what_is_new_and_nothing_twice() -> None:
    tokenizer = Tokenizer()
    planner = router(TokenCounts(tokenizer.load), "think")
    texts = [f"turn {number} " + "some words of a tool " * 500 for number in range(20)]
    for turn in range(6, 21):
        route(planner, conversation(*texts[:turn]))
        assert tokenizer.work <= sum(map(len, texts[:turn])), "each word once, whatever the number of turns"
    assert len(set(tokenizer.given)) == len(tokenizer.given)
    done = tokenizer.work
    route(planner, conversation(*texts))
    assert (tokenizer.work, tokenizer.loaded) == (done, 1)


def test_a_change_that_cannot_cross_the_limit_is_not_even_read() -> None:
    tokenizer = Tokenizer()
    counts = TokenCounts(tokenizer.load)
    texts = ["w " * 20_000, "x " * 20_000, "y " * 15_000]
    tools = {"tools": [{"name": "t" * 100}] * 5}

    def near(*turns: str) -> int:
        return asyncio.run(counts.near(msgspec.json.encode(conversation(*turns) | tools), LIMIT))

    first = near(*texts)
    done = tokenizer.work
    assert first <= near(*texts, "z" * 3000) <= LIMIT
    assert near(*texts[:2], "y " * 14_900) <= LIMIT
    assert tokenizer.work == done
    assert near(*texts, "z " * 5001) > LIMIT, "this may be on either side"
    assert tokenizer.work == done + 10_002
    assert near("another " * 9000) == 9000 + 5


class Gate(Recent):
    """Counts when it is told to. Keeps what it was asked for."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.asked: list[bytes] = []
        self.stopped = 0
        self.opened = asyncio.Event()
        self._fails = fails

    async def count(self, body: bytes) -> int:
        self.asked.append(body)
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        if self._fails:
            raise GatewayError(Kind.UNREACHABLE, "nobody counts")
        return len(body)


async def turn_of_all() -> None:
    """Everybody who can go on has gone on."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_who_asks_for_the_same_at_a_time_waits_for_one_count() -> None:
    async def check() -> None:
        gate = Gate()
        bodies = [bytes(bytearray(b"one" * 9)) for _ in range(20)] + [b"other"] * 3
        waiting = [asyncio.create_task(gate.near(body, 20)) for body in bodies]
        await turn_of_all()
        assert gate.asked == [b"one" * 9, b"other"]
        gate.opened.set()
        assert await asyncio.gather(*waiting) == [27] * 20 + [5] * 3
        assert [await gate.near(b"one" * 9, 20), gate.told(b"one" * 9, 20)] == [27, 27]
        assert (gate.asked, gate.stopped, gate._flights) == ([b"one" * 9, b"other"], 0, [])

    asyncio.run(check())


def test_a_count_goes_on_as_long_as_anybody_waits() -> None:
    async def check() -> None:
        gate = Gate()
        waiting = [asyncio.create_task(gate.of(b"body")) for _ in range(3)]
        await turn_of_all()
        for task in waiting[:2]:
            task.cancel()
        await turn_of_all()
        assert (len(gate.asked), gate.stopped) == (1, 0)
        waiting[2].cancel()
        await turn_of_all()
        assert (gate.stopped, gate._flights, gate.told(b"body", 1)) == (1, [], None)
        again = asyncio.create_task(gate.of(b"body"))
        await turn_of_all()
        gate.opened.set()
        assert await again == 4
        assert len(gate.asked) == 2

    asyncio.run(check())


def test_a_count_that_fails_fails_for_all_and_is_tried_again() -> None:
    async def check() -> None:
        gate = Gate(fails=True)
        gate.opened.set()
        found = await asyncio.gather(*(gate.near(b"body", 9) for _ in range(5)), return_exceptions=True)
        assert [type(one) for one in found] == [GatewayError] * 5
        assert len(gate.asked) == 1
        with pytest.raises(GatewayError):
            await gate.near(b"body", 9)
        assert len(gate.asked) == 2

    asyncio.run(check())


def test_the_first_moment_of_many_connections_costs_one_count() -> None:
    """The vocabulary is loaded once and each text counted once, whether bodies are equal or have only begun alike."""
    tokenizer = Tokenizer()
    planner = router(TokenCounts(tokenizer.load), "think")
    texts = [f"turn {number} " + "some words of a tool " * 500 for number in range(20)]
    asked = [inbound(conversation(*texts[: 15 + number % 5])) for number in range(40)]

    async def check() -> None:
        found = await asyncio.gather(*(planner.plan(one, Peek("sonnet")) for one in asked))
        assert [plan.route for plan in found] == ["route default"] * 40
        again = [planner(one, Peek("sonnet")) for one in asked]
        assert again == found, "and at once"

    asyncio.run(check())
    assert tokenizer.loaded == 1
    assert len(set(tokenizer.given)) == len(tokenizer.given) == 19


def test_counts_are_kept_within_bounds() -> None:
    counts = TokenCounts(Tokenizer().load)
    many = [str(number) for number in range(MAX_KEPT + 100)]
    assert asyncio.run(counts.of(msgspec.json.encode(conversation(*many)))) == len(many)
    assert len(counts._kept) == MAX_KEPT


COUNTED: list[tuple[Body, list[str]]] = [
    ({"system": "s", "messages": [{"role": "user", "content": "u"}]}, ["s", "u"]),
    (
        {"system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}], "tools": [{"name": "n", "description": "d", "input_schema": {"type": "object"}}]},
        ["s", 'n\nd\n{"type":"object"}'],
    ),
    (
        {"messages": [{"role": "assistant", "content": [
            {"type": "thinking", "thinking": "not counted", "signature": "x"},
            {"type": "tool_use", "id": "t", "name": "Read", "input": {"path": "a"}},
        ]}, {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": [
                {"type": "text", "text": "r"}, {"type": "image", "source": {"type": "base64", "data": "AAAA"}},
            ]},
        ]}]},
        ["Read\na", "r"],
    ),
    ({"instructions": "i", "input": "u"}, ["i", "u"]),
    ({"input": [{"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"}]}, ["n\n{}"]),
    ({"systemInstruction": {"parts": [{"text": "s"}]}, "contents": [{"role": "user", "parts": [{"text": "u"}, {"inlineData": {"data": "AA"}}]}]}, ["s", "u"]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "wanted"), COUNTED)
def test_texts_calls_and_tools_count_and_pictures_and_thinking_do_not(
    body: Body, wanted: list[str]
) -> None:
    assert [words(piece) for piece in pieces(msgspec.json.encode(body))] == wanted


@pytest.mark.parametrize("body", [b"", b"nonsense", b'{"messages": [', b'{"messages": [{"a": "\xff"}]}'])
def test_what_cannot_be_read_is_one_text(body: bytes) -> None:
    assert asyncio.run(TokenCounts(Tokenizer().load).of(body)) >= 0
    assert "".join(words(piece) for piece in pieces(body)) or not body


def test_the_tokenizer_that_ccr_counts_with_takes_special_tokens_for_text() -> None:
    counts = token_counts()
    assert counts is not None, "the extra is among the requirements of the tests"
    assert (
        asyncio.run(counts.of(msgspec.json.encode(conversation("hello world", "tiktoken is great!"))))
        == 2 + 6
    )
    assert asyncio.run(counts.of(msgspec.json.encode(conversation("the <|endoftext|> mark")))) == 8


def test_a_text_of_megabytes_is_counted_in_pieces() -> None:
    """The library refuses texts of a million signs."""
    counts = token_counts()
    assert counts is not None
    body = msgspec.json.encode({"messages": [{"role": "user", "content": "word " * 240_000}]})
    assert abs(asyncio.run(counts.of(body)) - 240_000) < 10

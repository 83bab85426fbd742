"""What a request is, as far as routes by purpose need to know. Read only when such routes are configured."""

import re
from collections.abc import Callable, Container, Iterator
from typing import Final, Protocol, TypeVar

import msgspec
from msgspec import Raw, Struct
from msgspec.json import Decoder

from trunkline.routing.pictures import NO_RAW, NOTHING, look, may_hold_pictures

T = TypeVar("T")

BYTES_PER_TOKEN: Final = 4
"""Of ASCII: agents' requests have 4.5 to 5.5, their JSON included (433 recorded ones), so this errs upward."""
BYTES_PER_HIGH_TOKEN: Final = 3
"""Of anything else: Chinese and Japanese have a token to 3 or 3.3."""
SAMPLES: Final = 1024
"""Bytes of a large body that are looked at to see what part of it is not ASCII: good to half a percent of the tokens."""
_ASCII: Final = bytes(range(128))
EVERY: Final = frozenset({"think", "webSearch", "image", "longContext"})
"""Routes that go by what a request is."""
_SEARCHES: Final = re.compile(rb'"(?:web_search|google_?(?:search|Search))')
INTENT: Final = frozenset({"high", "xhigh", "max"})
"""Efforts that mean "think hard"; Claude Code sends adaptive thinking with medium effort on every request."""


class RequestShape(Struct, frozen=True, kw_only=True):
    """``tokens`` is an estimate by size, pictures and files not counted."""

    tokens: int = 0
    thinking: bool = False
    adaptive: bool = False
    """Allowed to think, but not asked to."""
    last: int | None = None
    """Input tokens of the session's last answer, as its provider counted them."""
    web_search: bool = False
    image: bool = False
    """A picture anywhere in the conversation."""
    image_last: bool = False
    """A picture in the last turn, or in its tool results."""


class _Typed(Struct):
    type: str | None = None


class _Effort(Struct):
    effort: str | None = None


class _Turn(Struct):
    """A message; in Responses also a tool's result, in Gemini a list of parts."""

    role: str | None = None
    content: Raw = NO_RAW
    output: Raw = NO_RAW
    parts: Raw = NO_RAW

    @property
    def blocks(self) -> Raw:
        return next((raw for raw in (self.content, self.output) if bytes(raw)), self.parts)


class _Tool(Struct):
    type: str | None = None
    google_search: Raw = NO_RAW
    camel: Raw = msgspec.field(default=NO_RAW, name="googleSearch")

    @property
    def searches(self) -> bool:
        """A search of the web that the provider runs."""
        return (self.type or "").startswith("web_search") or bool(
            bytes(self.camel) or bytes(self.google_search)
        )


class _Body(Struct):
    """The fields of all protocols that matter here; each is looked at leniently on its own."""

    thinking: Raw = NO_RAW
    output_config: Raw = NO_RAW
    reasoning: Raw = NO_RAW
    reasoning_effort: Raw = NO_RAW
    tools: Raw = NO_RAW
    messages: Raw = NO_RAW
    input: Raw = NO_RAW
    contents: Raw = NO_RAW


_BODY: Final = msgspec.json.Decoder(_Body)
_TYPED: Final = msgspec.json.Decoder(_Typed)
_EFFORT: Final = msgspec.json.Decoder(_Effort)
_TEXT: Final = msgspec.json.Decoder(str)
_ITEMS: Final = msgspec.json.Decoder(list[Raw])
_TURN: Final = msgspec.json.Decoder(_Turn)
_TOOL: Final = msgspec.json.Decoder(_Tool)


def may_search(body: bytes) -> bool:
    """Whether a tool that searches may be in any part of a body. False is certain, True is not."""
    return _SEARCHES.search(body) is not None


def has_high(body: bytes) -> bool:
    """Whether anything in any part of a body is not ASCII."""
    return not body.isascii()


class Repeating(Protocol):
    """A body beside earlier ones: what is known of it need not be looked for again."""

    @property
    def text(self) -> bytes:
        """All of its small fields, and no less than its new turns: an object like the body."""
        ...

    def holds(self, test: Callable[[bytes], bool]) -> bool:
        """Whether ``test`` finds something in the body, wherever it stands."""
        ...


class _Whole:
    """A body like none before."""

    def __init__(self, body: bytes) -> None:
        self.text = body

    def holds(self, test: Callable[[bytes], bool]) -> bool:
        return test(self.text)


def shape_of(
    body: bytes, routes: Container[str] = EVERY, short: int = 0, known: Repeating | None = None
) -> RequestShape:
    """The shape of a request body of any protocol. Never raises: what is unreadable is not there.

    Only what ``routes`` go by is looked for; a body of ``short`` tokens at the most is short enough, pictures or none.
    ``known``: the same body, where it was compared.
    """
    seen: Repeating = _Whole(body) if known is None else known
    tokens = estimate(body) if seen.holds(has_high) else len(body) // BYTES_PER_TOKEN
    pictures = ("image" in routes or tokens > short) and seen.holds(may_hold_pictures)
    searches = "webSearch" in routes and seen.holds(may_search)
    if not (pictures or searches or "think" in routes):
        return RequestShape(tokens=tokens)
    fields = _optional(_BODY, body if pictures or searches else seen.text)
    if fields is None:
        return RequestShape(tokens=tokens)
    looked = [NOTHING]
    if pictures:
        turns = next((raw for raw in (fields.messages, fields.input) if bytes(raw)), fields.contents)
        looked += [look(turn.blocks) for turn in _each(_TURN, turns)]
    return RequestShape(
        tokens=estimate(body, weight) if (weight := sum(turn.weight for turn in looked)) else tokens,
        thinking=_thinks(fields),
        adaptive=_may_think(fields),
        web_search=searches and any(tool.searches for tool in _each(_TOOL, fields.tools)),
        image=any(turn.picture for turn in looked),
        image_last=looked[-1].picture,
    )


def estimate(body: bytes, weight: int = 0) -> int:
    """Tokens by size; ``weight`` bytes of it are no text."""
    high = 0 if body.isascii() else _high(body)
    return max(0, len(body) - high - weight) // BYTES_PER_TOKEN + high // BYTES_PER_HIGH_TOKEN


def _high(body: bytes) -> int:
    """Bytes that are not ASCII; of a large body by bytes that stand apart evenly."""
    stride = len(body) // SAMPLES | 1
    return len(body[::stride].translate(None, _ASCII)) * stride


def _thinks(fields: _Body) -> bool:
    """Asked to think, not merely allowed to. Gemini's clients ask on every request, so theirs say nothing."""
    thinking = _optional(_TYPED, fields.thinking)
    if thinking is not None and thinking.type == "enabled":
        return True
    if thinking is not None and thinking.type == "disabled":
        return False
    level = _optional(_TEXT, fields.reasoning_effort)
    efforts = (_optional(_EFFORT, fields.output_config), _optional(_EFFORT, fields.reasoning))
    named = {effort.effort for effort in efforts if effort is not None}
    return not INTENT.isdisjoint({*named, level})


def _may_think(fields: _Body) -> bool:
    thinking = _optional(_TYPED, fields.thinking)
    return thinking is not None and thinking.type == "adaptive"


def _optional(decoder: Decoder[T], raw: bytes | Raw) -> T | None:
    """The value, None where it is absent or of another form."""
    if not bytes(raw):
        return None
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _each(decoder: Decoder[T], raw: Raw) -> Iterator[T]:
    """The items of a list that have the form we look for."""
    for item in _optional(_ITEMS, raw) or ():
        value = _optional(decoder, item)
        if value is not None:
            yield value

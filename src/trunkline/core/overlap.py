"""What is new in a body that repeats most of an earlier one: where both are the same bytes, nothing is read twice.

Agents send the whole conversation with every turn. The earlier body is known to be an object that names no field
twice. Where a text is the same from the beginning on, a reader stands at the same place in both. What is the same at the
end and left out there began behind a field: if what is left is an object, it begins behind a field here too, for
quotes and brackets that are open before it would stay open to the end.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.errors import GatewayError
from trunkline.core.splice import Span, spans
from trunkline.core.surrogates import decode_lenient

_ITEMS: Final = msgspec.json.Decoder(list[Raw])
_GAP: Final = re.compile(rb"[\s,]*")
_COMMA: Final = re.compile(rb"\s*,\s*")
WORTH: Final = 4
"""At least one part in so many has to be known already."""


class Layout(Struct, frozen=True):
    """Where the fields of an object stand in its text, in order, and the items of the one that holds its turns."""

    fields: Mapping[str, Span]
    turns: Sequence[tuple[int, int]]


class Overlap(Struct, frozen=True, kw_only=True):
    """A body beside an earlier one."""

    layout: Layout
    """Of the whole body."""
    turns: int
    """How many turns at the beginning are those of the earlier body; not all."""
    fields: frozenset[str]
    """Which of the fields that were asked for are those of the earlier body."""
    text: bytes
    """The body without them: an object all the same."""


class _Cut(Struct, frozen=True, gc=False):
    start: int
    end: int
    name: str = ""
    """The field; ``""`` for turns."""
    behind: bool = False
    """It stands behind the turns."""


def layout_of(body: bytes, turns: str, fields: Mapping[str, Span] | None = None) -> Layout | None:
    """Where things stand in ``body``, whose ``fields`` may be known.

    None where that is not certain: no list, a field named twice.
    """
    try:
        fields = spans(body) if fields is None else fields
        if turns not in fields:
            return None
        _, start, end = fields[turns]
        items = decode_lenient(_ITEMS, body[start:end])
    except (GatewayError, msgspec.DecodeError):
        return None
    found: list[tuple[int, int]] = []
    position = start + 1
    for raw in items:
        gap = _GAP.match(body, position)
        begin = position if gap is None else gap.end()
        position = begin + len(memoryview(raw))
        found.append((begin, position))
    return Layout(fields, found)


def rest(body: bytes, layout: Layout, name: str, turns: int, fields: Collection[str]) -> bytes:
    """``body`` without its first ``turns`` turns, which stand in the field ``name``, and without ``fields``."""
    cuts = _cuts(layout, name, fields)
    if turns:
        cuts.append(_Cut(layout.turns[0][0], layout.turns[turns][0]))
    return _without(body, sorted(cuts, key=_start))


class Common(Struct, frozen=True):
    """How many bytes two bodies begin and end with in common; none counts twice."""

    start: int
    end: int


def common(old: bytes, new: bytes) -> Common | None:
    """What the bodies have in common, None for little: nothing about them need be known."""
    least = len(new) // (2 * WORTH)
    view = memoryview(old)
    if not (new.startswith(view[:least]) or new.endswith(view[len(old) - least :])):
        return None
    most = min(len(old), len(new))
    start = common_start(old, new, most)
    end = common_end(old, new, most - start)
    return Common(start, end) if (start + end) * WORTH >= len(new) else None


def overlap(
    old: bytes, layout: Layout, new: bytes, both: Common, name: str, shared: Collection[str]
) -> Overlap | None:
    """``new`` beside ``old``, whose layout is known; its turns stand in the field ``name``.

    None where little is the same, of the turns and of ``shared`` fields, or anything is uncertain.
    """
    shift = len(new) - len(old)
    cuts = [
        _Cut(cut.start + shift, cut.end + shift, cut.name, behind=True) if cut.behind else cut
        for cut in _cuts(layout, name, shared)
        if (cut.start >= len(old) - both.end if cut.behind else cut.end <= both.start)
    ]
    turns, following = _same_turns(layout, new, both)
    if turns:
        cuts.append(_Cut(layout.turns[0][0], following))
    cuts.sort(key=_start)
    if sum(cut.end - cut.start for cut in cuts) * WORTH < len(new):
        return None
    text = _without(new, cuts)
    left = layout_of(text, name)
    fields = frozenset(cut.name for cut in cuts if cut.name)
    if left is None or not fields.isdisjoint(left.fields):
        return None
    gone = [0, *accumulate(cut.end - cut.start for cut in cuts)]
    places = [cut.start - before for cut, before in zip(cuts, gone, strict=False)]

    def begin(position: int) -> int:
        return position + gone[bisect_right(places, position)]

    def end(position: int) -> int:
        return position + gone[bisect_left(places, position)]

    found = {
        key: (begin(start), begin(value), end(stop)) for key, (start, value, stop) in left.fields.items()
    }
    for cut in cuts:
        if cut.name:
            start, value, stop = layout.fields[cut.name]
            moved = shift if cut.behind else 0
            found[cut.name] = (start + moved, value + moved, stop + moved)
    whole = Layout(
        dict(sorted(found.items(), key=_place)),
        [*layout.turns[:turns], *((begin(start), end(stop)) for start, stop in left.turns)],
    )
    return Overlap(layout=whole, turns=turns, fields=fields, text=text)


def _same_turns(layout: Layout, new: bytes, both: Common) -> tuple[int, int]:
    """How many turns are the same in both, and where the next one begins. The last of all is never one of them."""
    turns = bisect_right(layout.turns, both.start, key=_end)
    while turns:
        comma = _COMMA.match(new, layout.turns[turns - 1][1])
        if comma is not None:
            return turns, comma.end()
        turns -= 1
    return 0, 0


def _cuts(layout: Layout, name: str, fields: Collection[str]) -> list[_Cut]:
    """Where ``fields`` stand, each with the comma that parts it from the field ``name``."""
    cuts: list[_Cut] = []
    behind = False
    for (key, span), (following, next_span) in pairwise(layout.fields.items()):
        behind = behind or key == name
        if not behind and key in fields:
            cuts.append(_Cut(span[0], next_span[0], key))
        if behind and following in fields:
            cuts.append(_Cut(span[2], next_span[2], following, behind=True))
    return cuts


def _without(body: bytes, cuts: Iterable[_Cut]) -> bytes:
    view = memoryview(body)
    pieces: list[memoryview] = []
    position = 0
    for cut in cuts:
        pieces.append(view[position : cut.start])
        position = cut.end
    pieces.append(view[position:])
    return b"".join(pieces)


def _start(cut: _Cut) -> int:
    return cut.start


def _end(turn: tuple[int, int]) -> int:
    return turn[1]


def _place(field: tuple[str, Span]) -> int:
    return field[1][0]


def common_start(one: bytes, other: bytes, most: int) -> int:
    """How many bytes two texts begin with in common: by halves, because comparing is fast and stepping is not."""
    view = memoryview(one)
    low = 0
    while low < most:
        middle = (low + most + 1) // 2
        if other.startswith(view[low:middle], low):
            low = middle
        else:
            most = middle - 1
    return low


def common_end(one: bytes, other: bytes, most: int) -> int:
    """The same for their ends."""
    view = memoryview(one)
    low = 0
    while low < most:
        middle = (low + most + 1) // 2
        if other.startswith(view[len(one) - middle : len(one) - low], len(other) - middle):
            low = middle
        else:
            most = middle - 1
    return low

"""What is new in a body that repeats most of an earlier one: where both are the same bytes, nothing is read twice.

Agents send the whole conversation with every turn. The earlier body is known to be an object that names no field
twice, so where a text is the same from the beginning on, a reader stands at the same place in both; and from a place
that is the same on, the same end is read in the same way.
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.errors import GatewayError
from trunkline.core.splice import Span, spans
from trunkline.core.surrogates import decode_lenient

_ITEMS: Final = msgspec.json.Decoder(list[Raw])
_GAP: Final = re.compile(rb"[\s,]*")
_COMMA: Final = re.compile(rb"\s*,\s*")
_CLOSING: Final = ord("}")
WORTH: Final = 4
"""At least one part in so many has to be known already."""


class Layout(Struct, frozen=True):
    """Where the fields of an object stand in its text, and the items of the one that holds its turns."""

    fields: dict[str, Span]
    turns: tuple[tuple[int, int], ...]


class Overlap(Struct, frozen=True, kw_only=True):
    """A body beside an earlier one."""

    text: bytes
    """The body without what is known: an object with the turns that are new, one at least."""
    turns: int
    """How many turns were left out at the beginning: they are those of the earlier body."""
    fields: frozenset[str]
    """Fields that were left out: they are those of the earlier body."""
    layout: Layout
    """Of the whole body."""


def layout_of(body: bytes, turns: str) -> Layout | None:
    """Where things stand in ``body``; None where that is not certain: no list of objects, a field named twice."""
    try:
        fields = spans(body)
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
        if body[position - 1] != _CLOSING:
            return None
        found.append((begin, position))
    return Layout(fields, tuple(found))


def overlap(
    old: bytes, layout: Layout, new: bytes, turns: str, *, shared: Collection[str], seams: Sequence[object]
) -> Overlap | None:
    """``new`` beside ``old``, whose layout is known. ``shared`` fields may be left out whole, turns up to one that has
    a seam behind it.

    None where little is the same or anything is uncertain.
    """
    most = min(len(old), len(new))
    before = common_start(old, new, most)
    after = common_end(old, new, most - before)
    known = bisect_right(layout.turns, before, key=_end)
    comma: re.Match[bytes] | None = None
    while known and comma is None:  # the last turn of all is always read
        if seams[known - 1] is not None:
            comma = _COMMA.match(new, layout.turns[known - 1][1])
        known -= comma is None
    cuts = _cuts(layout, turns, shared, before, len(old) - after, len(new) - len(old))
    if comma is not None:
        cuts.append((layout.turns[0][0], comma.end(), ""))
        cuts.sort()
    left_out = sum(end - start for start, end, _ in cuts)
    if left_out * WORTH < len(new) or any(one[1] > next_one[0] for one, next_one in pairwise(cuts)):
        return None
    text = _without(new, cuts)
    found = layout_of(text, turns)
    fields = frozenset(name for _, _, name in cuts if name)
    if found is None or not found.turns or not fields.isdisjoint(found.fields):
        return None
    whole = _whole(layout, found, cuts, known, turns, len(new) - len(old))
    if whole is None:
        return None
    return Overlap(text=text, turns=known, fields=fields, layout=whole)


def _end(span: tuple[int, int]) -> int:
    return span[1]


def _cuts(
    layout: Layout, turns: str, shared: Collection[str], before: int, after: int, shift: int
) -> list[tuple[int, int, str]]:
    """Where ``shared`` fields stand in the new body that are the same in both, each with one comma.

    The bodies are the same up to ``before`` and, in the old one, from ``after`` on; there the new one is
    ``shift`` longer.
    """
    cuts: list[tuple[int, int, str]] = []
    middle = layout.fields[turns][0]
    for (name, span), (_, following) in pairwise(layout.fields.items()):
        if name in shared and following[0] <= min(before, middle):
            cuts.append((span[0], following[0], name))
    for (_, earlier), (name, span) in pairwise(layout.fields.items()):
        if name in shared and earlier[2] >= after and earlier[0] >= middle:
            cuts.append((earlier[2] + shift, span[2] + shift, name))
    return cuts


def _without(body: bytes, cuts: list[tuple[int, int, str]]) -> bytes:
    view = memoryview(body)
    pieces: list[memoryview] = []
    position = 0
    for start, end, _ in cuts:
        pieces.append(view[position:start])
        position = end
    pieces.append(view[position:])
    return b"".join(pieces)


def _whole(
    old: Layout, rest: Layout, cuts: list[tuple[int, int, str]], known: int, turns: str, shift: int
) -> Layout | None:
    """The layout of the new body by that of what is left of it; None if a cut behind the turns is not between fields."""
    middle = old.fields[turns][0]
    removed = 0
    places: list[tuple[int, int]] = []
    """Places in the rest at which something was left out, and all that was left out until there."""
    for start, end, name in cuts:
        if (
            name
            and old.fields[name][0] > middle
            and not any(span[2] == start - removed for span in rest.fields.values())
        ):
            return None
        place = start - removed
        removed += end - start
        places.append((place, removed))

    def begin(position: int) -> int:
        return position + max((gone for place, gone in places if place <= position), default=0)

    def end_(position: int) -> int:
        return position + max((gone for place, gone in places if place < position), default=0)

    found = {name: (begin(key), begin(value), end_(end)) for name, (key, value, end) in rest.fields.items()}
    for _, _, name in cuts:
        if name:
            span = old.fields[name]
            moved = shift if span[0] > middle else 0
            found[name] = (span[0] + moved, span[1] + moved, span[2] + moved)
    ordered = dict(sorted(found.items(), key=lambda item: item[1]))
    items = tuple([(begin(start), end_(end)) for start, end in rest.turns])
    return Layout(ordered, (*old.turns[:known], *items))


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

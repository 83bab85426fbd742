"""What a request is for, as far as the routes by purpose tell requests apart: all that a plan depends on beside names."""

import sys
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from trunkline.routing.shape import BYTES_PER_TOKEN, Repeating, RequestShape, shape_of
from trunkline.routing.table import Route, RoutingTable

LEAST_LONG: Final = 20_000
"""Tokens below which a request is never long, whatever the session's last turn had (ccr.md 2.2)."""
MOST_BYTES: Final = 8
"""Bytes of the longest token that a text is full of."""


class Purpose(Struct, frozen=True, kw_only=True):
    """The answers to the routes' questions; False where there is no such route. Equal ones have equal plans."""

    long: bool = False
    web_search: bool = False
    thinks: bool = False
    image: bool = False
    image_last: bool = False


ORDINARY: Final = Purpose()


def purpose_of(routes: Mapping[str, Route], seen: RequestShape) -> Purpose:
    """What ``routes`` make of what was seen."""
    think = routes.get("think")
    return Purpose(
        long=_is_long(routes.get("longContext"), seen),
        web_search=seen.web_search and "webSearch" in routes,
        thinks=think is not None and (seen.thinking or (think.adaptive and seen.adaptive)),
        image=seen.image and "image" in routes,
        image_last=seen.image_last and "image" in routes,
    )


def _is_long(rule: Route | None, seen: RequestShape) -> bool:
    """By its own length, or by what the session's last turn really had, unless it is surely another conversation."""
    if rule is None or rule.above is None:
        return False
    if seen.tokens > rule.above:
        return True
    return seen.last is not None and seen.last > rule.above and seen.tokens > LEAST_LONG


def seen_by(table: RoutingTable, body: bytes, known: Repeating | None = None) -> RequestShape:
    """As much of a request's shape as the table's routes depend on; ``known`` as for :func:`shape_of`.

    Where only its length matters and even all its bytes would be few enough, nothing is decoded.
    """
    if not table.by_purpose:
        return RequestShape()
    long = table.routes.get("longContext")
    return shape_of(body, table.routes, sys.maxsize if long is None else long.above or 0, known)


def surely_ordinary(table: RoutingTable, size: int, last: int | None) -> bool:
    """Whether a body of ``size`` bytes is of no purpose whatever is in it: only its length could be, and a token has
    one byte at least. ``last`` as in :class:`RequestShape`."""
    if not table.only_long:
        return False
    above = table.routes["longContext"].above
    return above is None or (size <= above and (last is None or last <= above))


def has_to_be_counted(rule: Route | None, size: int, seen: RequestShape) -> int | None:
    """The limit, where a body of ``size`` bytes may be on either side of it: a token has one byte at least, and text of
    more than eight a token is unheard of."""
    if rule is None or (above := rule.above) is None or size <= above:
        return None
    text = seen.tokens * BYTES_PER_TOKEN
    return above if text // MOST_BYTES <= above < text else None

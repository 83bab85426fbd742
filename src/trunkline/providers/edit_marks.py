"""Prompt-cache marks beyond what the upstream takes (protocols.md E103), for Messages and Chat bodies alike."""

from collections.abc import Callable
from typing import Final

from msgspec import Raw

from trunkline.core.cache_marks import marks_kept
from trunkline.core.facts import Facts
from trunkline.providers.draft import Draft, decode_items, decode_object, encode_raw, join_items

MARK: Final = b'"cache_control"'
PLACES: Final = ("tools", "system", "messages")
"""In the order the server reads them."""
_BELOW: Final = ("function", "content", "tool_calls")
"""Where marks stand inside of what holds one; schemas and arguments may have such a key and mean something else."""


def limit_marks(draft: Draft, facts: Facts) -> None:
    """Take away the marks over the limit; what carried them keeps its bytes otherwise."""
    limit = facts.mark_limit
    if limit is None:
        return
    raws = [draft.raw(place) or b"" for place in PLACES]
    automatic = draft.raw("cache_control") not in (None, b"null")
    if sum(raw.count(MARK) for raw in raws) + automatic <= limit:
        return
    counts = [_count(raw) for raw in raws]
    if sum(counts) + automatic <= limit:
        return
    kept = marks_kept(counts[0], counts[1], counts[2], limit - automatic)
    number = -1

    def keep() -> bool:
        nonlocal number
        number += 1
        return number in kept

    for place, raw in zip(PLACES, raws, strict=True):
        draft.put(place, _list(raw, keep)) if raw else None
    draft.lose("cache_control", f"at most {limit} marks are taken: others than the latest go")


def _count(raw: bytes) -> int:
    found = 0

    def keep() -> bool:
        nonlocal found
        found += 1
        return True

    _list(raw, keep)
    return found


def _list(raw: bytes, keep: Callable[[], bool]) -> bytes:
    """A list without the marks that ``keep``, asked for each in turn, does not want; the same bytes if it wants all."""
    items = decode_items(raw)
    if items is None:
        return raw
    out = [_item(item, keep) for item in items]
    return raw if all(new is old for new, old in zip(out, items, strict=True)) else join_items(out)


def _item(item: Raw, keep: Callable[[], bool]) -> Raw:
    fields = decode_object(item) if MARK in bytes(item) else None
    if fields is None:
        return item
    edits: dict[str, Raw] = {}
    for key in _BELOW:
        below = fields.get(key)
        if below is None or MARK not in bytes(below):
            continue
        new = _item(below, keep) if key == "function" else Raw(_list(bytes(below), keep))
        if bytes(new) != bytes(below):
            edits[key] = new
    marked = bytes(fields.get("cache_control", b"null")) != b"null"
    if marked and not keep():
        del fields["cache_control"]
    elif not edits:
        return item
    return encode_raw(fields | edits)

"""What Databricks' Responses routes insist on (databricks.md 3.7): stateless, short ids, no nulls in items."""

from typing import Final

import msgspec
from msgspec import Raw

from trunkline.providers.draft import Draft, decode_items, decode_object, join_items

MAX_ID: Final = 64
"""Letters of an item's id; the platform's own are longer where it streams them."""
_LONG: Final = MAX_ID + 2
_NULL: Final = b"null"


def mend_items(draft: Draft) -> None:
    """The body as a stateless route takes it; items in which nothing is wrong keep their bytes."""
    if draft.raw("store") == b"true":
        draft.put("store", value=False)
        draft.lose("store", "Databricks keeps no answers")
    draft.drop("background", "Databricks has no background mode")
    items = decode_items(draft.raw("input"))
    if items is None:
        return
    mended = [_mended(item) for item in items]
    if any(new is not old for new, old in zip(mended, items, strict=True)):
        draft.put("input", join_items(mended))


def _mended(item: Raw) -> Raw:
    """An item without nulls and without an id that is too long; the very same object where there are none."""
    data = bytes(item)
    if _NULL not in data and len(data) < _LONG:
        return item
    members = decode_object(data)
    if members is None:
        return item
    kept = {
        key: value
        for key, value in members.items()
        if bytes(value) != _NULL and not (key == "id" and len(bytes(value)) > _LONG)
    }
    return item if len(kept) == len(members) else Raw(msgspec.json.encode(kept))

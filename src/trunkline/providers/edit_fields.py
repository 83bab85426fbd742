"""Edits that need no knowledge of a protocol: which fields may stand in a body."""

from collections.abc import Iterable
from typing import Final, cast

import msgspec
from msgspec import Raw

from trunkline.core.facts import Facts
from trunkline.providers.draft import Draft, decode_any, decode_items, join_items


def keep_allowed(draft: Draft, facts: Facts) -> None:
    """Leave out every top-level field that ``facts.allow`` does not name or ``facts.drop`` does."""
    for name in draft.names():
        if name in facts.drop or (facts.allow is not None and name not in facts.allow):
            draft.drop(name, "the upstream does not take this field")


def drop_paths(draft: Draft, paths: Iterable[str]) -> None:
    """Leave out nested fields (``tools.function.strict``); lists on the way are walked through.

    Elements of a list in which nothing has to go keep their bytes.
    """
    for path in sorted(paths):
        if strip_path(draft, path):
            draft.lose(path, "the upstream does not take this field")


def strip_path(draft: Draft, path: str) -> bool:
    """The same for one nested field, which nobody misses; whether there was one."""
    head, dot, rest = path.partition(".")
    raw = draft.raw(head) if dot else None
    steps = rest.split(".")
    if raw is None or f'"{steps[-1]}"'.encode() not in raw:
        return False
    edited = _without(raw, steps)
    if edited is None:
        return False
    draft.put(head, edited)
    return True


def _without(raw: bytes, steps: list[str]) -> bytes | None:
    """``raw`` without what ``steps`` lead to; None when there is no such thing."""
    leaf = f'"{steps[-1]}"'.encode()
    items = decode_items(raw)
    if items is None:
        value = decode_any(raw)
        return msgspec.json.encode(value) if _remove(value, steps) else None
    changed = False
    out: list[bytes | Raw] = []
    for item in items:
        data = bytes(item)
        value = decode_any(data) if leaf in data else None
        if _remove(value, steps):
            changed = True
            data = msgspec.json.encode(value)
        out.append(data)
    return join_items(out) if changed else None


def _remove(value: object, steps: list[str]) -> bool:
    """Delete in place; True when something was there."""
    if isinstance(value, list):
        items = cast("list[object]", value)
        removed = [_remove(item, steps) for item in items]  # all of them, not until the first
        return any(removed)
    if not isinstance(value, dict):
        return False
    table = cast("dict[str, object]", value)
    key, rest = steps[0], steps[1:]
    if rest:
        return _remove(table.get(key), rest)
    return table.pop(key, _MISSING) is not _MISSING


_MISSING: Final = object()

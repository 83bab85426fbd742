"""Edits of the turns in a Chat body: ids of calls and the order of roles."""

import hashlib
from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.providers.draft import Draft, decode_items, decode_object, encode_raw, join_items

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BREAK: Final = "\n\n"


class _Head(Struct):
    role: str = ""
    tool_calls: Raw | None = None
    tool_call_id: str | None = None
    name: str | None = None


_HEAD: Final = msgspec.json.Decoder(_Head)
_TEXT: Final = msgspec.json.Decoder(str)


def fixed_id(call_id: str, length: int) -> str:
    """``call_id`` if it is ``length`` letters and digits, else as many made of its digest, always the same (E20)."""
    if len(call_id) == length and call_id.isascii() and call_id.isalnum():
        return call_id
    number = int.from_bytes(hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).digest(), "big")
    letters: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[digit])
    return "".join(letters)


def mend_call_ids(draft: Draft, length: int) -> None:
    """Every id of a call, in calls and results alike, as :func:`fixed_id` has it. Other turns keep their bytes."""
    items = decode_items(draft.raw("messages")) or []
    out = [_with_ids(item, length) for item in items]
    if any(new is not old for new, old in zip(out, items, strict=True)):
        draft.put("messages", join_items(out))


def _with_ids(item: Raw, length: int) -> Raw:
    data = bytes(item)
    if b'"tool_call' not in data:
        return item
    fields = decode_object(data)
    if fields is None:
        return item
    changed = _mend_id(fields, "tool_call_id", length)
    calls = decode_items(bytes(fields["tool_calls"])) if "tool_calls" in fields else None
    mended: list[Raw] = []
    for call in calls or []:
        inside = decode_object(call)
        if inside is not None and _mend_id(inside, "id", length):
            changed, call = True, encode_raw(inside)
        mended.append(call)
    if not changed:
        return item
    if calls is not None:
        fields["tool_calls"] = Raw(join_items(mended))
    return encode_raw(fields)


def _mend_id(fields: dict[str, Raw], key: str, length: int) -> bool:
    """Edit in place; True when the id had to change."""
    call_id = _text(fields.get(key))
    if call_id is None or (new := fixed_id(call_id, length)) == call_id:
        return False
    fields[key] = encode_raw(new)
    return True


def mend_reasoning(draft: Draft, field: str) -> None:
    """Turns with calls that lack their reasoning say that there was none: its absence is refused (E11)."""
    items = decode_items(draft.raw("messages")) or []
    out = [_with_reasoning(item, field) for item in items]
    if any(new is not old for new, old in zip(out, items, strict=True)):
        draft.put("messages", join_items(out))
        draft.lose(f"messages.{field}", "the client dropped it; the upstream wants it back with its calls")


def _with_reasoning(item: Raw, field: str) -> Raw:
    data = bytes(item)
    fields = decode_object(data) if b'"tool_calls"' in data else None
    if fields is None or not decode_items(bytes(fields.get("tool_calls", b""))):
        return item
    if bytes(fields.get(field, b"null")) != b"null":
        return item
    return encode_raw({**fields, field: encode_raw("")})


def merge_turns(draft: Draft) -> None:
    """Neighbouring user turns become one, and assistant turns likewise, with all their content."""
    items = decode_items(draft.raw("messages")) or []
    out: list[Raw] = []
    last = ""
    for item in items:
        role = _plain_role(item)
        merged = _joined(out[-1], item) if role and role == last else None
        if merged is None:
            out.append(item)
        else:
            out[-1] = merged
        last = role
    if len(out) < len(items):
        draft.put("messages", join_items(out))


def _plain_role(item: Raw) -> str:
    """user or assistant for a turn of content alone, ``""`` for any other."""
    try:
        head = _HEAD.decode(item)
    except msgspec.DecodeError:
        return ""
    plain = head.tool_calls is None and head.tool_call_id is None and head.name is None
    return head.role if plain and head.role in ("user", "assistant") else ""


def _joined(first: Raw, second: Raw) -> Raw | None:
    one, two = decode_object(first), decode_object(second)
    if one is None or two is None:
        return None
    content = _joined_content(one.get("content"), two.get("content"))
    return None if content is None else encode_raw({**one, **two, "content": content})


def _joined_content(one: Raw | None, two: Raw | None) -> Raw | None:
    text, more = _text(one), _text(two)
    if text is not None and more is not None:
        return encode_raw(text + BREAK + more)
    parts, others = _parts(one), _parts(two)
    return None if parts is None or others is None else Raw(join_items([*parts, *others]))


def _parts(content: Raw | None) -> list[Raw] | None:
    text = _text(content)
    if text is not None:
        return [encode_raw({"type": "text", "text": text})]
    return None if content is None else decode_items(bytes(content))


def _text(raw: Raw | None) -> str | None:
    try:
        return None if raw is None else _TEXT.decode(raw)
    except msgspec.DecodeError:
        return None

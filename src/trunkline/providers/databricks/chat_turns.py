"""One message of a chat body as Databricks takes it (databricks.md 3.2). A message without a fault keeps its bytes."""

import re
from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.facts import Facts
from trunkline.core.surrogates import decode_lenient
from trunkline.providers.databricks.rules import MESSAGE_KEYS
from trunkline.providers.draft import Draft, decode_items, decode_object, encode_raw, join_items

_NULL: Final = Raw(b"null")
_EMPTY: Final = Raw(b'"(empty)"')
_BARE_MARK: Final = Raw(b'{"type":"ephemeral"}')
_DATA_URL: Final = re.compile(rb'"data:[\w.+-]+/[\w.+-]+(?=,)')
_NOTHING: Final = frozenset({b"null", b"[]", b"{}", b'""'})
_CALL_KEYS: Final = frozenset({"id", "type", "function", "thoughtSignature"})


class Turn(Struct):
    """A message with what its place in the conversation depends on."""

    role: str
    item: Raw
    calls: tuple[str, ...] = ()
    call_id: str = ""


class _Call(Struct):
    id: str = ""


class _Wire(Struct):
    role: str = ""
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None


class _Part(Struct):
    type: str = ""
    text: str | None = None


class _Detail(Struct):
    type: str = ""
    text: str | None = None
    signature: str | None = None
    data: str | None = None


_WIRE: Final = msgspec.json.Decoder(_Wire)
_PART: Final = msgspec.json.Decoder(_Part)
_DETAILS: Final = msgspec.json.Decoder(list[_Detail])


def read_turn(item: Raw) -> Turn:
    """A message as it came. One that cannot be read is carried with an empty role, untouched."""
    try:
        wire = decode_lenient(_WIRE, bytes(item))
    except msgspec.DecodeError:
        return Turn("", item)
    return Turn(wire.role, item, tuple(call.id for call in wire.tool_calls or ()), wire.tool_call_id or "")


def mend_turn(item: Raw, facts: Facts, draft: Draft, *, leading: bool) -> Turn | None:
    """The message without its faults; None when nothing is left. ``leading``: only instructions came before."""
    turn = read_turn(item)
    given = decode_object(item)
    if not turn.role or given is None:
        return turn
    fields = _known_keys(given, turn.role, facts, draft)
    if turn.role == "developer" and not facts.developer_role:
        turn.role = "system"
        fields["role"] = Raw(b'"system"')
    if turn.calls:
        fields["tool_calls"] = _mend_calls(fields["tool_calls"], facts)
    content = _mend_content(fields.get("content", _NULL), turn, facts)
    if content is None:
        return None
    if turn.role == "system" and not leading and not facts.late_system:
        draft.lose("messages.system", "instructions are taken only at the start; sent as a user turn")
        turn.role = "user"
        fields["role"] = Raw(b'"user"')
        content = _reminder(content)
    if "content" in fields or bytes(content) != b"null":
        fields["content"] = content
    if {key: bytes(raw) for key, raw in fields.items()} != {key: bytes(raw) for key, raw in given.items()}:
        turn.item = encode_raw(fields)
    return turn


def _known_keys(given: dict[str, Raw], role: str, facts: Facts, draft: Draft) -> dict[str, Raw]:
    fields = {key: raw for key, raw in given.items() if key in MESSAGE_KEYS}
    if facts.cache_marks and role != "tool" and "cache_control" in given:
        fields["content"] = _mark_last(fields.get("content", _NULL))
    if facts.reasoning_history == "content_list" and "reasoning_details" in given:
        proven = _reasoning_parts(given["reasoning_details"])
        if proven:
            fields["content"] = _prepend(proven, fields.get("content", _NULL))
            return fields
    for key in given.keys() - fields.keys() - {"cache_control", "name"}:
        if bytes(given[key]) not in _NOTHING:
            draft.lose(f"messages.{key}", "messages take no such key here")
    return fields


def _mark_last(content: Raw) -> Raw:
    """A mark beside the content moves onto its last part, where alone it is taken (3.8)."""
    items = decode_items(bytes(content))
    if items is None:
        if not bytes(content).startswith(b'"'):
            return content
        items = [encode_raw({"type": "text", "text": content})]
    last = decode_object(items[-1]) if items else None
    if last is None:
        return content
    return Raw(join_items([*items[:-1], encode_raw(last | {"cache_control": _BARE_MARK})]))


def _reasoning_parts(details: Raw) -> list[dict[str, object]]:
    """Earlier thinking with its signature, in the spelling of this upstream; unsigned thinking stays behind."""
    try:
        found = decode_lenient(_DETAILS, bytes(details))
    except msgspec.DecodeError:
        return []
    parts: list[dict[str, object]] = []
    for detail in found:
        if detail.signature:
            inner: dict[str, object] = {
                "type": "summary_text",
                "text": detail.text or "",
                "signature": detail.signature,
            }
        elif detail.type == "reasoning.encrypted" and detail.data:
            inner = {"type": "summary_encrypted_text", "data": detail.data}
        else:
            continue
        parts.append({"type": "reasoning", "summary": [inner]})
    return parts


def _prepend(parts: list[dict[str, object]], content: Raw) -> Raw:
    rest = decode_items(bytes(content))
    if rest is None:
        text = bytes(content)
        rest = [] if text in _NOTHING else [encode_raw({"type": "text", "text": content})]
    return Raw(join_items([*(encode_raw(part) for part in parts), *rest]))


def _mend_content(content: Raw, turn: Turn, facts: Facts) -> Raw | None:
    """The content as it may stand; None when the whole message has to go."""
    raw = bytes(content)
    items = decode_items(raw)
    if items is not None:
        mended = [_mend_part(item, turn.role, facts) for item in items]
        kept = [part for part in mended if part is not None]
        if kept:
            same = all(after is before for after, before in zip(mended, items, strict=True))
            return content if same else Raw(join_items(kept))
    elif raw not in _NOTHING and not (raw.startswith(b'"') and _is_blank(raw)):
        return content
    if turn.calls:
        return _NULL if facts.null_content else Raw(b'""')
    return _EMPTY if turn.role in ("user", "tool") else None


def _is_blank(raw: bytes) -> bool:
    return not decode_lenient(_TEXT, raw).strip()


def _mend_part(item: Raw, role: str, facts: Facts) -> Raw | None:
    part = decode_object(item)
    if part is None:
        return item
    text = _text_of(item)
    if text is not None and not text.strip():
        return None
    edits: dict[str, Raw] = {}
    image = part.get("image_url")
    if image is not None and _DATA_URL.search(bytes(image)):
        edits["image_url"] = Raw(_DATA_URL.sub(rb"\g<0>;base64", bytes(image), count=1))
    mark = part.get("cache_control")
    keep_mark = facts.cache_marks and role != "tool"
    if mark is not None and keep_mark and bytes(mark) != bytes(_BARE_MARK):
        edits["cache_control"] = _BARE_MARK
    if mark is not None and not keep_mark:
        del part["cache_control"]
        return encode_raw(part | edits)
    return encode_raw(part | edits) if edits else item


def _text_of(item: Raw) -> str | None:
    """The text of a text part; None for any other."""
    try:
        part = decode_lenient(_PART, bytes(item))
    except msgspec.DecodeError:
        return None
    return part.text if part.type == "text" else None


def _mend_calls(raw: Raw, facts: Facts) -> Raw:
    items = decode_items(bytes(raw)) or []
    mended = [_mend_call(item, facts) for item in items]
    return raw if all(a is b for a, b in zip(mended, items, strict=True)) else Raw(join_items(mended))


def _mend_call(item: Raw, facts: Facts) -> Raw:
    """Arguments are an object in a string, never an empty one; nothing stands beside the known keys."""
    call = decode_object(item)
    if call is None:
        return item
    allowed = _CALL_KEYS | {"cache_control"} if facts.cache_marks else _CALL_KEYS
    kept = {key: value for key, value in call.items() if key in allowed}
    function = decode_object(kept["function"]) if "function" in kept else None
    if function is not None and bytes(function.get("arguments", _NULL)).strip() in _NOTHING:
        kept["function"] = encode_raw(function | {"arguments": Raw(b'"{}"')})
    elif len(kept) == len(call):
        return item
    return encode_raw(kept)


def _reminder(content: Raw) -> Raw:
    """Instruction text as a user turn carries it, marked so that it is not taken for the user's words."""
    items = decode_items(bytes(content))
    if items is None:
        text = decode_lenient(_TEXT, bytes(content))
    else:
        text = "\n".join(found for item in items if (found := _text_of(item)) is not None)
    return encode_raw(f"<system-reminder>\n{text}\n</system-reminder>")


_TEXT: Final = msgspec.json.Decoder(str)

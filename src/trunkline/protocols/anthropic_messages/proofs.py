"""Thinking that another maker signed leaves a passed-through body; every other byte stays (E8)."""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.losses import Loss
from trunkline.core.proofs import PREFIX, unseal
from trunkline.core.splice import fields, splice
from trunkline.protocols.anthropic_messages.wire import encode

_MARK: Final = b'thinking"'
_LOSS: Final = Loss(
    "messages.thinking", "the reasoning of another model stays behind: only its maker can check it"
)


class _Message(Struct, gc=False):
    role: str = ""
    content: Raw = Raw(b"null")


class _Block(Struct, gc=False):
    type: str = ""
    signature: str | None = None
    data: str | None = None


class _Mode(Struct, gc=False):
    type: str = ""


_items: Final = msgspec.json.Decoder(list[Raw]).decode
_message: Final = msgspec.json.Decoder(_Message).decode
_block: Final = msgspec.json.Decoder(_Block).decode
_mode: Final = msgspec.json.Decoder(_Mode).decode


def drop_foreign_proofs(body: bytes, owned: Callable[[str], bool]) -> tuple[bytes, tuple[Loss, ...]]:
    """As :meth:`trunkline.protocols.codec.Codec.drop_foreign_proofs` promises."""
    if not holds_proofs(body):
        return body, ()
    try:
        top = fields(body)
        raws = _items(top["messages"])
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError):
        return body, ()  # not ours to judge: the upstream refuses it in its own words
    changed: dict[int, bytes | None] = {}
    lost = False
    for index, raw in enumerate(raws):
        if _MARK in bytes(raw):
            message, gone = _cleaned(bytes(raw), owned)
            lost = lost or gone
            if message != bytes(raw):
                changed[index] = message
    if not changed:
        return body, ()
    edits: dict[str, bytes | None] = {"messages": _rebuilt(bytes(top["messages"]), raws, changed)}
    losses = [_LOSS] if lost else []
    if lost and _loop_needs_thinking(top, raws, changed):
        # Extended thinking wants the running tool turn to open with its own thinking, and that is gone.
        edits["thinking"] = None
        losses.append(Loss("thinking", "off for this tool turn, which another model began"))
        if b"clear_thinking" in bytes(top.get("context_management", Raw(b""))):
            edits["context_management"] = None
            losses.append(Loss("context_management", "clears thinking, which is off"))
    return splice(body, edits), tuple(losses)


def holds_proofs(body: bytes) -> bool:
    """As :meth:`trunkline.protocols.codec.Codec.holds_proofs` promises: whether any value (not only a key) reads thinking or redacted_thinking."""
    position = body.find(_MARK)
    while position >= 0:
        position += len(_MARK)
        if not body[position : position + 8].lstrip().startswith(b":"):
            return True
        position = body.find(_MARK, position)
    return False


def _cleaned(message: bytes, owned: Callable[[str], bool]) -> tuple[bytes | None, bool]:
    """A message without foreign thinking (None: nothing is left of it), and whether any went."""
    try:
        array = bytes(_message(message).content)
        blocks = _items(array)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return message, False
    changed: dict[int, bytes | None] = {}
    for index, raw in enumerate(blocks):
        block = bytes(raw)
        if _MARK in block:
            after = _owned(block, owned)
            if after is not block:
                changed[index] = after
    if not changed:
        return message, False
    lost = None in changed.values()
    if len(changed) == len(blocks) and not any(changed.values()):
        return None, lost
    return splice(message, {"content": _rebuilt(array, blocks, changed)}), lost


def _owned(block: bytes, owned: Callable[[str], bool]) -> bytes | None:
    """The block itself, its unsealed form, or None when its proof is not the target's."""
    try:
        wire = _block(block)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return block
    key = {"thinking": "signature", "redacted_thinking": "data"}.get(wire.type)
    if key is None:
        return block
    sealed = (wire.signature if key == "signature" else wire.data) or ""
    if not owned(sealed):
        return None
    if not sealed.startswith(PREFIX):
        return block
    signature = unseal(sealed).signature
    return None if signature is None else splice(block, {key: encode(signature)})


def _rebuilt(array: bytes, raws: Iterable[Raw], changed: dict[int, bytes | None]) -> bytes:
    """The array with some items replaced or removed, spacing kept around the others."""
    out = bytearray()
    position = 0
    opening = b""
    for index, raw in enumerate(raws):
        item = bytes(raw)
        start = array.index(item, position)
        between, position = array[position:start], start + len(item)
        opening = opening or between  # the bracket and what follows it
        after = changed.get(index, item)
        if after is not None:
            out += (between if out else opening) + after
    return bytes((out or bytearray(opening)) + array[position:])


def _loop_needs_thinking(top: dict[str, Raw], raws: list[Raw], changed: dict[int, bytes | None]) -> bool:
    """Whether budgeted thinking is on and the open tool turn has just lost the thinking it began with."""
    try:
        if _mode(top.get("thinking", Raw(b"{}"))).type != "enabled":
            return False
        turns = [index for index, raw in enumerate(raws) if _message(raw).role != "system"]
        last = turns[-2] if len(turns) > 1 else -1
        if last not in changed or _message(raws[last]).role != "assistant":
            return False
        blocks = _items(_message(changed[last] or b"{}").content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    kinds = [_block(raw).type for raw in blocks]
    return "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking")

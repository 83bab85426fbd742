"""Reasoning in a passed-through history whose proof the target did not make (E8)."""

from collections.abc import Callable

import msgspec
from msgspec import Raw

from trunkline.core.losses import Loss
from trunkline.core.proofs import unseal
from trunkline.core.splice import fields, splice
from trunkline.core.surrogates import decode_lenient
from trunkline.protocols.openai_chat.wire import CALL, DETAIL, ENCODER, OBJECT

Owned = Callable[[str], bool]

_LIST = msgspec.json.Decoder(list[Raw])
_LOSS = Loss(
    "messages.reasoning_details", "its proof was made by another model: only its maker can check it"
)
_MARKS = (b'"reasoning_details"', b'"summary_text"', b'"summary_encrypted_text"')
_CALL_MARKS = (b'"thoughtSignature"', b'"thought_signature"')


def holds_proofs(body: bytes) -> bool:
    """See :meth:`Codec.holds_proofs`."""
    return any(mark in body for mark in (*_MARKS, *_CALL_MARKS))


def drop_foreign_proofs(body: bytes, owned: Owned) -> tuple[bytes, tuple[Loss, ...]]:
    """See :meth:`Codec.drop_foreign_proofs`."""
    if not holds_proofs(body):
        return body, ()
    raw = fields(body).get("messages")
    if raw is None:
        return body, ()
    try:
        messages = _LIST.decode(raw)
        mended = [_message(message, owned) for message in messages]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body, ()  # not ours to refuse: the upstream says what is wrong with it
    dropped = any(lost for _, lost in mended)
    if all(new is old for (new, _), old in zip(mended, messages, strict=True)):
        return body, ()
    edited = splice(body, {"messages": ENCODER.encode([new for new, _ in mended])})
    return edited, (_LOSS,) if dropped else ()


def _message(raw: Raw, owned: Owned) -> tuple[Raw, bool]:
    """The message and whether it lost something; the very same object when nothing changed."""
    if not holds_proofs(bytes(raw)):
        return raw, False
    message = OBJECT.decode(raw)
    lost = changed = False
    if "tool_calls" in message and any(mark in bytes(message["tool_calls"]) for mark in _CALL_MARKS):
        calls = _LIST.decode(message["tool_calls"])
        mended = [_call(call, owned) for call in calls]
        changed = any(new is not old for (new, _), old in zip(mended, calls, strict=True))
        lost = any(dropped for _, dropped in mended)
        message["tool_calls"] = Raw(ENCODER.encode([new for new, _ in mended]))
    for key in ("reasoning_details", "content"):
        value = message.get(key)
        if value is None or bytes(value)[:1] != b"[":
            continue
        kept: list[Raw] = []
        for entry in _LIST.decode(value):
            new = _entry(entry, owned) if key == "reasoning_details" else _block(entry, owned)
            lost = lost or new is None
            changed = changed or new is not entry
            if new is not None:
                kept.append(new)
        if kept:
            message[key] = Raw(ENCODER.encode(kept))
        elif key == "content":
            message[key] = Raw(b"null" if "tool_calls" in message else b'""')
        else:
            del message[key]
    return (Raw(ENCODER.encode(message)), lost) if changed else (raw, False)


def _call(raw: Raw, owned: Owned) -> tuple[Raw, bool]:
    """A call with its proof bare or, when the target did not make it, without one; and whether it lost it."""
    proof = decode_lenient(CALL, bytes(raw)).proof
    if not proof:
        return raw, False
    call = OBJECT.decode(raw)
    if not owned(proof):
        call.pop("thoughtSignature", None)
        call.pop("extra_content", None)
        return Raw(ENCODER.encode(call)), True
    bare = unseal(proof)
    if bare.origin is None or "thoughtSignature" not in call:
        return raw, False
    call["thoughtSignature"] = Raw(ENCODER.encode(bare.signature))
    return Raw(ENCODER.encode(call)), False


def _entry(raw: Raw, owned: Owned) -> Raw | None:
    """An entry with its proof bare, None when the proof is not the target's."""
    if bytes(raw)[:1] != b"{":
        return raw
    detail = decode_lenient(DETAIL, bytes(raw))
    key = "signature" if detail.signature else "data"
    proof = detail.signature or detail.data
    if not proof:
        return raw
    if not owned(proof):
        return None
    bare = unseal(proof)
    if bare.origin is None:
        return raw
    entry = OBJECT.decode(raw)
    if bare.signature is None:
        del entry[key]
    else:
        entry[key] = Raw(ENCODER.encode(bare.signature))
    return Raw(ENCODER.encode(entry))


def _block(raw: Raw, owned: Owned) -> Raw | None:
    """A content element; of Databricks' ``reasoning`` only what the target made stays."""
    if not any(mark in bytes(raw) for mark in _MARKS):
        return raw
    block = OBJECT.decode(raw)
    summary = block.get("summary")
    if summary is None or bytes(summary)[:1] != b"[":
        return raw
    entries = _LIST.decode(summary)
    kept = [_entry(entry, owned) for entry in entries]
    if all(new is old for new, old in zip(kept, entries, strict=True)):
        return raw
    left = [entry for entry in kept if entry is not None]
    return Raw(ENCODER.encode({**block, "summary": left})) if left else None

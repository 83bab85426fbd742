"""Signatures that another maker put into a passed-through history (E8, E13)."""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Raw

from trunkline.core.losses import Loss
from trunkline.core.proofs import PREFIX, unseal
from trunkline.core.splice import fields, splice
from trunkline.protocols.gemini import signatures
from trunkline.protocols.gemini.wire import LIST, OBJECT, TEXT, encode

Owned = Callable[[str], bool]

_NAMES: Final = ("thoughtSignature", "thought_signature")
_MARKS: Final = tuple(name.encode() for name in _NAMES)
_LOSS: Final = Loss("contents.thoughtSignature", "made by another model: only its maker can check it")


def holds_proofs(body: bytes) -> bool:
    """As :meth:`trunkline.protocols.codec.Codec.holds_proofs` promises."""
    return any(mark in body for mark in _MARKS)


def drop_foreign_proofs(body: bytes, owned: Owned) -> tuple[bytes, tuple[Loss, ...]]:
    """As :meth:`trunkline.protocols.codec.Codec.drop_foreign_proofs` promises.

    A call keeps the documented skip value in the place of a foreign signature: newer models refuse calls
    without any.
    """
    if not holds_proofs(body):
        return body, ()
    raw = fields(body).get("contents")
    if raw is None:
        return body, ()
    try:
        contents = LIST.decode(raw)
        mended = [_content(content, owned) for content in contents]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body, ()  # not ours to refuse: the upstream says what is wrong with it
    if all(new is old for (new, _), old in zip(mended, contents, strict=True)):
        return body, ()
    kept = [new for new, _ in mended if new is not None]
    edited = splice(body, {"contents": encode(kept)})
    return edited, (_LOSS,) if any(lost for _, lost in mended) else ()


def _content(raw: Raw, owned: Owned) -> tuple[Raw | None, bool]:
    """The content and whether it lost something; the very same object when nothing changed."""
    data = bytes(raw)
    if not holds_proofs(data):
        return raw, False
    value = OBJECT.decode(raw).get("parts")
    if value is None or bytes(value)[:1] != b"[":
        return raw, False
    parts = LIST.decode(value)
    mended = [_part(part, owned) for part in parts]
    if all(new is old for (new, _), old in zip(mended, parts, strict=True)):
        return raw, False
    kept = [new for new, _ in mended if new is not None]
    lost = any(gone for _, gone in mended)
    return (Raw(splice(data, {"parts": encode(kept)})) if kept else None), lost


def _part(raw: Raw, owned: Owned) -> tuple[Raw | None, bool]:
    """The part with its signature bare, the skip value or none in its place; None when nothing is left."""
    data = bytes(raw)
    if not any(mark in data for mark in _MARKS):
        return raw, False
    part = OBJECT.decode(raw)
    name = next((one for one in _NAMES if one in part), None)
    if name is None or bytes(part[name])[:1] != b'"':
        return raw, False
    text = TEXT.decode(part[name])
    proof = signatures.bare(text)
    if proof == signatures.SKIP:
        return raw, False
    if owned(proof):
        if not proof.startswith(PREFIX):
            return raw, False
        bare = unseal(proof).signature
        edit = None if bare is None else encode(signatures.wire(bare))
        return Raw(splice(data, {name: edit})), False
    if "functionCall" in part or "function_call" in part:
        return Raw(splice(data, {name: encode(signatures.SKIP)})), True
    if part.get("thought") == Raw(b"true") or bytes(part.get("text", b"")) == b'""':
        return None, True
    return Raw(splice(data, {name: None})), True

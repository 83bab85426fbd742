"""Reasoning in a passed-through history whose proof the target did not make (E8)."""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Raw

from trunkline.core.losses import Loss
from trunkline.core.proofs import unseal
from trunkline.core.splice import raw_fields, splice
from trunkline.protocols.openai_responses.compaction import COMPACTION, recalled_item
from trunkline.protocols.openai_responses.wire import KIND, LIST, REASONING, encode

Owned = Callable[[str], bool]
_MARK: Final = b'"encrypted_content"'
_LOSS: Final = Loss("input.reasoning", "its proof was made by another model: only its maker can check it")


def holds_proofs(body: bytes) -> bool:
    """See :meth:`Codec.holds_proofs`."""
    return _MARK in body


def drop_foreign_proofs(body: bytes, owned: Owned) -> tuple[bytes, tuple[Loss, ...]]:
    """See :meth:`Codec.drop_foreign_proofs`. The bytes of all other items stay as the client wrote them."""
    if not holds_proofs(body):
        return body, ()
    value = raw_fields(body).get("input", b"")
    if value[:1] != b"[":
        return body, ()
    try:
        items = LIST.decode(value)
        mended = [_mended(item, owned) for item in items]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body, ()  # not ours to refuse: the upstream says what is wrong with it
    if all(new is old for new, old in zip(mended, items, strict=True)):
        return body, ()
    kept = b",".join(bytes(item) for item in mended if item is not None)
    losses = (_LOSS,) if any(item is None for item in mended) else ()
    return splice(body, {"input": b"[" + kept + b"]"}), losses


def _mended(item: Raw, owned: Owned) -> Raw | None:
    """The item with its proof bare, None when the proof is another model's; the very same when nothing changes."""
    data = bytes(item)
    if _MARK not in data or data[:1] != b"{":
        return item
    kind = KIND.decode(data).type
    if kind == COMPACTION:
        summary = recalled_item(data)
        return item if summary is None else Raw(summary)
    if kind != "reasoning":
        return item
    proof = REASONING.decode(data).encrypted_content
    if not proof:
        return item
    if not owned(proof):
        return None
    bare = unseal(proof)
    if bare.origin is None:
        return item
    edit = None if bare.signature is None else encode(bare.signature)
    return Raw(splice(data, {"encrypted_content": edit}))

"""Edits of a passed-through Gemini body by facts."""

from typing import Final

from msgspec import Raw

from trunkline.core.facts import Facts
from trunkline.protocols.gemini.signatures import SKIP
from trunkline.providers.draft import Draft, decode_items, decode_object, encode_raw, join_items
from trunkline.providers.edit_fields import drop_paths, keep_allowed

_CALLS: Final = ("functionCall", "function_call")
_SIGNATURES: Final = ("thoughtSignature", "thought_signature")


def gemini_edits_due(facts: Facts) -> bool:
    """Whether any edit can apply at all."""
    return facts.skip_proofs or facts.allow is not None or bool(facts.drop)


def edit_gemini(draft: Draft, facts: Facts) -> None:
    """Fields that were refused stay behind, and calls are signed where the model wants that."""
    keep_allowed(draft, facts)
    drop_paths(draft, facts.drop)
    if facts.skip_proofs:
        _sign_calls(draft)


def _sign_calls(draft: Draft) -> None:
    """The documented skip value on the first call of each turn that came back without its signature (E13).

    Older SDKs drop signatures, and newer models refuse such calls. A call that has one is left alone.
    """
    items = decode_items(draft.raw("contents")) or []
    out = [_signed(item) for item in items]
    if any(new is not old for new, old in zip(out, items, strict=True)):
        draft.put("contents", join_items(out))
        draft.lose("contents.thoughtSignature", "the client dropped it: a call goes on with the skip value")


def _signed(item: Raw) -> Raw:
    data = bytes(item)
    content = decode_object(data) if any(name.encode() in data for name in _CALLS) else None
    parts = None if content is None else decode_items(bytes(content.get("parts", b"")))
    if content is None or parts is None:
        return item
    for place, part in enumerate(parts):
        fields = decode_object(bytes(part)) or {}
        if any(name in fields for name in _CALLS):
            if any(name in fields for name in _SIGNATURES):
                return item
            parts[place] = encode_raw({**fields, _SIGNATURES[0]: encode_raw(SKIP)})
            return encode_raw({**content, "parts": Raw(join_items(parts))})
    return item

"""Calls in the history of a Gemini conversation whose signature is gone (databricks.md 4.6, protocols.md E13)."""

from typing import Final

from msgspec import Raw

from trunkline.providers.draft import Draft, decode_items, decode_object, encode_raw, join_items

SKIP: Final = Raw(b'"skip_thought_signature_validator"')
"""Google's documented stand-in for a signature that cannot be had; it means something to Gemini alone."""

_CALLS: Final = b'"tool_calls"'
_SIGNED: Final = b'"thoughtSignature"'


def sign_calls(draft: Draft) -> None:
    """The first call of each turn carries a signature, or the word that stands for a lost one.

    Without it every later turn of the conversation is refused: calls made by another model, or before the
    gateway was started, have none.
    """
    raw = draft.raw("messages")
    if raw is None or _CALLS not in raw:
        return
    items = decode_items(raw) or []
    out = [_signed(item) for item in items]
    if any(new is not old for new, old in zip(out, items, strict=True)):
        draft.put("messages", join_items(out))
        draft.lose(
            "messages.tool_calls.signature", "the proof of an earlier call is gone: its check is skipped"
        )


def _signed(item: Raw) -> Raw:
    text = bytes(item)
    if _CALLS not in text or _SIGNED in text:
        return item
    fields = decode_object(item) or {}
    calls = decode_items(bytes(fields.get("tool_calls", Raw(b"null")))) or []
    first = decode_object(calls[0]) if calls else None
    if first is None:
        return item
    signed = encode_raw(first | {"thoughtSignature": SKIP})
    return encode_raw(fields | {"tool_calls": Raw(join_items([signed, *calls[1:]]))})

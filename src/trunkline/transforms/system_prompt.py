"""Edits of a Messages client's system prompt before it is planned: its environment under words of the user's own, and
without what changes from session to session (ccr.md 1.4, 7 row 29). All other bytes stay.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.splice import fields, splice

ENVIRONMENT: Final = "<env>"
"""Where the part of Claude Code's prompt begins that tells of the user's machine."""
ATTRIBUTION: Final = "x-anthropic-billing-header:"
"""A line in the place of a header: it says who called, changes by session and spoils prompt caches."""

_BLOCKS: Final = msgspec.json.Decoder(list[Raw])


class _Block(Struct):
    text: str | None = None


_BLOCK: Final = msgspec.json.Decoder(_Block)


def rewritten(body: bytes, words: str) -> bytes:
    """The body with ``words`` in place of what stands before the environment in the system prompt's second block or a
    later one; ``body`` itself where there is none. Raises GatewayError (INVALID_REQUEST) for no JSON object."""
    if ENVIRONMENT.encode() not in body:
        return body
    blocks = _blocks(body)
    for place, raw in enumerate(blocks[1:], 1):
        text = _text(raw)
        if ENVIRONMENT in text:
            blocks[place] = _with_text(raw, words + text[text.rindex(ENVIRONMENT) :])
            return _with_blocks(body, blocks)
    return body


def without_attribution(body: bytes) -> bytes:
    """The body without the attribution line of its system prompt; ``body`` itself where there is none."""
    if ATTRIBUTION.encode() not in body:
        return body
    kept: list[Raw] = []
    for raw in (blocks := _blocks(body)):
        text = _text(raw)
        if not text.startswith(ATTRIBUTION):
            kept.append(raw)
        elif rest := text.partition("\n")[2].lstrip("\n"):
            kept.append(_with_text(raw, rest))
    return body if kept == blocks else _with_blocks(body, kept)


def _blocks(body: bytes) -> list[Raw]:
    system = fields(body).get("system")
    try:
        return [] if system is None else _BLOCKS.decode(system)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []


def _text(raw: Raw) -> str:
    try:
        return _BLOCK.decode(raw).text or ""
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _with_text(raw: Raw, text: str) -> Raw:
    return Raw(splice(bytes(raw), {"text": msgspec.json.encode(text)}))


def _with_blocks(body: bytes, blocks: list[Raw]) -> bytes:
    return splice(body, {"system": b"[" + b",".join(map(bytes, blocks)) + b"]" if blocks else None})

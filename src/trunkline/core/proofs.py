"""Signatures that say who made them, so that each goes back to its maker and to nobody else.

A thinking signature that crossed a translation is handed to the client sealed: a recognisable prefix,
the maker's tag, then the signature itself (protocols.md E5 to E8). Thinking that never had a
signature gets a seal with nothing in it. Pure pass-through leaves signatures as they are.
"""

import hashlib
from functools import lru_cache
from typing import Final, NamedTuple

PREFIX: Final = "trunkline1."
_TAG_LENGTH: Final = 16


@lru_cache(maxsize=4096)
def origin_tag(provider: str, model: str) -> str:
    """A short stable name for a maker: 16 hexadecimal digits, the same on every machine."""
    return hashlib.sha256(f"{provider}\0{model}".encode()).hexdigest()[:_TAG_LENGTH]


class Proof(NamedTuple):
    """An unsealed signature. ``origin`` None: it was never sealed, so its maker is unknown."""

    signature: str | None
    origin: str | None


def seal_opening(origin: str) -> str:
    """What stands before the signature in a sealed one; a stream sends it ahead of the first piece."""
    return f"{PREFIX}{origin}."


def seal(signature: str | None, origin: str) -> str:
    """The form of a signature that a client keeps for us. ``None`` seals "there was none"."""
    return seal_opening(origin) + (signature or "")


def unseal(text: str) -> Proof:
    """Reads what a client sent back; a signature that is not ours comes out as it is."""
    if not text.startswith(PREFIX):
        return Proof(text or None, None)
    origin, _, signature = text.removeprefix(PREFIX).partition(".")
    return Proof(signature or None, origin)

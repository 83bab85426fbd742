"""Tool names as this protocol takes them, and ids for calls that come without one."""

import hashlib
import re
from typing import Final

_GOOD_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")
_BAD_CHARACTER: Final = re.compile(r"[^A-Za-z0-9_.:-]")
_DIGEST: Final = 10


def fitting_name(name: str, limit: int) -> str:
    """``name`` itself if the upstream takes it, else a readable prefix and a digest of the whole (E40)."""
    if len(name) <= limit and _GOOD_NAME.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    readable = _BAD_CHARACTER.sub("_", name)
    if not _GOOD_NAME.match(readable):
        readable = f"_{readable}"
    return f"{readable[: limit - _DIGEST - 1]}_{digest}"


def made_up_id(seed: str, ordinal: int, name: str) -> str:
    """An id for a call without one: the same for the same place, in a stream, an answer or a history (E21)."""
    digest = hashlib.sha256(f"{seed}\0{ordinal}\0{name}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"call_{ordinal}_{digest[:16]}"

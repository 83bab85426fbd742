"""What clients do not send back: thinking that belongs before a call, and who signed what (protocols.md E5, E12)."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from trunkline.core.types import Thinking

MAX_ENTRIES: Final = 8192
MAX_BYTES: Final = 8 * 1024 * 1024
LIFETIME: Final = 6 * 3600.0
"""Seconds since last used: longer than a working session is left alone over lunch."""


class Kept(Struct, frozen=True):
    """What stood before one call. ``leading``: it opened the message, text may have stood between."""

    thinking: tuple[Thinking, ...]
    origin: str
    leading: bool = True
    call_proof: str | None = None
    """The vendor's proof on the call itself (Gemini)."""


class _Entry(Struct):
    value: Kept | str
    size: int
    expires: float


class ProofStore:
    """A bounded memory, by tenant: the least recently used goes first. Losing an entry costs reasoning, no error.

    ``now`` gives monotonic seconds.
    """

    def __init__(
        self,
        now: Callable[[], float],
        *,
        max_entries: int = MAX_ENTRIES,
        max_bytes: int = MAX_BYTES,
        lifetime: float = LIFETIME,
    ) -> None:
        self._now = now
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._lifetime = lifetime
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """Bytes held, roughly."""
        return self._bytes

    def keep(self, tenant: str, call_id: str, kept: Kept) -> None:
        """Remember what stood before the call ``call_id``."""
        size = len(call_id) + len(kept.call_proof or "")
        for part in kept.thinking:
            size += len(part.text) + len(part.signature or "") + len(part.redacted or "")
        self._put((tenant, call_id), kept, size)

    def before(self, tenant: str, call_id: str) -> Kept | None:
        """What stood before the call, if we still know."""
        value = self._get((tenant, call_id))
        return value if isinstance(value, Kept) else None

    def sign(self, tenant: str, signature: str, origin: str) -> None:
        """Remember who made a signature that went to the client as it was."""
        self._put((tenant, _digest(signature)), origin, 96)

    def origin(self, tenant: str, signature: str) -> str | None:
        """Who made ``signature``; None when we do not know."""
        value = self._get((tenant, _digest(signature)))
        return value if isinstance(value, str) else None

    def _put(self, key: tuple[str, str], value: Kept | str, size: int) -> None:
        self._drop(key)
        if size > self._max_bytes // 8:
            return
        self._entries[key] = _Entry(value, size, self._now() + self._lifetime)
        self._bytes += size
        while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            self._bytes -= self._entries.popitem(last=False)[1].size

    def _get(self, key: tuple[str, str]) -> Kept | str | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        now = self._now()
        if now >= entry.expires:
            self._drop(key)
            return None
        entry.expires = now + self._lifetime
        self._entries.move_to_end(key)
        return entry.value

    def _drop(self, key: tuple[str, str]) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry.size


def _digest(signature: str) -> str:
    return "signature:" + hashlib.sha256(signature.encode()).hexdigest()

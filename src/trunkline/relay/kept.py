"""Answers that clients refer to later by their ids (OpenAI Responses with ``store``), in bounded memory.

A conversation is a chain: each answer holds its own new items and points to the answer it continues, so
that a long chain costs its length and not the square of it. What a chain still needs counts as held, even
when its own id has been forgotten.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from trunkline.providers.provider import Surface

MAX_ENTRIES: Final = 4096
MAX_BYTES: Final = 64 * 1024 * 1024
LIFETIME: Final = 24 * 3600.0
"""Seconds since last used."""
OVERHEAD: Final = 512
"""Bytes that an entry costs beside its items, roughly."""


class Answer(Struct, frozen=True, kw_only=True):
    """One answer to be kept.

    Where a provider keeps it itself, ``provider`` and ``surface`` say who and where, and there are no items.
    """

    id: str
    input: tuple[bytes, ...] = ()
    """Items of the request that came after those of the answer it continues."""
    output: tuple[bytes, ...] = ()
    """Items of the answer that can be sent again."""
    body: bytes = b""
    """The whole response object, as a client gets it."""
    provider: str | None = None
    surface: Surface | None = None


class Kept:
    """An answer in a store; ``history`` is the conversation up to and with it."""

    __slots__ = ("_store", "answer", "children", "expires", "indexed", "parent", "size")

    def __init__(self, store: "AnswerStore", answer: Answer, parent: "Kept | None") -> None:
        self._store = store
        self.answer = answer
        self.parent = parent
        self.children = 0
        self.indexed = True
        self.expires = 0.0
        self.size = OVERHEAD + len(answer.body) + sum(map(len, answer.input)) + sum(map(len, answer.output))
        if parent is not None:
            parent.children += 1

    def history(self) -> list[bytes]:
        """Every item from the conversation's first, in order."""
        return [*self.asked(), *self.answer.output]

    def asked(self) -> list[bytes]:
        """Every item this answer was made from, in order."""
        chain: list[Kept] = []
        kept = self.parent
        while kept is not None:
            chain.append(kept)
            kept = kept.parent
        items: list[bytes] = []
        for earlier in reversed(chain):
            items += earlier.answer.input
            items += earlier.answer.output
        return [*items, *self.answer.input]

    def forget(self) -> None:
        """The id is gone; the items stay as long as a later answer continues this one."""
        self.indexed = False
        _settle(self)

    def hold(self) -> None:
        """Somebody is about to continue this answer: it stays until ``release``."""
        self.children += 1

    def release(self) -> None:
        """The end of ``hold``."""
        self.children -= 1
        _settle(self)

    def drop(self) -> "Kept | None":
        """Nobody needs it any more. Returns the answer it continued, which may not be needed either."""
        self._store.let_go(self.size)
        parent, self.parent = self.parent, None
        if parent is not None:
            parent.children -= 1
        return parent


def _settle(kept: Kept) -> None:
    """Give up what neither an id nor a later answer holds."""
    node: Kept | None = kept
    while node is not None and not node.indexed and node.children == 0:
        node = node.drop()


class AnswerStore:
    """A bounded memory, by tenant: nobody finds another's answers. The least recently used goes first.

    ``now`` gives monotonic seconds. A restart forgets everything: clients then hear that the answer is gone.
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
        self._entries: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """Bytes held, roughly, those of forgotten answers that a later one continues among them."""
        return self._bytes

    def keep(self, tenant: str, answer: Answer, parent: Kept | None = None) -> None:
        """Remember ``answer``, which continues ``parent``. One that is too large is not kept."""
        kept = Kept(self, answer, parent)
        self.forget(tenant, answer.id)
        self._bytes += kept.size
        kept.expires = self._now() + self._lifetime
        self._entries[tenant, answer.id] = kept
        self._expire()
        while self._entries and (len(self._entries) > self._max_entries or self._bytes > self._max_bytes):
            self._entries.popitem(last=False)[1].forget()

    def find(self, tenant: str, answer_id: str) -> Kept | None:
        """The tenant's answer of this id, if it is still here."""
        kept = self._entries.get((tenant, answer_id))
        if kept is None:
            return None
        now = self._now()
        if now >= kept.expires:
            self.forget(tenant, answer_id)
            return None
        kept.expires = now + self._lifetime
        self._entries.move_to_end((tenant, answer_id))
        return kept

    def forget(self, tenant: str, answer_id: str) -> bool:
        """Remove the tenant's answer of this id; whether there was one."""
        kept = self._entries.pop((tenant, answer_id), None)
        if kept is None:
            return False
        kept.forget()
        return True

    def clear(self) -> None:
        """Forget everything, as when the connection ends that this memory belongs to."""
        while self._entries:
            self._entries.popitem(last=False)[1].forget()

    def let_go(self, size: int) -> None:
        """Bytes that are no longer held. For the answers of this store."""
        self._bytes -= size

    def _expire(self) -> None:
        now = self._now()
        while self._entries:
            oldest = next(iter(self._entries.values()))
            if now < oldest.expires:
                return
            self._entries.popitem(last=False)[1].forget()

"""Exact lengths of requests, where a tokenizer is installed: each piece of a conversation is counted once."""

import asyncio
import importlib
import importlib.util
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol, cast

from msgspec import Struct

from trunkline.core.overlap import common_end, common_start
from trunkline.routing.countable import pieces, words

ENCODING: Final = "cl100k_base"
"""What claude-code-router counts with, whatever the model."""
LIBRARY: Final = "bpe_openai"
MAX_KEPT: Final = 50_000
"""Pieces whose counts are kept: hundreds of long conversations, some MB."""

MAX_BODIES: Final = 16
MAX_BODY: Final = 2 * 1024 * 1024
"""Bodies that are kept to compare the next ones with: 32 MB at the most, and mostly a tenth."""
SAMPLE: Final = 64
"""Bytes at the beginning that bodies of one conversation have in common."""
LONGEST: Final = 500_000
"""Signs that are counted in one go: the library refuses a million."""
MARGIN: Final = 16
"""Tokens by which two pieces may differ from both together."""

Count = Callable[[str], int]


class _Encoding(Protocol):
    def encode_ordinary(self, text: str) -> Sequence[int]: ...


class _Library(Protocol):
    def get_encoding(self, name: str) -> _Encoding: ...


class _Counted(Struct, frozen=True):
    body: bytes
    tokens: int


class Recent(ABC):
    """Counts no request whose length an earlier one tells."""

    def __init__(self) -> None:
        self._bodies: deque[_Counted] = deque(maxlen=MAX_BODIES)

    @abstractmethod
    async def of(self, body: bytes) -> int:
        """The tokens of a request body."""

    async def near(self, body: bytes, limit: int) -> int:
        """Tokens of a request body, exact or so near that they are on the right side of ``limit``.

        A conversation that was counted and has changed by a few bytes since is not counted again.
        """
        for known in reversed(self._bodies):
            tokens = _beside(known, body, limit)
            if tokens is not None:
                return tokens
        tokens = await self.of(body)
        if len(body) <= MAX_BODY:
            self._bodies.append(_Counted(body, tokens))
        return tokens


class TokenCounts(Recent):
    """Counts requests. ``load`` makes the counter when it is first needed; both run beside the event loop."""

    def __init__(self, load: Callable[[], Count], name: str = ENCODING) -> None:
        super().__init__()
        self.name = f"tiktoken-{name}"
        self._load = load
        self._count: Count | None = None
        self._kept: OrderedDict[tuple[int, int], int] = OrderedDict()

    async def of(self, body: bytes) -> int:
        """The tokens of a request body. Pieces that an earlier request had are looked up, not counted again."""
        total = 0
        new: list[tuple[tuple[int, int], bytes]] = []
        for piece in pieces(body):
            key = (hash(piece), len(piece))
            known = self._kept.get(key)
            if known is None:
                new.append((key, piece))
            else:
                self._kept.move_to_end(key)
                total += known
        if not new:
            return total
        counts = await asyncio.to_thread(self._count_all, [piece for _, piece in new])
        for (key, _), tokens in zip(new, counts, strict=True):
            self._kept[key] = tokens
            total += tokens
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return total

    def _count_all(self, new: Sequence[bytes]) -> list[int]:
        if self._count is None:
            self._count = self._load()
        return [self._count(words(piece)) for piece in new]


def _beside(known: _Counted, body: bytes, limit: int) -> int | None:
    """The length by that of ``known``, where no choice of tokens in what differs could cross the limit."""
    old = known.body
    if body[:SAMPLE] != old[:SAMPLE]:
        return None
    before = common_start(old, body, min(len(old), len(body)))
    rest = min(len(old), len(body)) - before
    after = common_end(old, body, rest)
    low = known.tokens - (len(old) - before - after) - MARGIN
    high = known.tokens + (len(body) - before - after) + MARGIN
    if high <= limit:
        return high
    return low if low > limit else None


def token_counts(encoding: str = ENCODING) -> TokenCounts | None:
    """Exact counts with a vocabulary, None without the library (the extra ``tokens``)."""
    if importlib.util.find_spec(LIBRARY) is None:
        return None
    return TokenCounts(partial(_tokenizer, encoding), encoding)


def _tokenizer(name: str) -> Count:
    """The vocabulary is part of the package: nothing is fetched. Special tokens in a text are only text."""
    library = cast(_Library, importlib.import_module(LIBRARY))  # half a second, 100 MB
    encoding = library.get_encoding(name)

    def count(text: str) -> int:
        """A token that is cut counts as two."""
        starts = range(0, len(text), LONGEST)
        return sum(len(encoding.encode_ordinary(text[start : start + LONGEST])) for start in starts)

    return count

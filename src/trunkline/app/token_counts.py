"""Exact lengths of requests, where a tokenizer is installed: each piece of a conversation is counted once."""

import asyncio
import importlib
import importlib.util
import logging
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, Protocol, cast

from msgspec import Struct

from trunkline.core.overlap import common_end, common_start
from trunkline.routing.countable import pieces, words

log: Final = logging.getLogger(__name__)

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


class _Flight:
    """A count under way, and how many wait for it."""

    def __init__(self, body: bytes, task: asyncio.Task[int]) -> None:
        self.body = body
        self.task = task
        self.waiting = 0


class Recent(ABC):
    """Counts no request whose length an earlier one tells, and none twice at a time."""

    def __init__(self) -> None:
        self._bodies: deque[_Counted] = deque(maxlen=MAX_BODIES)
        self._flights: list[_Flight] = []

    @abstractmethod
    async def count(self, body: bytes) -> int:
        """The tokens of a request body, whoever else has asked for them."""

    async def of(self, body: bytes) -> int:
        """The tokens of a request body. Those who ask for the same one at a time wait for one count.

        It goes on as long as anybody waits. Raises what :meth:`count` does.
        """
        flight = next((one for one in self._flights if one.body == body), None)
        if flight is None:
            flight = _Flight(body, asyncio.ensure_future(self.count(body)))
            self._flights.append(flight)
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                self._flights.remove(flight)
                flight.task.cancel()

    def told(self, body: bytes, limit: int) -> int | None:
        """Tokens of a request body so near that they are on the right side of ``limit``, where a conversation that was
        counted has changed by a few bytes only since; None where it has to be counted."""
        for known in reversed(self._bodies):
            tokens = _beside(known, body, limit)
            if tokens is not None:
                return tokens
        return None

    async def near(self, body: bytes, limit: int) -> int:
        """Tokens of a request body, exact or as :meth:`told`. Raises what :meth:`count` does."""
        tokens = self.told(body, limit)
        if tokens is not None:
            return tokens
        tokens = await self.of(body)
        if len(body) <= MAX_BODY and self.told(body, limit) is None:
            self._bodies.append(_Counted(body, tokens))
        return tokens


class TokenCounts(Recent):
    """Counts requests in a thread of its own, one at a time. ``load`` makes the counter when it is first needed."""

    def __init__(self, load: Callable[[], Count], name: str = ENCODING) -> None:
        super().__init__()
        self.name = f"tiktoken-{name}"
        self._load = load
        self._count: Count | None = None
        self._kept: OrderedDict[tuple[int, int], int] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, f"tokens-{name}")
        """Starts with the first count. Only there the fields above are used."""

    async def count(self, body: bytes) -> int:
        """Pieces that an earlier request had are looked up, not counted again."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._tokens, body)

    async def warm(self) -> None:
        """Load the vocabulary; one that cannot be loaded is told in the log, and again to who needs it."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._load_or_warn)

    def _load_or_warn(self) -> None:
        try:
            self._counter()
        except Exception as error:  # noqa: BLE001 - a library may raise anything, and nobody waits for it yet
            log.warning("%s cannot be loaded: %s: %s", self.name, type(error).__name__, error)

    def _counter(self) -> Count:
        if self._count is None:
            self._count = self._load()
        return self._count

    def _tokens(self, body: bytes) -> int:
        total = 0
        for piece in pieces(body):
            key = (hash(piece), len(piece))
            known = self._kept.pop(key, None)
            tokens = self._counter()(words(piece)) if known is None else known
            self._kept[key] = tokens  # the last one used is the last one dropped
            total += tokens
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return total


def _beside(known: _Counted, body: bytes, limit: int) -> int | None:
    """The length by that of ``known``, where no choice of tokens in what differs could cross the limit."""
    old = known.body
    if body == old:
        return known.tokens
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

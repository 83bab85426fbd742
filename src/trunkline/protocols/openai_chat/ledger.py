"""What one encoding of a request learns on its way: losses, renamed tools, cache marks."""

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from trunkline.core.facts import Facts
from trunkline.core.losses import Loss
from trunkline.core.types import CacheMark
from trunkline.protocols.openai_chat.shapes import CacheOut
from trunkline.protocols.openai_chat.wire import NAME

_GOOD_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")
_BAD_CHARACTER: Final = re.compile(r"[^a-zA-Z0-9_-]")
_OPENAI: Final = frozenset({NAME, "openai_responses"})
_DIGEST_LENGTH: Final = 10
_BARE_MARK: Final[CacheOut] = {"type": "ephemeral"}


class Ledger:
    """One per encoded request."""

    def __init__(self, facts: Facts, source: str) -> None:
        self.facts = facts
        self.own = source == NAME
        """The request came in this protocol."""
        self.openai_words = source in _OPENAI
        """File ids of the request may be of OpenAI's store, and its tiers are named in OpenAI's words."""
        self._losses: dict[str, Loss] = {}
        self._names: dict[str, str] = {}
        self.custom: set[str] = set()

    @property
    def losses(self) -> tuple[Loss, ...]:
        """One loss a field, in the order they were met."""
        return tuple(self._losses.values())

    def lose(self, field: str, why: str) -> None:
        """Note that ``field`` stays behind; the first reason stands."""
        if field not in self._losses:
            self._losses[field] = Loss(field, why)

    def name(self, name: str) -> str:
        """The name upstream: the same everywhere in a request, and in every later one (E40)."""
        sent = self._names.get(name)
        if sent is None:
            sent = self._names[name] = short_name(name, self.facts.tool_name_limit)
        return sent

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """Names of tools that were used so far, each with the one upstream."""
        return tuple(self._names.items())

    def notes(self) -> tuple[int, int]:
        """How many losses and names were noted so far."""
        return len(self._losses), len(self._names)

    def recall(self, losses: Iterable[Loss], names: Iterable[tuple[str, str]]) -> None:
        """Note what was noted when the same was written before."""
        for loss in losses:
            self._losses.setdefault(loss.field, loss)
        self._names.update(names)

    @property
    def renamed(self) -> dict[str, str]:
        """Name as sent -> the client's own, where they differ."""
        return {sent: name for name, sent in self._names.items() if sent != name} if self._names else {}

    def mark(self, cache: CacheMark | None) -> CacheOut | None:
        """The mark as the upstream takes it: bare, or with its lifetime (E105)."""
        if cache is None:
            return None
        if not self.facts.cache_marks:
            self.lose("cache_control", "the upstream has no prompt-cache marks")
            return None
        if cache.ttl is None:
            return _BARE_MARK
        if not self.facts.cache_ttl:
            self.lose("cache_control.ttl", "the upstream's cache marks have no lifetime")
            return _BARE_MARK
        return {"type": "ephemeral", "ttl": cache.ttl}


def short_name(name: str, limit: int) -> str:
    """``name`` itself if the upstream takes it, else a readable prefix and a digest of the whole."""
    if len(name) <= limit and _GOOD_NAME.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_LENGTH]
    prefix = _BAD_CHARACTER.sub("_", name)[: limit - _DIGEST_LENGTH - 1]
    return f"{prefix}_{digest}"

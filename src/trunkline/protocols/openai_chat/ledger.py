"""What one encoding of a request learns on its way: losses, renamed tools, cache marks."""

import hashlib
import re
from typing import Final

from trunkline.core.facts import Facts
from trunkline.core.types import CacheMark
from trunkline.protocols.notes import Notes
from trunkline.protocols.openai_chat.shapes import CacheOut
from trunkline.protocols.openai_chat.wire import NAME

_GOOD_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")
_BAD_CHARACTER: Final = re.compile(r"[^a-zA-Z0-9_-]")
_OPENAI: Final = frozenset({NAME, "openai_responses"})
_DIGEST_LENGTH: Final = 10
_BARE_MARK: Final[CacheOut] = {"type": "ephemeral"}


class Ledger(Notes):
    """One per encoded request."""

    def __init__(self, facts: Facts, source: str) -> None:
        super().__init__()
        self.facts = facts
        self.own = source == NAME
        """The request came in this protocol."""
        self.openai_words = source in _OPENAI
        """File ids of the request may be of OpenAI's store, and its tiers are named in OpenAI's words."""
        self.custom: set[str] = set()

    def name(self, name: str) -> str:
        """The name upstream: the same everywhere in a request, and in every later one (E40)."""
        sent = self._names.get(name)
        if sent is None:
            sent = self._names[name] = short_name(name, self.facts.tool_name_limit)
        return sent

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

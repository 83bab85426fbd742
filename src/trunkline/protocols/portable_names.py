"""Names and ids in the characters that Claude's protocols allow, the same for the same input on every machine."""

import hashlib
import re
from typing import Final

_REFUSED: Final = re.compile(r"[^a-zA-Z0-9_-]")
_DIGEST: Final = 12
ID_LIMIT: Final = 64
"""Characters of a call id: the vendor states no limit, Bedrock behind it takes 64."""


def portable(text: str, limit: int) -> str:
    """``text`` itself where it fits; else its readable beginning and a hash of the whole of it."""
    clean = _REFUSED.sub("_", text)
    if clean == text and 0 < len(text) <= limit:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{clean[: max(limit - _DIGEST - 1, 0)]}_{digest}"


class ToolNames:
    """Client names to upstream names, and the way back (E40)."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.changed: dict[str, str] = {}
        """Upstream name -> client name."""

    def upstream(self, name: str) -> str:
        """The name to send."""
        sent = portable(name, self._limit)
        if sent != name:
            self.changed[sent] = name
        return sent


class CallIds:
    """Ids of the calls in one history: allowed characters, none twice (E20, E21)."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def next(self, call_id: str) -> str:
        """The id to send for the next call that carries ``call_id``."""
        sent = portable(call_id or "call", ID_LIMIT)
        count = 1
        while sent in self._used:
            count += 1
            sent = portable(f"{call_id or 'call'}#{count}", ID_LIMIT)
        self._used.add(sent)
        return sent

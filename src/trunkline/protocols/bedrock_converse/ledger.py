"""What one encoding learns on its way: losses, names and ids as they are sent, documents' names."""

import re
from typing import Final

from trunkline.core.facts import Facts
from trunkline.protocols.losses import Losses
from trunkline.protocols.portable_names import CallIds, ToolNames

MAX_MARKS: Final = 4
_REFUSED: Final = re.compile(r"[^A-Za-z0-9 ()\[\]-]+")
_BLANKS: Final = re.compile(r" {2,}")
DOCUMENT_NAME: Final = 180


class Ledger:
    """One per encoded request."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.losses = Losses()
        self.names = ToolNames(facts.tool_name_limit)
        self.ids = CallIds()
        self.sent_names: dict[str, None] = {}
        """Tools that the history calls, as they were sent."""
        self._documents: set[str] = set()

    @property
    def who(self) -> str:
        """The target, for messages."""
        return self.facts.model or "the target"

    def document_name(self, title: str | None, kind: str) -> str:
        """A title in the letters a document's name may have, none twice (protocols.md 2.6)."""
        clean = (
            _BLANKS.sub(" ", _REFUSED.sub(" ", title or "")).strip()[:DOCUMENT_NAME] or f"document {kind}"
        )
        name, count = clean, 1
        while name in self._documents:
            count += 1
            name = f"{clean} {count}"
        self._documents.add(name)
        return name

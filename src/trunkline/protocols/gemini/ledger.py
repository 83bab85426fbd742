"""What one encoding of a request learns on its way: what stays behind, and which tools were renamed."""

from collections.abc import Iterable

from trunkline.core.facts import Facts
from trunkline.core.losses import Loss
from trunkline.protocols.gemini.names import fitting_name


class Ledger:
    """One per encoded request."""

    def __init__(self, facts: Facts, *, own: bool) -> None:
        self.facts = facts
        self.own = own
        """The client speaks this protocol: what only it has goes through."""
        self.custom: set[str] = set()
        self.changed: dict[str, str] = {}
        """Tool name as sent -> the client's own."""
        self._losses: dict[str, str] = {}

    def lose(self, field: str, why: str) -> None:
        """``field`` stays behind; the first reason stands."""
        self._losses.setdefault(field, why)

    @property
    def losses(self) -> tuple[Loss, ...]:
        """One loss a field, in the order they were met."""
        return tuple(Loss(field, why) for field, why in self._losses.items())

    def name(self, name: str) -> str:
        """The tool's name upstream: the same everywhere in a request, and in every later one (E40)."""
        sent = fitting_name(name, self.facts.tool_name_limit)
        if sent != name:
            self.changed[sent] = name
        return sent

    def lose_words(self, field: str, words: Iterable[str]) -> None:
        """Keywords of a schema that are not JSON Schema's: the vendor refuses what it does not know."""
        for word in words:
            self.lose(f"{field}.{word}", "no keyword of JSON Schema")

    def lose_mark(self, cache: object | None) -> None:
        """A cache mark: the vendor caches by itself."""
        if cache is not None:
            self.lose("cache_control", "the upstream caches prefixes by itself and takes no marks")

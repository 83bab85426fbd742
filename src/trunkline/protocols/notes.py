"""What an encoding of a request notes on its way: losses, and tools whose names are used."""

from collections.abc import Iterable

from trunkline.core.losses import Loss


class Notes:
    """One per encoded request; the ledgers of the rooms add what they need beside."""

    def __init__(self) -> None:
        self._losses: dict[str, Loss] = {}
        self._names: dict[str, str] = {}

    @property
    def losses(self) -> tuple[Loss, ...]:
        """One loss a field, in the order they were met."""
        return tuple(self._losses.values())

    def lose(self, field: str, why: str) -> None:
        """Note that ``field`` stays behind; the first reason stands."""
        if field not in self._losses:
            self._losses[field] = Loss(field, why)

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """Names of tools as the client has them, each with the one upstream, in the order they were met."""
        return tuple(self._names.items())

    @property
    def renamed(self) -> dict[str, str]:
        """Name as sent -> the client's own, where they differ."""
        return {sent: name for name, sent in self._names.items() if sent != name} if self._names else {}

    def count(self) -> tuple[int, int]:
        """How many losses and names were noted so far."""
        return len(self._losses), len(self._names)

    def recall(self, losses: Iterable[Loss], names: Iterable[tuple[str, str]]) -> None:
        """Note what was noted when the same was written before."""
        for loss in losses:
            self._losses.setdefault(loss.field, loss)
        self._names.update(names)

"""Collects what a target cannot be told, each thing once, in the order it was met."""

from trunkline.core.losses import Loss


class Losses:
    """The losses of one encoding."""

    def __init__(self) -> None:
        self._found: dict[Loss, None] = {}

    def add(self, field: str, why: str) -> None:
        """Note that ``field`` stays behind; a repetition changes nothing."""
        self._found[Loss(field, why)] = None

    def all(self) -> tuple[Loss, ...]:
        """Everything noted."""
        return tuple(self._found)

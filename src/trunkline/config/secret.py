"""A value that must never be shown."""

from typing import final


@final
class Secret:
    """Holds a credential; everything but :meth:`reveal` shows ``****``.

    Not a string, not serialisable, and equal only to itself, so that it cannot slip into a log, an
    error or a dump.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "****"

    def __reduce__(self) -> str:
        raise TypeError("a secret cannot be serialised")

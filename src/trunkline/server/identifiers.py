"""Request identifiers: unique in the world, cheap to make."""

import itertools
import os


class RequestIds:
    """Makes identifiers of 26 characters: a random part for this object, then a count."""

    def __init__(self) -> None:
        self._prefix = os.urandom(8).hex()
        self._count = itertools.count(1)

    def next(self) -> str:
        """A new identifier; never the same twice."""
        return f"{self._prefix}{next(self._count):010x}"

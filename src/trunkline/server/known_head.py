"""The head that a connection's client sends again and again: parsed and judged once, then compared.

An agent's requests on one connection differ in their bodies and in nothing of their heads but the body's length.
"""

import re
from typing import Final, Self

from msgspec import Struct

from trunkline.server.asgi import Scope
from trunkline.server.regulars import spell

_LENGTH: Final = re.compile(rb"\r\n(?i:content-length):[ \t]*([0-9]+)\r\n")
_END: Final = b"\r\n\r\n"
MAX_DIGITS: Final = 10
MAX_STRANGERS: Final = 8
"""Heads in a row that are not the one before: from then on nobody expects a connection to repeat itself."""


class Repeated(Struct, frozen=True):
    """A whole request with a known head."""

    scope: Scope
    body: bytes


class KnownHead:
    """One head as it came, and the scope it made.

    It holds keys: it is compared by its hash, which Python keys with a secret of the process, and byte by byte only
    when that agrees (see :class:`trunkline.server.regulars.Regulars`).
    """

    __slots__ = ("_digits_at", "_hash", "_left", "_length_at", "_rest", "_scope")

    def __init__(self, rest: bytes, digits_at: int, scope: Scope) -> None:
        self._rest = rest
        self._hash = hash(rest)
        self._digits_at = digits_at
        self._left = len(rest) - digits_at
        names = [name for name, _ in scope["headers"]]
        self._length_at = names.index(b"content-length")
        self._scope: Scope = {**scope, "spelling": spell(scope)}

    @classmethod
    def of(cls, data: bytes, scope: Scope) -> Self | None:
        """The head of ``data``, which was parsed as one whole request with nothing behind it; None for one that has
        to be parsed each time: only a body of a declared length is found without the parser."""
        end = data.find(_END) + len(_END)
        found = _LENGTH.search(data, 0, end)
        if found is None or not data[:1].isalpha() or len(data) != end + int(found[1]):
            return None
        start, stop = found.span(1)
        return cls(data[:start] + data[stop:end], start, scope)

    def again(self, data: bytes) -> Repeated | None:
        """The request in ``data``, where it is a whole one with this head."""
        at = self._digits_at
        stop = data.find(b"\r", at, at + MAX_DIGITS)
        begin = stop + self._left
        rest = data[:at] + data[stop:begin]
        if hash(rest) != self._hash or rest != self._rest:
            return None
        digits = data[at:stop]
        if not digits.isdigit() or len(data) != begin + int(digits):
            return None
        scope = self._scope.copy()
        scope["headers"] = headers = scope["headers"].copy()
        headers[self._length_at] = (b"content-length", digits)
        return Repeated(scope, data[begin:])


class Habit:
    """What a connection's client says each time, as long as it does."""

    __slots__ = ("_known", "strangers")

    def __init__(self) -> None:
        self._known: KnownHead | None = None
        self.strangers = 0
        """Heads in a row that were not the known one."""

    def again(self, data: bytes) -> Repeated | None:
        """The request in ``data``, where it is a whole one with the head that is known."""
        request = None if self._known is None else self._known.again(data)
        if request is not None:
            self.strangers = 0
        return request

    def learn(self, data: bytes, scope: Scope) -> None:
        """``data`` was parsed as one whole request, after which the connection goes on."""
        if self.strangers < MAX_STRANGERS:
            self.strangers += 1
            self._known = KnownHead.of(data, scope)

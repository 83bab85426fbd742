"""What getting tokens needs of its neighbours; the client and the clock of this layer fit."""

from collections.abc import Awaitable
from typing import Protocol

from trunkline.core.http import HttpHead, HttpRequest


class Clock(Protocol):
    """Time and chance, so that tests can hold them."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def unix(self) -> int:
        """Seconds since the epoch."""
        ...

    def jitter(self) -> float:
        """A random number in [0, 1)."""
        ...


class Answer(Protocol):
    """An open answer."""

    @property
    def head(self) -> HttpHead: ...

    async def read(self) -> bytes:
        """The next bytes, ``b""`` at the end. Raises GatewayError."""
        ...

    async def close(self, *, reuse: bool) -> None: ...


class Upstream(Protocol):
    """HTTP out."""

    def open(self, request: HttpRequest, *, headers_timeout: float) -> Awaitable[Answer]:
        """Send and wait for the head. Raises GatewayError."""
        ...


class Signer(Protocol):
    """Signs requests for one provider."""

    async def sign(self, request: HttpRequest) -> HttpRequest:
        """``request`` with the headers that sign it. Raises GatewayError (AUTHENTICATION)."""
        ...

"""What passes between the relay and those who stand around its upstream: a request's circumstances, an open answer."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from trunkline.core.http import Headers, HttpHead, Take


class UpstreamAnswer(Protocol):
    """An open answer: the head is here, the body comes in chunks."""

    @property
    def head(self) -> HttpHead: ...

    async def read(self) -> bytes:
        """The next bytes, ``b""`` at a complete end. Cancelling a read loses nothing: it may be called again.

        Raises GatewayError: TRUNCATED when the connection broke before the body was complete.
        """
        ...

    def arrived(self) -> bytes | None:
        """The body, where all of it is here already and nothing of it was read: nobody has to wait for it then."""
        ...

    async def push(self, take: Take) -> None:
        """Hand each piece to ``take`` the moment it comes, which may be outside of the caller's task.

        Returns when ``take`` returned False and when the body ended or broke: the next :meth:`read` says which.
        May be cancelled as a read may.
        """
        ...

    async def close(self, *, reuse: bool) -> None:
        """Give the connection back (``reuse``, only after a complete end) or close it at once."""
        ...


class Asking(Struct, frozen=True, kw_only=True):
    """What a provider's plugins may know of the request that they work on, beside its wire form."""

    provider: str
    model: str
    """As the provider is asked for it."""
    url: str
    """Where the provider is asked."""
    protocol: str
    """What the provider is asked in."""
    request_id: str
    headers: Headers
    """The client's, without credentials."""
    body: bytes
    """The client's own, its model replaced."""
    client: str
    """What the client speaks."""
    session: str | None
    passes: bool
    """The client speaks the provider's protocol: its own bytes go out."""
    path: str | None = None
    """Where the client asked, on a route that a plugin adds."""
    values: Mapping[str, str] = {}
    """What the variable parts of that route's path stood for, by name."""

"""The part of ASGI that we speak, with types, and what our protocol adds to a scope."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NotRequired, Protocol, TypedDict

from trunkline.core.http import Take
from trunkline.server.deadlines import Deadlines

RawHeaders = list[tuple[bytes, bytes]]
"""Header pairs as they came, names in lower case."""

Spelling = tuple[str | None, str, bytes, bytes, tuple[tuple[bytes, bytes], ...]]
"""A head as it came, but for its length: who sends it, method, path, query, headers."""

CONNECTION: Final = "trunkline.connection"
"""The scope extension under which a :class:`Connection` is found."""


SendWhole = Callable[[int, bytes, bytes], bool]
"""Takes status, header lines but for those that frame the body, and body; False when the connection can take no more."""


class Connection(Protocol):
    """The client's connection, for whoever works on its request."""

    on_lost: Callable[[str], object] | None
    """Called once, with ``client_closed`` or ``client_stalled``, when the client went away too early."""

    @property
    def push(self) -> Take | None:
        """Sends more of a streamed answer that has begun, without waiting; False when it can take no more for now."""
        ...

    @property
    def leaving(self) -> bool:
        """Whether the server stops: an answer that never ends by itself is to end."""
        ...

    def arrived(self, limit: int) -> bytes | None:
        """The whole body of the request, where it is here and has at most so many bytes; None: it has to be received."""
        ...

    @property
    def whole(self) -> SendWhole | None:
        """Sends a whole answer at once; None under the servers of others."""
        ...

    @property
    def lost(self) -> str | None:
        """Why the connection is gone, None while it lives."""
        ...


class Successor(asyncio.Protocol):
    """What speaks on a connection after an upgrade."""

    gone: Callable[[object], object]
    """Set when it takes over; to be called with itself when the connection has ended."""

    def shutdown(self) -> None:
        """The server stops."""


class Upgradable(Connection, Protocol):
    """A connection that another protocol may take over."""

    deadlines: Deadlines

    def hand_over(self, successor: Successor, headers: RawHeaders) -> None:
        """Agree to the upgrade that the running request asks for; ``successor`` goes on from here."""
        ...


class Scope(TypedDict):
    """One request's head, or the lifespan."""

    type: str
    method: str
    raw_path: bytes
    query_string: bytes
    headers: RawHeaders
    client: tuple[str, int] | None
    extensions: NotRequired[dict[str, Upgradable]]
    spelling: NotRequired[Spelling]
    """Of a head that the connection has had before; see :mod:`trunkline.server.known_head`."""


class Received(TypedDict):
    """A message from the server."""

    type: str
    body: NotRequired[bytes]
    more_body: NotRequired[bool]


class Sent(TypedDict):
    """A message to the server."""

    type: str
    status: NotRequired[int]
    headers: NotRequired[RawHeaders]
    body: NotRequired[bytes]
    more_body: NotRequired[bool]
    message: NotRequired[str]


Receive = Callable[[], Awaitable[Received]]
Send = Callable[[Sent], Awaitable[None]]


class _NeverLost:
    """The connection of a server that does not tell when a client goes."""

    on_lost: Callable[[str], object] | None = None
    lost: str | None = None
    leaving = False
    push: Take | None = None
    whole: SendWhole | None = None

    def arrived(self, limit: int) -> None:
        """Nothing is known of that."""


_NO_CONNECTION: Final = _NeverLost()


def connection_of(scope: Scope) -> Connection:
    """The connection of a request; one that is never lost under a server that has put none there."""
    return scope.get("extensions", {}).get(CONNECTION, _NO_CONNECTION)

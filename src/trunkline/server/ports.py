"""What the application is given by others, and what stands there where nobody gives anything."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from trunkline.config.schema import Server
from trunkline.core.errors import GatewayError, Kind
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import Sink
from trunkline.server.asgi import Receive, Scope, Send
from trunkline.server.routes import Match


class Relay(Protocol):
    """What serves a model request."""

    def run(self, inbound: Inbound, sink: Sink) -> Awaitable[None]:
        """Answer on ``sink``. Raises GatewayError only before ``sink.start``; after it, ends the stream itself.

        Cancelled with ``client_closed`` or ``client_stalled`` as the message when the client is gone. Any
        other cancellation is a shutdown: the sink is still there, and the application ends the stream.
        """
        ...


async def nothing() -> None:
    """A lifespan step with nothing to do."""


def allowed() -> None:
    """A check that everything passes."""


Takeover = Callable[[Receive, Send], Awaitable[None]]
"""Who answers a request that somebody else has read the head of."""


async def no_presets(scope: Scope) -> Takeover:
    """Of a gateway that has none."""
    raise GatewayError(Kind.NOT_FOUND, "This gateway has no presets.", should_retry=False)


def no_routes(raw_path: bytes) -> Match | None:
    """Of a gateway whose plugins add none."""
    return None


def no_sessions(server: Server) -> None:
    """Of a gateway whose page nobody signs in to."""


async def no_metrics() -> bytes:
    """Metrics of a gateway that counts nothing."""
    return b""

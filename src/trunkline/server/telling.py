"""The routes that answer by themselves: what the gateway says of itself and of the models it serves."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from trunkline.providers.provider import ListedModel
from trunkline.server import health
from trunkline.server.envelope import spoken
from trunkline.server.faults import send_whole
from trunkline.server.heads import Head
from trunkline.server.health import Status
from trunkline.server.models import encode_list, encode_model
from trunkline.server.routes import Match
from trunkline.server.sink import ClientSink

TELLS: Final = frozenset(
    {"hello", "health", "health_detailed", "alive", "ready", "metrics", "models", "model"}
)
"""What such routes are."""
KNOWN: Final = b"known"
"""In the query of ``/health/detailed``: what is known is enough, nobody is asked."""
METRICS: Final = ("content-type", "text/plain; version=0.0.4; charset=utf-8")
"""Prometheus' text format."""
_JSON: Final = ("content-type", "application/json")


class Telling:
    """Made of what knows the answers."""

    def __init__(
        self,
        models: Callable[[], Sequence[ListedModel]],
        status: Callable[[], Status],
        metrics: Callable[[], Awaitable[bytes]],
        probe: Callable[[], Awaitable[None]],
    ) -> None:
        self._models = models
        self._status = status
        self._metrics = metrics
        self._probe = probe

    async def answer(
        self, query: bytes, found: Match, head: Head, sink: ClientSink, *, draining: bool
    ) -> None:
        """Answer a request for one of the routes. ``draining``: the process has been told to stop."""
        status, kind = 200, _JSON
        match found.route.what:
            case "hello":
                body = health.encode_hello(self._status())
            case "health":
                body = health.encode_health(self._status(), detailed=False)
            case "health_detailed":
                if KNOWN not in query:
                    await self._probe()
                body = health.encode_health(self._status(), detailed=True)
            case "alive":
                body = health.encode_word("alive")
            case "ready":
                status = 503 if draining else 200
                body = health.encode_word("draining" if draining else "ready")
            case "metrics":
                body, kind = await self._metrics(), METRICS
            case "models":
                body = encode_list(self._models(), spoken(found, head, b""))
            case "model":
                body = encode_model(self._models(), found.rest, spoken(found, head, b""))
            case what:
                raise RuntimeError(f"{what} has an answer of another kind")
        await send_whole(sink, status, (kind,), body)

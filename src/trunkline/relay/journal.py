"""What becomes known about one exchange while it runs, and the record of it."""

import asyncio
from functools import lru_cache

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import Headers
from trunkline.core.losses import Loss
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.codec import Peek
from trunkline.providers.provider import Surface
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import CALLED_OFF, AttemptRecord, Clock, ExchangeRecord
from trunkline.routing.plan import Target
from trunkline.routing.session import session_in_headers

MAX_TEXT = 500
MAX_AGENT = 120


class Journal:
    """Filled in by the exchange as it goes; ``record`` may be called at any moment."""

    __slots__ = (
        "_began", "_clock", "_first_byte", "_inbound", "attempts", "error", "losses", "outcome", "peek", "route",
        "session", "status", "stop", "target", "task", "usage",
    )  # fmt: skip

    def __init__(self, inbound: Inbound, clock: Clock) -> None:
        self._inbound = inbound
        self._clock = clock
        self._began = clock.now()
        self._first_byte: float | None = None
        self.task: asyncio.Task[object] | None = None
        """What runs the exchange, where somebody may want to call it off."""
        self.peek: Peek | None = None
        self.route = ""
        self.session: str | None = None
        """As planning found it, for clients that have it in the body."""
        self.target: Target | None = None
        self.attempts: tuple[AttemptRecord, ...] = ()
        self.losses: tuple[Loss, ...] = ()
        self.usage: Usage | None = None
        self.stop: Stop | None = None
        self.status = 0
        self.outcome = "error"
        self.error: str | None = None

    def first_byte(self) -> None:
        """Content goes to the client."""
        if self._first_byte is None:
            self._first_byte = self._clock.now() - self._began

    def explain(self, why: str) -> None:
        """More about who is asked, for the route's reason."""
        self.route = f"{self.route}; {why}" if self.route else why

    @property
    def answering(self) -> bool:
        """Whether content has gone to the client."""
        return self._first_byte is not None

    def call_off(self) -> bool:
        """End the exchange; its client gets an error. False when nothing runs that could be ended."""
        return self.task is not None and self.task.cancel(CALLED_OFF)

    def attempted(
        self, target: Target, surface: Surface, began: float, status: int | None, error: GatewayError | None
    ) -> None:
        """One attempt is over."""
        attempt = AttemptRecord(
            target=str(target),
            surface=surface.name,
            protocol=surface.protocol,
            status=status,
            error=None if error is None else describe(error),
            seconds=self._clock.now() - began,
        )
        self.attempts += (attempt,)

    def failed(self, error: GatewayError, status: int) -> None:
        """The client got ``error``, with ``status`` or inside a stream."""
        self.status = status
        self.error = describe(error)
        self.outcome = "truncated" if error.kind is Kind.TRUNCATED else "error"

    def record(self) -> ExchangeRecord:
        """All there is to know so far."""
        inbound, peek, target = self._inbound, self.peek, self.target
        agent, session = _who(inbound.headers)
        return ExchangeRecord(
            # With more names than 15 CPython makes a dict of them first: 10,000 of a request's 470,000 instructions.
            inbound.request_id,
            inbound.codec.name,
            inbound.operation,
            peek.model[:MAX_TEXT] if peek else "",
            target.provider if target else None,
            target.deployment if target else None,
            self.route,
            peek.stream if peek else False,
            self.status,
            self.outcome,
            attempts=self.attempts,
            losses=self.losses,
            usage=self.usage,
            stop=self.stop,
            error=self.error,
            seconds=self._clock.now() - self._began,
            first_byte_seconds=self._first_byte,
            client=inbound.client,
            agent=agent,
            session=self.session or session,
        )


def describe(error: GatewayError) -> str:
    """An error for the record: its kind, the timeout's name if it was one, and its message, cut."""
    name = f" timeout={error.timeout}" if error.timeout else ""
    return f"{error.kind.value}{name}: {error.full or error.message}"[:MAX_TEXT]


@lru_cache(maxsize=64)
def _who(headers: Headers) -> tuple[str, str | None]:
    """The client's user agent and its session: an agent says the same with every request."""
    agent = next((value for name, value in headers if name == "user-agent"), "")
    return agent[:MAX_AGENT], session_in_headers(headers)

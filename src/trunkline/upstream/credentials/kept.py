"""One token kept fresh: renewed before it ends, by one call however many ask (databricks.md 2.7)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from trunkline.core.errors import GatewayError, Kind
from trunkline.upstream.credentials.ports import Clock

log: Final = logging.getLogger(__name__)

TOO_LATE: Final = 40.0
"""Seconds before its end at which a token counts as gone: a workspace refuses it at 30."""
LEAD: Final = 1200.0
"""Seconds before its end at which a token is renewed, or half of its life if that is less."""
SPREAD: Final = 0.2
"""By how much of the lead processes differ, so that they do not all ask at once."""
BACK_OFF: Final = 60.0
"""Seconds until the next attempt in the background after one that failed."""
PAUSE: Final = 1.0
"""Seconds between two renewals that refusals ask for, and that a refused login is remembered."""
PATIENCE: Final = 60.0
"""Seconds that getting a token may take."""


class Issued(NamedTuple):
    """A token as it was given."""

    value: str
    life: float | None
    """Seconds until it ends; None: it does not."""
    again: float | None = None
    """Seconds after which to look for another one, whatever its life."""


class _Held(NamedTuple):
    value: str
    renew_at: float
    gone_at: float


class KeptToken:
    """A token and how to get the next one. Use it inside one event loop; close it."""

    def __init__(self, name: str, fetch: Callable[[], Awaitable[Issued]], clock: Clock) -> None:
        """``name`` is how messages call whom it is for; ``fetch`` raises GatewayError."""
        self._name = name
        self._fetch = fetch
        self._clock = clock
        self._held: _Held | None = None
        self._flight: asyncio.Task[str | GatewayError] | None = None
        self._refusal: GatewayError | None = None
        self._failed_at = float("-inf")
        self._forced_at = float("-inf")

    async def current(self) -> str:
        """A token that is good now. Raises GatewayError when there is none and none can be had."""
        held, now = self._held, self._clock.now()
        if held is not None and now < held.gone_at:
            if now >= held.renew_at and self._flight is None and now >= self._failed_at + BACK_OFF:
                self._start()
            return held.value
        if self._refusal is not None and self._flight is None and now < self._failed_at + PAUSE:
            raise _copy(self._refusal)
        return await self._landed()

    async def renewed(self, refused: str | None) -> bool:
        """Whether there is another token than the ``refused`` one now. Raises GatewayError."""
        held, now = self._held, self._clock.now()
        if held is not None and refused is not None and held.value != refused:
            return True
        if self._flight is None:
            if now < self._forced_at + PAUSE:
                return False
            self._forced_at = now
        return await self._landed() != refused

    async def close(self) -> None:
        """Stop what runs in the background."""
        flight, self._flight = self._flight, None
        if flight is not None:
            flight.cancel()
            await asyncio.gather(flight, return_exceptions=True)

    async def _landed(self) -> str:
        """The outcome of the fetch that runs, or of a new one; who waits may leave, the fetch goes on."""
        outcome = await asyncio.shield(self._flight or self._start())
        if isinstance(outcome, GatewayError):
            raise _copy(outcome)
        return outcome

    def _start(self) -> "asyncio.Task[str | GatewayError]":
        flight = asyncio.get_running_loop().create_task(self._run())
        self._flight = flight
        flight.add_done_callback(self._end)
        return flight

    def _end(self, flight: "asyncio.Task[str | GatewayError]") -> None:
        if self._flight is flight:
            self._flight = None
        if not flight.cancelled() and (error := flight.exception()) is not None:
            log.error("%s: getting a token failed with %s", self._name, type(error).__name__)

    async def _run(self) -> str | GatewayError:
        """Fetch once. A failure is a value: in the background nobody waits for it."""
        began = self._clock.now()
        try:
            async with asyncio.timeout(PATIENCE):
                issued = await self._fetch()
        except TimeoutError:
            return self._failed(
                GatewayError(Kind.TIMEOUT, f"{self._name}: no token within {PATIENCE:g} s", timeout="login")
            )
        except GatewayError as error:
            return self._failed(error)
        self._held = self._hold(issued, began)
        self._refusal = None
        self._failed_at = float("-inf")
        return issued.value

    def _hold(self, issued: Issued, began: float) -> _Held:
        gone_at = float("inf") if issued.life is None else began + issued.life - TOO_LATE
        if issued.again is not None:
            return _Held(issued.value, began + issued.again, gone_at)
        if issued.life is None:
            return _Held(issued.value, float("inf"), gone_at)
        lead = min(issued.life / 2, LEAD) * (1.0 - SPREAD * self._clock.jitter())
        return _Held(issued.value, began + issued.life - lead, gone_at)

    def _failed(self, error: GatewayError) -> GatewayError:
        self._failed_at = self._clock.now()
        self._refusal = error if error.kind is Kind.AUTHENTICATION else None
        if self._held is not None and self._failed_at < self._held.gone_at:
            log.warning("the token of %s could not be renewed: %s", self._name, error.message)
        return error


def _copy(error: GatewayError) -> GatewayError:
    """The same error for one more waiter: an exception object belongs to whom it was raised for."""
    return GatewayError(
        error.kind,
        error.message,
        status=error.status,
        code=error.code,
        retry_after=error.retry_after,
        should_retry=error.should_retry,
        timeout=error.timeout,
        local=error.local,
    )

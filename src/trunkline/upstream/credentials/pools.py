"""Several keys for one provider: each request takes the next, and one that was refused rests."""

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Final, Protocol

from trunkline.config.secret import Secret
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpRequest

REST: Final = {Kind.AUTHENTICATION: 300.0, Kind.QUOTA: 300.0, Kind.RATE_LIMITED: 60.0}
"""Seconds that a key rests after a refusal about it."""
LONGEST: Final = 300.0
"""An upstream may ask for years."""

_handed: ContextVar[int | None] = ContextVar("handed_key", default=None)
"""The place of the key that this exchange was given last: the one that a refusal is about."""


class Inner(Protocol):
    """Where the credentials of all other providers are."""

    def at_hand(self, provider: str) -> str | None: ...

    async def credential(self, provider: str) -> str | None: ...

    async def refused(self, provider: str, error: GatewayError, *, again: bool = False) -> bool: ...

    async def sign(self, provider: str, request: HttpRequest) -> HttpRequest: ...

    async def close(self) -> None: ...


class _Pool:
    def __init__(self, keys: Sequence[Secret]) -> None:
        self.keys = keys
        self.rests_until = [0.0] * len(keys)
        self.next = 0


class PooledCredentials:
    """Implements :class:`trunkline.relay.ports.Credentials`. ``now`` is in monotonic seconds."""

    def __init__(
        self, inner: Inner, pools: Mapping[str, Sequence[Secret]], now: Callable[[], float]
    ) -> None:
        self._inner = inner
        self._pools = {name: _Pool(keys) for name, keys in pools.items()}
        self._now = now

    def at_hand(self, provider: str) -> str | None:
        """That of another provider; which of several keys is next, :meth:`credential` says."""
        return None if provider in self._pools else self._inner.at_hand(provider)

    async def credential(self, provider: str) -> str | None:
        """The next key that does not rest; where all do, the one that rests the shortest."""
        pool = self._pools.get(provider)
        if pool is None:
            return await self._inner.credential(provider)
        count, now = len(pool.keys), self._now()
        order = [(pool.next + step) % count for step in range(count)]
        place = next((one for one in order if pool.rests_until[one] <= now), None)
        if place is None:
            place = min(order, key=pool.rests_until.__getitem__)
        pool.next = (place + 1) % count
        _handed.set(place)
        return pool.keys[place].reveal()

    async def refused(self, provider: str, error: GatewayError, *, again: bool = False) -> bool:
        """Let the key rest that was refused; True while another one does not."""
        pool = self._pools.get(provider)
        if pool is None:
            return await self._inner.refused(provider, error, again=again)
        place, now = _handed.get(), self._now()
        if place is None or error.kind not in REST:
            return False
        wanted = error.retry_after if error.kind is Kind.RATE_LIMITED else None
        rest = REST[error.kind] if wanted is None or not 0 < wanted < LONGEST else wanted
        pool.rests_until[place] = now + rest
        return any(until <= now for until in pool.rests_until)

    async def sign(self, provider: str, request: HttpRequest) -> HttpRequest:
        """As the others do it: a key in a header signs nothing."""
        return await self._inner.sign(provider, request)

    async def close(self) -> None:
        """Stop what runs in the background."""
        await self._inner.close()

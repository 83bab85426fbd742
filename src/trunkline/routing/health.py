"""Which targets are fit to be asked: a circuit breaker per target, a cool-down per credential.

Everything takes ``now`` (monotonic seconds), so that the state is a plain function of what happened.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from trunkline.core.errors import GatewayError, Kind
from trunkline.routing.decide import asked_wait
from trunkline.routing.plan import Target

FAILURES: Final = 5
"""Consecutive failures that open a breaker."""
OPEN_SECONDS: Final = 30.0
OPEN_CAP: Final = 300.0
COOL_CAP: Final = 300.0
"""An upstream may ask for years; a credential is tried again after this long."""
MAX_TRACKED: Final = 2048

TARGET_FAULTS: Final = frozenset(
    {Kind.UPSTREAM_FAILED, Kind.OVERLOADED, Kind.UNREACHABLE, Kind.TIMEOUT, Kind.TRUNCATED}
)
"""Failures that count against the target; 401, 403 and 404 answer at once and say nothing of health."""


class Breaker(Struct, frozen=True):
    """The state of one target. ``opened`` counts how often it opened since it last worked."""

    failures: int = 0
    opened: int = 0
    open_until: float = 0.0
    probing: bool = False


CLOSED: Final = Breaker()


def admits(breaker: Breaker, now: float) -> bool:
    """True when a request may go: the breaker is closed, or its time is over and no probe is under way."""
    return breaker.opened == 0 or (now >= breaker.open_until and not breaker.probing)


def after_failure(breaker: Breaker, now: float) -> Breaker:
    """One more failure: opens at the fifth in a row, and again, for longer, when a probe fails."""
    failures = breaker.failures + 1
    if failures < FAILURES and breaker.opened == 0:
        return replace(breaker, failures=failures)
    if breaker.opened and not breaker.probing and now < breaker.open_until:
        return replace(breaker, failures=failures)  # sent before it opened: no new evidence
    opened = breaker.opened + 1
    return Breaker(failures, opened, now + min(OPEN_CAP, OPEN_SECONDS * opened))


class Health:
    """What is known of all targets; single-threaded, shared by all exchanges of a process."""

    def __init__(self) -> None:
        self._breakers: dict[Target, Breaker] = {}
        self._cooling: dict[str, float] = {}

    def order(self, targets: Sequence[Target], now: float) -> tuple[Target, ...]:
        """The targets worth asking, in the plan's order; all of them when none is: the last is never ejected."""
        if not self._breakers and not self._cooling:
            return tuple(targets)
        fit = tuple(target for target in targets if self._fit(target, now))
        return fit or tuple(targets)

    def _fit(self, target: Target, now: float) -> bool:
        return now >= self._cooling.get(target.provider, 0.0) and admits(
            self._breakers.get(target, CLOSED), now
        )

    def begin(self, target: Target, now: float) -> bool:
        """Call before asking ``target``. False: another exchange is probing it, better skip it."""
        breaker = self._breakers.get(target)
        if breaker is None or breaker.opened == 0:
            return True
        if not admits(breaker, now):
            return False
        self._breakers[target] = replace(breaker, probing=True)
        return True

    def succeeded(self, target: Target) -> None:
        """``target`` answered: its breaker closes, its credential is fine."""
        if self._breakers:
            self._breakers.pop(target, None)
        if self._cooling:
            self._cooling.pop(target.provider, None)

    def failed(self, target: Target, error: GatewayError, now: float) -> None:
        """``target`` failed with ``error``; what we refused ourselves counts for nothing."""
        if error.kind is Kind.RATE_LIMITED and not error.local:
            wait = asked_wait(error)
            if wait is not None:
                self._cooling[target.provider] = now + min(COOL_CAP, wait)
        if error.kind in TARGET_FAULTS:
            if len(self._breakers) >= MAX_TRACKED and target not in self._breakers:
                self._breakers.pop(next(iter(self._breakers)))
            self._breakers[target] = after_failure(self._breakers.get(target, CLOSED), now)
        else:
            self.abandoned(target)

    def abandoned(self, target: Target) -> None:
        """The outcome stays unknown (the client left, or a fault that is not the target's): a probe is given back."""
        breaker = self._breakers.get(target)
        if breaker is not None and breaker.probing:
            self._breakers[target] = replace(breaker, probing=False)

    def breaker(self, target: Target) -> Breaker:
        """The state of one target, for people and metrics."""
        return self._breakers.get(target, CLOSED)

    def tracked(self) -> Mapping[Target, Breaker]:
        """Every target that failed lately, with its state."""
        return self._breakers

    def cooling_until(self, provider: str) -> float:
        """When a provider's credential is asked again, in monotonic seconds; 0 when it is not resting."""
        return self._cooling.get(provider, 0.0)

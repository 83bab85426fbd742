"""Which targets are fit to be asked: a circuit breaker per target, a cool-down per credential.

Everything takes ``now`` (monotonic seconds), so that the state is a plain function of what happened.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from trunkline.config.schema import Breaker as BreakerPolicy
from trunkline.core.errors import GatewayError, Kind
from trunkline.routing.decide import asked_wait
from trunkline.routing.plan import Target

COOL_CAP: Final = 300.0
"""An upstream may ask for years; a credential is tried again after this long."""
MAX_TRACKED: Final = 2048
POLICY: Final = BreakerPolicy()

TARGET_FAULTS: Final = frozenset(
    {Kind.UPSTREAM_FAILED, Kind.OVERLOADED, Kind.UNREACHABLE, Kind.TIMEOUT, Kind.TRUNCATED}
)
"""Failures that count against the target; 401, 403 and 404 answer at once and say nothing of health."""
OUR_LIMITS: Final = frozenset({"up.pool"})
"""Timeouts that say how many connections we allow ourselves, and nothing of the target."""


class Window(Struct, frozen=True):
    """Calls and failures of the last seconds in two halves: the one that began at ``since``, and the one before."""

    since: float = 0.0
    calls: int = 0
    failed: int = 0
    calls_before: int = 0
    failed_before: int = 0

    @property
    def all_failed(self) -> int:
        """Failures in both halves."""
        return self.failed + self.failed_before

    @property
    def all_calls(self) -> int:
        """Calls in both halves."""
        return self.calls + self.calls_before


class Breaker(Struct, frozen=True):
    """The state of one target. ``opened`` counts how often it opened since it last worked."""

    failures: int = 0
    opened: int = 0
    open_until: float = 0.0
    probing: bool = False
    window: Window = Window()


CLOSED: Final = Breaker()


def admits(breaker: Breaker, now: float) -> bool:
    """True when a request may go: the breaker is closed, or its time is over and no probe is under way."""
    return breaker.opened == 0 or (now >= breaker.open_until and not breaker.probing)


def counted(window: Window, now: float, span: float, *, failed: bool) -> Window:
    """``window`` with one more call. It never reaches further back than ``span`` seconds, nor less than half of it
    once it is as old as that."""
    half, age = span / 2, now - window.since
    more = int(failed)
    if window.all_calls == 0 or age >= span:
        return Window(now, 1, more)
    if age >= half:
        return Window(window.since + half, 1, more, window.calls, window.failed)
    return replace(window, calls=window.calls + 1, failed=window.failed + more)


def after_failure(breaker: Breaker, now: float, policy: BreakerPolicy = POLICY) -> Breaker:
    """One more failure: opens after so many in a row or so large a share, and again, for longer, when a probe fails."""
    failures = breaker.failures + 1
    if breaker.opened == 0:
        window = counted(breaker.window, now, policy.window, failed=True)
        if failures < policy.failures and not _too_many(window, policy):
            return replace(breaker, failures=failures, window=window)
    elif not breaker.probing and now < breaker.open_until:
        return replace(breaker, failures=failures)  # sent before it opened: no new evidence
    opened = breaker.opened + 1
    return Breaker(failures, opened, now + min(policy.cap, policy.open * opened))


def after_success(breaker: Breaker, now: float, policy: BreakerPolicy = POLICY) -> Breaker:
    """An answer closes it. Among failures it counts for their share; without any there is nothing to remember."""
    if breaker.opened:
        return CLOSED
    window = counted(breaker.window, now, policy.window, failed=False)
    return Breaker(window=window) if window.all_failed else CLOSED


def _too_many(window: Window, policy: BreakerPolicy) -> bool:
    calls = window.all_calls
    return calls >= policy.calls and window.all_failed >= policy.rate * calls


class Health:
    """What is known of all targets; single-threaded, shared by all exchanges of a process."""

    def __init__(self, policy: BreakerPolicy = POLICY) -> None:
        self.policy = policy
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

    def why_not(self, target: Target, now: float) -> str | None:
        """Why ``target`` is not asked, in few words; None when it is fit."""
        if now < self._cooling.get(target.provider, 0.0):
            return "its credential rests"
        breaker = self._breakers.get(target, CLOSED)
        if admits(breaker, now):
            return None
        return "its breaker is open" if now < breaker.open_until else "its breaker is being tried"

    @property
    def troubled(self) -> bool:
        """Whether anything is known that a success changes."""
        return bool(self._breakers or self._cooling)

    def begin(self, target: Target, now: float) -> bool:
        """Call before asking ``target``. False: another exchange is probing it, better skip it."""
        breaker = self._breakers.get(target)
        if breaker is None or breaker.opened == 0:
            return True
        if not admits(breaker, now):
            return False
        self._breakers[target] = replace(breaker, probing=True)
        return True

    def succeeded(self, target: Target, now: float) -> None:
        """``target`` answered: its breaker closes, its credential is fine. Not needed while nothing is :attr:`troubled`."""
        self._cooling.pop(target.provider, None)
        breaker = self._breakers.get(target)
        if breaker is None:
            return
        after = after_success(breaker, now, self.policy)
        if after is CLOSED:
            del self._breakers[target]
        else:
            self._breakers[target] = after

    def failed(self, target: Target, error: GatewayError, now: float) -> None:
        """``target`` failed with ``error``; what we refused ourselves counts for nothing."""
        if error.kind is Kind.RATE_LIMITED and not error.local:
            wait = asked_wait(error)
            if wait is not None:
                self._cooling[target.provider] = now + min(COOL_CAP, wait)
        if error.kind in TARGET_FAULTS and error.timeout not in OUR_LIMITS:
            if len(self._breakers) >= MAX_TRACKED and target not in self._breakers:
                self._breakers.pop(next(iter(self._breakers)))
            self._breakers[target] = after_failure(self._breakers.get(target, CLOSED), now, self.policy)
        else:
            self.abandoned(target)

    def abandoned(self, target: Target) -> None:
        """The outcome stays unknown (the client left, or a fault that is not the target's): a probe is given back."""
        breaker = self._breakers.get(target)
        if breaker is not None and breaker.probing:
            self._breakers[target] = replace(breaker, probing=False)

    def forget(self, providers: Collection[str], *, rested: Collection[str] = ()) -> None:
        """Know nothing any more of ``providers``; of those ``rested``, not that their credential was limited."""
        for target in [target for target in self._breakers if target.provider in providers]:
            del self._breakers[target]
        for provider in [name for name in self._cooling if name in providers or name in rested]:
            del self._cooling[provider]

    def breaker(self, target: Target) -> Breaker:
        """The state of one target, for people and metrics."""
        return self._breakers.get(target, CLOSED)

    def tracked(self) -> Mapping[Target, Breaker]:
        """Every target that failed lately, with its state."""
        return self._breakers

    def cooling_until(self, provider: str) -> float:
        """When a provider's credential is asked again, in monotonic seconds; 0 when it is not resting."""
        return self._cooling.get(provider, 0.0)

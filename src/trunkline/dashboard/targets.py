"""How the providers' models are: those that failed, those that rest, and those that work."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from trunkline.dashboard.records import Records
from trunkline.dashboard.rows import iso, shown
from trunkline.routing.health import Breaker
from trunkline.routing.plan import Target

State = Literal["closed", "half_open", "open"]
_ORDER: tuple[State, ...] = ("closed", "half_open", "open")


class TargetState(Struct, frozen=True, kw_only=True):
    """One model at one provider. Waits are in seconds, 0 for none."""

    provider: str
    model: str
    state: State = "closed"
    """``open``: not asked after failures; ``half_open``: the next request tries it."""
    failures: int = 0
    """In a row."""
    open_seconds: float = 0.0
    rests_seconds: float = 0.0
    """Until it is asked again after its tokens of the minute were used up, or while it starts."""
    waiting: int = 0
    """Requests that wait for it."""
    last_error: str | None = None
    last_error_at: str | None = None
    credential_rests_seconds: float = 0.0


class Breakers(Protocol):
    """See :class:`trunkline.routing.health.Health`."""

    def tracked(self) -> Mapping[Target, Breaker]: ...
    def cooling_until(self, provider: str) -> float: ...


class Resting(Protocol):
    """See :class:`trunkline.relay.turns.Turns`."""

    def resting(self) -> dict[Target, tuple[float, int]]: ...


def target_states(
    targets: Iterable[Target], breakers: Breakers, turns: Resting, records: Records, now: float
) -> list[TargetState]:
    """The state of each of ``targets``, and of those that are known besides; ``now`` is monotonic."""
    known, resting, errors = breakers.tracked(), turns.resting(), last_errors(records)
    states: list[TargetState] = []
    for target in dict.fromkeys((*targets, *known, *resting)):
        breaker = known.get(target, Breaker())
        rests, waiting = resting.get(target, (0.0, 0))
        error = errors.get(str(target), (None, None))
        states.append(
            TargetState(
                provider=target.provider,
                model=target.deployment,
                state=_state(breaker, now),
                failures=breaker.failures,
                open_seconds=round(max(0.0, breaker.open_until - now), 1),
                rests_seconds=round(rests, 1),
                waiting=waiting,
                last_error=error[0],
                last_error_at=error[1],
                credential_rests_seconds=round(max(0.0, breakers.cooling_until(target.provider) - now), 1),
            )
        )
    return states


def _state(breaker: Breaker, now: float) -> State:
    if breaker.opened == 0:
        return "closed"
    return "open" if now < breaker.open_until else "half_open"


def last_errors(records: Records) -> dict[str, tuple[str | None, str | None]]:
    """The last error of each target in what is kept, and when its exchange ended."""
    found: dict[str, tuple[str | None, str | None]] = {}
    for _, ended, record in reversed(records.kept):
        for attempt in reversed(record.attempts):
            if attempt.error is not None and attempt.target not in found:
                found[attempt.target] = (shown(attempt.error), iso(ended))
    return found


def merged(several: Sequence[Iterable[TargetState]]) -> list[TargetState]:
    """The states as several workers see them, as one: the worst of each, and all who wait."""
    found: dict[tuple[str, str], TargetState] = {}
    for states in several:
        for state in states:
            before = found.get((state.provider, state.model))
            found[state.provider, state.model] = state if before is None else _worse(before, state)
    return list(found.values())


def _worse(one: TargetState, other: TargetState) -> TargetState:
    later = max(one, other, key=lambda state: state.last_error_at or "")
    return replace(
        one,
        state=max(one.state, other.state, key=_ORDER.index),
        failures=max(one.failures, other.failures),
        open_seconds=max(one.open_seconds, other.open_seconds),
        rests_seconds=max(one.rests_seconds, other.rests_seconds),
        waiting=one.waiting + other.waiting,
        last_error=later.last_error,
        last_error_at=later.last_error_at,
        credential_rests_seconds=max(one.credential_rests_seconds, other.credential_rests_seconds),
    )

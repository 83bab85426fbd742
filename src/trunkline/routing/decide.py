"""What to do after a failed attempt: retry, try the next target, or tell the client (reliability_ux.md A3)."""

from collections.abc import Sequence
from math import isfinite
from typing import Final

from msgspec import Struct

from trunkline.config.schema import Retry as RetryPolicy
from trunkline.core.errors import GatewayError, Kind
from trunkline.routing.retry_budget import Limit


class Retry(Struct, frozen=True):
    """Ask the same target again after ``delay`` seconds."""

    delay: float


class Fallback(Struct, frozen=True):
    """Ask the next target of the plan. ``limit``: what kept the same one from being asked again, if anything did."""

    limit: Limit | None = None


class GiveUp(Struct, frozen=True):
    """The client gets an error. ``limit`` as with :class:`Fallback`."""

    limit: Limit | None = None


class Queue(Struct, frozen=True):
    """Ask the same target again when its turn has come: it takes nobody for now, and many may wait for it."""


Decision = Retry | Fallback | GiveUp | Queue

TRANSIENT: Final = frozenset({Kind.UPSTREAM_FAILED, Kind.OVERLOADED, Kind.TRUNCATED})
"""The same request may pass in a moment: one more try keeps prompt caches and proofs where they are."""

PAYMENT_REQUIRED: Final = 402
"""The one quota error that stays with the client, like every 4xx outside the list of A3."""

WAITED_FOR: Final = frozenset({Kind.RATE_LIMITED, Kind.QUOTA, Kind.OVERLOADED})

LIMITED: Final = frozenset({Kind.RATE_LIMITED, Kind.QUOTA})

ELSEWHERE: Final = frozenset(
    {
        *TRANSIENT,
        *LIMITED,
        Kind.UNREACHABLE,
        Kind.TIMEOUT,
        Kind.UNSUPPORTED,
        Kind.AUTHENTICATION,
        Kind.PERMISSION,
        Kind.NOT_FOUND,
    }
)
"""Another target may well serve what this one refused."""

BEFORE_SENDING: Final = frozenset({"up.connect", "up.pool"})
"""Timeouts after which the upstream has not seen the request."""

HOPELESS: Final = frozenset(
    {
        Kind.INVALID_REQUEST,
        Kind.CONTEXT_TOO_LONG,
        Kind.AUTHENTICATION,
        Kind.PERMISSION,
        Kind.NOT_FOUND,
        Kind.TOO_LARGE,
        Kind.UNSUPPORTED,
    }
)
"""The very same request from the client cannot succeed: it is told not to retry."""

PREFERENCE: Final = (
    Kind.RATE_LIMITED,
    Kind.OVERLOADED,
    Kind.TIMEOUT,
    Kind.TRUNCATED,
    Kind.UPSTREAM_FAILED,
    Kind.UNREACHABLE,
    Kind.QUOTA,
    Kind.PERMISSION,
    Kind.AUTHENTICATION,
    Kind.NOT_FOUND,
    Kind.UNSUPPORTED,
)
"""Which of several targets' errors the client gets: those that waiting cures first, then by how much they explain."""


def decide(
    error: GatewayError,
    *,
    tried: int,
    more: bool,
    committed: bool,
    policy: RetryPolicy,
    jitter: float,
    limit: Limit | None = None,
) -> Decision:
    """The next step after ``error``.

    ``tried`` counts the tries on this target, the failed one included; ``more`` says that the plan has
    another target; ``committed`` that content bytes went to the client, after which nothing is repeated.
    ``jitter`` is in [0, 1). ``limit`` says that the budget has no retry left; it has no say where requests stand in
    line, one of which tries at a time.
    """
    if committed or error.kind not in ELSEWHERE or error.status == PAYMENT_REQUIRED:
        return GiveUp()
    if error.local and error.kind in WAITED_FOR:  # the wait was ours already
        return Fallback() if more else GiveUp()
    if error.in_line and not more and policy.per_target:
        return Queue()
    delay = _delay(error, tried, more, policy, jitter)
    if delay is not None and limit is None:
        return Retry(delay)
    spared = None if delay is None else limit
    return Fallback(spared) if more else GiveUp(spared)


def _delay(error: GatewayError, tried: int, more: bool, policy: RetryPolicy, jitter: float) -> float | None:
    """The seconds until the same target is asked again, None when another try is not worth it."""
    if tried > policy.per_target or not _worth_repeating(error, more):
        return None
    wait = asked_wait(error)
    if wait is None:
        return jitter * min(policy.cap, policy.base * 2.0 ** (tried - 1))
    if wait <= policy.max_retry_after and not more:
        return wait
    return wait if wait <= policy.cap and error.kind not in LIMITED else None


def _worth_repeating(error: GatewayError, more: bool) -> bool:
    if error.should_retry is False:
        return False
    if error.kind in TRANSIENT:
        return True
    if more:
        return False
    if error.kind is Kind.TIMEOUT:
        return error.timeout in BEFORE_SENDING
    return error.kind in (Kind.RATE_LIMITED, Kind.UNREACHABLE)


def asked_wait(error: GatewayError) -> float | None:
    """The wait an upstream asked for, in seconds; None when it asked for nothing sensible."""
    wait = error.retry_after
    return wait if wait is not None and isfinite(wait) and wait > 0 else None


def foremost(errors: Sequence[GatewayError]) -> GatewayError:
    """The error to show after every target failed: the last if it is final, else by :data:`PREFERENCE`.

    ``errors`` holds one error a target in the order of the plan and is never empty.
    """
    last = errors[-1]
    if last.kind not in PREFERENCE or last.status == PAYMENT_REQUIRED:
        return last
    return min(errors, key=lambda error: _rank(error.kind))


def _rank(kind: Kind) -> int:
    return PREFERENCE.index(kind) if kind in PREFERENCE else len(PREFERENCE)


def advise(error: GatewayError) -> GatewayError:
    """``error``, marked as not worth a retry where none by the client can help; says nothing otherwise."""
    if error.should_retry is None and error.kind in HOPELESS:
        error.should_retry = False
    return error

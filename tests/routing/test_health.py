"""Breakers and cool-downs, by hand and as a law."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.config.schema import Breaker as BreakerPolicy
from trunkline.core.errors import GatewayError, Kind
from trunkline.routing.health import (
    CLOSED,
    MAX_TRACKED,
    POLICY,
    Breaker,
    Health,
    Window,
    admits,
    after_failure,
    after_success,
)
from trunkline.routing.plan import Target

ONE, TWO = Target("a", "x"), Target("b", "y")
DOWN = GatewayError(Kind.OVERLOADED, "down", local=False)


def opened(health: Health, target: Target = ONE, now: float = 0.0) -> None:
    for _ in range(POLICY.failures):
        assert health.begin(target, now)
        health.failed(target, DOWN, now)


def test_T24_five_failures_open_then_one_probe_then_closed() -> None:
    health = Health()
    for _ in range(POLICY.failures - 1):
        health.failed(ONE, DOWN, 0)
    assert health.order([ONE, TWO], 0) == (ONE, TWO)
    health.failed(ONE, DOWN, 0)
    assert health.order([ONE, TWO], 29.9) == (TWO,)
    assert health.order([ONE, TWO], 30) == (ONE, TWO)
    probes = [health.begin(ONE, 30) for _ in range(200)]
    assert probes.count(True) == 1
    assert health.order([ONE, TWO], 30) == (TWO,)
    health.succeeded(ONE, 30)
    assert all(health.begin(ONE, 30) for _ in range(200))
    assert health.breaker(ONE) == Breaker()


def test_T24_a_failed_probe_opens_for_longer_up_to_the_cap() -> None:
    health = Health()
    opened(health)
    now, waits = 0.0, []
    for _ in range(12):
        until = health.breaker(ONE).open_until
        waits.append(until - now)
        now = until
        assert health.begin(ONE, now)
        health.failed(ONE, DOWN, now)
    assert waits[:3] == [30, 60, 90]
    assert waits[-1] == 300


def test_T24_the_last_target_is_never_ejected() -> None:
    health = Health()
    opened(health)
    opened(health, TWO)
    assert health.order([ONE, TWO], 1) == (ONE, TWO)
    assert health.order([ONE], 1) == (ONE,)


def test_a_success_in_between_starts_the_count_anew() -> None:
    health = Health()
    for _ in range(3):
        for _ in range(POLICY.failures - 1):
            health.failed(ONE, DOWN, 0)
        health.succeeded(ONE, 0)
    assert health.order([ONE, TWO], 0) == (ONE, TWO)


def test_T26_a_limit_rests_the_credential_until_its_time() -> None:
    health = Health()
    sibling = Target("a", "other")
    health.failed(ONE, GatewayError(Kind.RATE_LIMITED, "slow", retry_after=20, local=False), 100)
    assert health.order([ONE, sibling, TWO], 119) == (TWO,)
    assert health.order([ONE, sibling, TWO], 120) == (ONE, sibling, TWO)
    assert health.cooling_until("a") == 120
    assert health.breaker(ONE) == Breaker()


def test_T23_a_limit_of_ten_years_is_capped_and_nonsense_ignored() -> None:
    health = Health()
    health.failed(ONE, GatewayError(Kind.RATE_LIMITED, "slow", retry_after=3e8, local=False), 0)
    assert health.cooling_until("a") == 300
    for wait in (None, -5, float("nan")):
        health = Health()
        health.failed(ONE, GatewayError(Kind.RATE_LIMITED, "slow", retry_after=wait, local=False), 0)
        assert health.cooling_until("a") == 0


def test_refusals_and_our_own_errors_say_nothing_of_health() -> None:
    health = Health()
    for kind in (Kind.AUTHENTICATION, Kind.NOT_FOUND, Kind.PERMISSION, Kind.INVALID_REQUEST, Kind.INTERNAL):
        for _ in range(20):
            health.failed(ONE, GatewayError(kind, "no", local=False), 0)
    assert health.breaker(ONE) == Breaker()


def test_an_abandoned_probe_is_given_back() -> None:
    health = Health()
    opened(health)
    assert health.begin(ONE, 31)
    assert not health.begin(ONE, 31)
    health.abandoned(ONE)
    assert health.begin(ONE, 31)
    health.failed(ONE, GatewayError(Kind.INVALID_REQUEST, "no", local=False), 31)
    assert health.begin(ONE, 31)


def test_late_failures_of_requests_sent_before_it_opened_change_nothing() -> None:
    health = Health()
    opened(health)
    until = health.breaker(ONE).open_until
    for _ in range(100):
        health.failed(ONE, DOWN, 5)
    assert health.breaker(ONE).open_until == until


def test_what_is_tracked_is_bounded() -> None:
    health = Health()
    for number in range(MAX_TRACKED + 100):
        health.failed(Target("a", str(number)), DOWN, 0)
    assert len(health._breakers) == MAX_TRACKED


@given(st.lists(st.tuples(st.sampled_from("sfwx"), st.floats(0, 100)), max_size=80))
def test_T24_law_one_probe_at_a_time_and_open_never_forever(steps: list[tuple[str, float]]) -> None:
    health, now, probing = Health(), 0.0, 0
    for step, wait in steps:
        before = health.breaker(ONE)
        match step:
            case "s":
                health.succeeded(ONE, now)
                probing = 0
            case "f":
                health.failed(ONE, DOWN, now)
                probing = (
                    0 if health.breaker(ONE) != before and not health.breaker(ONE).probing else probing
                )
            case "w":
                now += wait
            case _:
                if health.begin(ONE, now) and before.opened:
                    probing += 1
        assert probing <= 1
        state = health.breaker(ONE)
        assert state.open_until <= now + 300
        assert admits(state, now) or state.probing or state.open_until > now


def test_failure_is_a_function_of_the_state() -> None:
    first = after_failure(Breaker(), 7)
    assert first == Breaker(failures=1, window=Window(7, 1, 1))
    assert after_failure(Breaker(failures=4), 10) == Breaker(failures=5, opened=1, open_until=40)
    assert after_success(first, 8) == Breaker(window=Window(7, 2, 1))
    assert after_success(Breaker(), 8) is after_success(Breaker(opened=2, open_until=9), 10) is CLOSED


def calls(*, step: float, pattern: str, policy: BreakerPolicy = POLICY) -> int | None:
    """After how many calls, one each ``step`` seconds, ``f`` for a failure, the breaker opens."""
    health = Health(policy)
    for number, outcome in enumerate(pattern):
        if outcome == "f":
            health.failed(ONE, DOWN, number * step)
        elif health.troubled:
            health.succeeded(ONE, number * step)
        if health.breaker(ONE).opened:
            return number + 1
    return None


@pytest.mark.parametrize(
    ("step", "pattern", "opens"),
    [
        (1.0, "fs" * 20, 21),
        (1.0, "fffs" * 10, 21),
        (1.0, "ffss" * 10, 21),
        (1.0, "s" * 300 + "fs" * 20, 321),
        (0.001, "fs" * 20, 21),
        (1.0, "fss" * 300, None),  # a third
        (2.0, "fs" * 300, None),  # half of them, but fifteen in thirty seconds
        (1.0, "s" * 1000, None),
        (1.0, "fffff", 5),
    ],
)
def test_half_of_twenty_calls_in_thirty_seconds_open_it(
    step: float, pattern: str, opens: int | None
) -> None:
    assert calls(step=step, pattern=pattern) == opens


def test_the_share_is_the_users_to_say() -> None:
    strict = BreakerPolicy(rate=0.25, calls=4, failures=100)
    assert calls(step=1.0, pattern="fsss" * 3, policy=strict) == 5
    assert calls(step=1.0, pattern="f" * 50, policy=BreakerPolicy(rate=1.0, calls=10, failures=100)) == 10


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 1.0, 3.0, 20.0])), max_size=120))
def test_law_a_share_that_opens_was_there_within_the_window(steps: list[tuple[bool, float]]) -> None:
    policy = BreakerPolicy(failures=1000)
    health, now = Health(policy), 0.0
    seen: list[tuple[float, bool]] = []
    for failed, wait in steps:
        now += wait
        seen.append((now, failed))
        if not failed:
            health.succeeded(ONE, now)
            continue
        health.failed(ONE, DOWN, now)
        state = health.breaker(ONE)
        recent = [bad for at, bad in seen if now - at < policy.window]
        if state.opened:
            tails = [recent[start:] for start in range(len(recent))]
            assert any(len(tail) >= 20 and 2 * sum(tail) >= len(tail) for tail in tails)
            return
        assert state.window.all_calls <= len(recent)
        assert state.window.all_failed >= sum(bad for at, bad in seen if now - at < policy.window / 2)


def test_a_breaker_that_opened_by_its_share_closes_with_a_clean_sheet() -> None:
    health = Health()
    for number in range(21):
        (health.succeeded(ONE, 0) if number % 2 else health.failed(ONE, DOWN, 0))
    assert health.order([ONE, TWO], 29) == (TWO,)
    assert health.why_not(ONE, 29) == "its breaker is open"
    assert health.begin(ONE, 30)
    assert health.why_not(ONE, 30) == "its breaker is being tried"
    health.succeeded(ONE, 30)
    health.failed(ONE, DOWN, 31)
    assert health.breaker(ONE).window == Window(31, 1, 1)


def test_connections_that_we_do_not_allow_ourselves_say_nothing_of_the_target() -> None:
    health = Health()
    for _ in range(20):
        health.failed(ONE, GatewayError(Kind.TIMEOUT, "no slot", timeout="up.pool"), 0)
    assert health.breaker(ONE) is CLOSED

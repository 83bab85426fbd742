"""What follows a failure, as a table and as laws."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.config.schema import Retry as Policy
from trunkline.core.errors import GatewayError, Kind, kind_of_status
from trunkline.routing.decide import (
    ELSEWHERE,
    Decision,
    Fallback,
    GiveUp,
    Queue,
    Retry,
    advise,
    asked_wait,
    decide,
    foremost,
)

ELSEWHERE_STATUS = {401, 403, 404, 408, 429, *range(500, 600)}


def after(
    error: GatewayError, *, tried: int = 1, more: bool = False, committed: bool = False, jitter: float = 0.5
) -> Decision:
    return decide(error, tried=tried, more=more, committed=committed, policy=Policy(), jitter=jitter)


def failed(status: int, **more: object) -> GatewayError:
    return GatewayError(kind_of_status(status), "no", status=status, local=False, **more)


@pytest.mark.parametrize("status", range(400, 600))
def test_T22_the_status_table(status: int) -> None:
    exhausted = after(failed(status), tried=9, more=True)
    assert exhausted == (Fallback() if status in ELSEWHERE_STATUS else GiveUp())
    assert after(failed(status), tried=9, more=False) == GiveUp()
    assert after(failed(status), more=True, committed=True) == GiveUp()


@pytest.mark.parametrize("status", [500, 502, 503, 529])
def test_a_passing_fault_is_tried_once_more_on_the_same_target(status: int) -> None:
    assert after(failed(status), more=True) == Retry(0.125)
    assert after(failed(status), tried=2, more=True) == Fallback()
    assert after(failed(status), tried=2, more=False) == GiveUp()
    assert after(failed(status, should_retry=False), more=True) == Fallback()


def test_connecting_fails_over_at_once_and_is_repeated_only_alone() -> None:
    error = GatewayError(Kind.UNREACHABLE, "no", local=False)
    assert after(error, more=True) == Fallback()
    assert isinstance(after(error), Retry)


def test_only_timeouts_before_sending_are_repeated() -> None:
    for name in ("up.connect", "up.pool"):
        assert isinstance(after(GatewayError(Kind.TIMEOUT, "no", timeout=name)), Retry)
    for name in ("up.headers", "up.first_event", "up.total"):
        assert after(GatewayError(Kind.TIMEOUT, "no", timeout=name)) == GiveUp()
        assert after(GatewayError(Kind.TIMEOUT, "no", timeout=name), more=True) == Fallback()


def test_too_long_and_guardrails_never_go_elsewhere() -> None:
    assert after(GatewayError(Kind.CONTEXT_TOO_LONG, "long", local=False), more=True) == GiveUp()
    guardrail = GatewayError(Kind.INVALID_REQUEST, "blocked by guardrail", status=400, local=False)
    assert after(guardrail, more=True) == GiveUp()


def test_a_limit_waits_only_when_there_is_nowhere_to_go() -> None:
    assert after(failed(429, retry_after=7.0)) == Retry(7.0)
    assert after(failed(429, retry_after=7.0), tried=2) == GiveUp()
    assert after(failed(429, retry_after=7.0), more=True) == Fallback()
    assert after(failed(429, retry_after=61.0)) == GiveUp()
    assert after(failed(429, retry_after=61.0), more=True) == Fallback()
    assert after(failed(429)) == Retry(0.125)


@pytest.mark.parametrize("wait", [-1.0, 0.0, nan, inf, -inf, None, 10 * 365 * 86400.0])
def test_T23_any_wait_is_survived(wait: float | None) -> None:
    decision = after(failed(429, retry_after=wait))
    if isinstance(decision, Retry):
        assert 0 <= decision.delay <= 60
    assert (asked_wait(failed(429, retry_after=wait)) is None) == (wait is None or not 0 < wait < inf)


@given(
    kind=st.sampled_from(Kind),
    tried=st.integers(1, 50),
    more=st.booleans(),
    committed=st.booleans(),
    jitter=st.floats(0, 1, exclude_max=True),
    wait=st.none() | st.floats(),
    should=st.sampled_from([None, True, False]),
)
def test_T21_laws(
    kind: Kind,
    tried: int,
    more: bool,
    committed: bool,
    jitter: float,
    wait: float | None,
    should: bool | None,
) -> None:
    error = GatewayError(kind, "no", retry_after=wait, should_retry=should, local=False)
    decision = after(error, tried=tried, more=more, committed=committed, jitter=jitter)
    match decision:
        case Retry(delay):
            assert not committed
            assert kind in ELSEWHERE
            assert tried == 1
            assert 0 <= delay <= 60
        case Fallback():
            assert not committed
            assert more
        case GiveUp():
            assert committed or not more or kind not in ELSEWHERE


def test_the_back_off_is_full_jitter_under_a_cap() -> None:
    policy = Policy(per_target=20)
    for tried in range(1, 20):
        decision = decide(
            failed(500), tried=tried, more=False, committed=False, policy=policy, jitter=0.999
        )
        assert isinstance(decision, Retry)
        assert decision.delay <= min(4.0, 0.25 * 2 ** (tried - 1))


def test_T22_the_foremost_error() -> None:
    limited, missing, refused = failed(429), failed(404), failed(401)
    bad = failed(400)
    assert foremost([missing, limited, refused]) is limited
    assert foremost([refused, missing]) is refused
    assert foremost([limited, bad]) is bad
    first, second = failed(503), failed(503)
    assert foremost([first, second]) is first


def test_T27_the_client_is_told_when_no_retry_can_help() -> None:
    assert advise(failed(401)).should_retry is False
    assert advise(failed(400)).should_retry is False
    assert advise(failed(503)).should_retry is None
    assert advise(failed(404, should_retry=True)).should_retry is True


def test_a_limit_by_the_minute_is_waited_for_in_line_where_nobody_else_can_be_asked() -> None:
    full = failed(429, in_line=True)
    assert after(full) == Queue()
    assert after(full, tried=9) == Queue(), "how long is the line's affair"
    assert after(full, more=True) == Fallback()
    assert after(full, committed=True) == GiveUp()
    none = Policy(per_target=0)
    assert decide(full, tried=1, more=False, committed=False, policy=none, jitter=0.5) == GiveUp()
    ours = GatewayError(Kind.RATE_LIMITED, "waited long enough", retry_after=5.0)
    assert after(ours) == GiveUp()
    assert after(ours, more=True) == Fallback()

"""What retries may cost: the arithmetic by hand and as laws (reliability_ux.md A3, T20)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.config.schema import Retry as RetryPolicy
from trunkline.core.errors import GatewayError, Kind
from trunkline.routing.decide import Fallback, GiveUp, Queue, Retry, decide
from trunkline.routing.retry_budget import RetryBudget, cost_of, limit_of

POLICY = RetryPolicy()
DOWN = GatewayError(Kind.OVERLOADED, "down", local=False)
SLOW = GatewayError(Kind.TIMEOUT, "slow", timeout="up.connect", local=False)


@pytest.mark.parametrize(
    ("spent", "cost", "live", "retrying", "limit"),
    [
        (0, 5, 1, 0, None),
        (495, 5, 1, 0, None),
        (496, 5, 1, 0, "bucket"),
        (491, 10, 1, 0, "bucket"),
        (0, 5, 1, 2, None),
        (0, 5, 1, 3, "live"),
        (0, 5, 15, 3, "live"),
        (0, 5, 16, 3, None),
        (0, 5, 100, 19, None),
        (0, 5, 100, 20, "live"),
        (500, 5, 100, 20, "bucket"),
    ],
)
def test_what_forbids_a_retry(spent: int, cost: int, live: int, retrying: int, limit: str | None) -> None:
    assert limit_of(POLICY, spent=spent, cost=cost, live=live, retrying=retrying) == limit


def test_a_retry_after_a_timeout_costs_twice_as_much() -> None:
    assert (cost_of(POLICY, DOWN), cost_of(POLICY, SLOW)) == (5, 10)


def test_the_decision_says_that_the_budget_took_it() -> None:
    asked = {"tried": 1, "committed": False, "policy": POLICY, "jitter": 0.0}
    assert decide(DOWN, more=False, **asked) == Retry(0.0)  # type: ignore[arg-type]
    assert decide(DOWN, more=False, limit="live", **asked) == GiveUp("live")  # type: ignore[arg-type]
    assert decide(DOWN, more=True, limit="bucket", **asked) == Fallback("bucket")  # type: ignore[arg-type]
    refused = GatewayError(Kind.NOT_FOUND, "no", local=False)
    assert decide(refused, more=True, limit="bucket", **asked) == Fallback(), "there was no retry to take"  # type: ignore[arg-type]
    starting = GatewayError(Kind.RATE_LIMITED, "starting", local=False, in_line=True)
    assert decide(starting, more=False, limit="bucket", **asked) == Queue(), "one of the line tries"  # type: ignore[arg-type]


def test_a_sick_provider_is_soon_not_retried_and_earns_it_back() -> None:
    budget = RetryBudget(POLICY)
    budget.live = 1000
    for _ in range(100):
        assert budget.limit("p", DOWN) is None
        budget.begin("p", DOWN)
        budget.end()
    assert budget.limit("p", DOWN) == "bucket"
    assert budget.limit("q", DOWN) is None, "another provider has its own"
    assert budget.refuse("p", "bucket") == "no retry: the retry budget of p is spent"
    assert budget.refused == {("p", "bucket"): 1}
    for _ in range(5):
        budget.earned("p")
    assert budget.limit("p", DOWN) is None
    assert budget.limit("p", SLOW) == "bucket"
    for _ in range(495):
        budget.earned("p")
    assert budget.spent == {}, "a full bucket is not kept"


@given(
    st.lists(st.sampled_from(["fails", "times out", "answers"]), max_size=400),
    st.integers(0, 200),
    st.integers(0, 20),
)
def test_T95_law_retries_cost_no_more_than_the_bucket_and_what_answers_earned(
    steps: list[str], bucket: int, refund: int
) -> None:
    policy = RetryPolicy(bucket=bucket, refund=refund)
    budget = RetryBudget(policy)
    paid = answers = 0
    for step in steps:
        if step == "answers":
            budget.earned("p")
            answers += 1
            continue
        error = DOWN if step == "fails" else SLOW
        if budget.limit("p", error) is None:
            budget.begin("p", error)
            budget.end()
            paid += cost_of(policy, error)
        assert 0 <= budget.spent.get("p", 0) <= bucket
        assert paid <= bucket + refund * answers
    assert budget.retrying == 0


@given(st.lists(st.sampled_from(["comes", "retries", "ends"]), max_size=300))
def test_law_retries_at_the_same_time_are_a_share_of_what_is_live(steps: list[str]) -> None:
    policy = RetryPolicy(cost=0)
    budget, retries = RetryBudget(policy), 0
    for step in steps:
        match step:
            case "comes":
                budget.live += 1
            case "retries" if budget.retrying < budget.live and budget.limit("p", DOWN) is None:
                budget.begin("p", DOWN)
                retries += 1
                assert budget.retrying <= max(policy.floor, policy.live_share * budget.live + 1)
            case "ends" if budget.live:
                budget.live -= 1
                if budget.retrying > budget.live:
                    budget.end()
            case _:
                pass
    assert budget.spent == {}

"""What retries may cost a provider that is sick: tokens that answers earn back, and a share of what is under way
(reliability_ux.md A3). Without it every failure doubles the load just when there is least room for it (T20)."""

from collections.abc import Collection, Mapping
from typing import Final, Literal

from trunkline.config.schema import Retry as RetryPolicy
from trunkline.core.errors import GatewayError, Kind

Limit = Literal["bucket", "live"]
"""Why there is no retry: the provider's tokens are spent, or too many requests are being retried already."""

REASONS: Final[Mapping[Limit, str]] = {
    "bucket": "the retry budget of {} is spent",
    "live": "too many requests are being retried",
}


def limit_of(policy: RetryPolicy, *, spent: int, cost: int, live: int, retrying: int) -> Limit | None:
    """What forbids one more retry; None when nothing does.

    ``spent`` tokens of the provider's bucket are gone, ``cost`` more would be; ``retrying`` of the ``live`` requests
    are retries already.
    """
    if spent + cost > policy.bucket:
        return "bucket"
    return "live" if retrying >= max(policy.floor, policy.live_share * live) else None


def cost_of(policy: RetryPolicy, error: GatewayError) -> int:
    """The tokens of a retry after ``error``: who waited in vain has held a connection for long."""
    return policy.timeout_cost if error.kind is Kind.TIMEOUT else policy.cost


class RetryBudget:
    """The state of it; single-threaded, shared by all exchanges of a process."""

    def __init__(self, policy: RetryPolicy) -> None:
        self.policy = policy
        self.live = 0
        """Requests under way."""
        self.retrying = 0
        """Those of them that wait for a retry, or are one."""
        self.spent: dict[str, int] = {}
        """Tokens by provider; those with a full bucket are not there."""
        self.refused: dict[tuple[str, Limit], int] = {}
        """Retries that did not take place, since the start."""

    def limit(self, provider: str, error: GatewayError) -> Limit | None:
        """What forbids to ask ``provider`` again after ``error``."""
        return limit_of(
            self.policy,
            spent=self.spent.get(provider, 0),
            cost=cost_of(self.policy, error),
            live=self.live,
            retrying=self.retrying,
        )

    def begin(self, provider: str, error: GatewayError) -> None:
        """A retry takes place; its end is :meth:`end`."""
        self.retrying += 1
        cost = cost_of(self.policy, error)
        if cost:
            self.spent[provider] = self.spent.get(provider, 0) + cost

    def end(self) -> None:
        """A retry is over."""
        self.retrying -= 1

    def refuse(self, provider: str, limit: Limit) -> str:
        """A retry did not take place; the reason, for people."""
        self.refused[provider, limit] = self.refused.get((provider, limit), 0) + 1
        return f"no retry: {REASONS[limit].format(provider)}"

    def earned(self, provider: str) -> None:
        """``provider`` answered. Not needed while nothing is :attr:`spent`."""
        left = self.spent.get(provider, 0) - self.policy.refund
        if left > 0:
            self.spent[provider] = left
        else:
            self.spent.pop(provider, None)

    def forget(self, providers: Collection[str]) -> None:
        """Fill the buckets of ``providers``."""
        for provider in providers:
            self.spent.pop(provider, None)

"""What Prometheus is told: counted from each exchange's record, never from events inside one.

Counting is a few dictionary increments; the library is loaded when somebody asks for the first time. Every
label has a bounded number of values: a client can name any model, so pairs beyond the limit are ``other``.
"""

import asyncio
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from trunkline import __version__
from trunkline.relay.ports import Clock, ExchangeRecord
from trunkline.relay.turns import Turns
from trunkline.routing.health import Health, admits
from trunkline.routing.plan import Target
from trunkline.routing.retry_budget import RetryBudget

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

MAX_PAIRS: Final = 500
"""Different provider and model pairs that are told apart."""
OTHER: Final = ("other", "other")
NOBODY: Final = ("", "")

TOKENS: Final = ("input", "cache_read", "cache_write", "output", "reasoning")
_counts: Final = attrgetter(*TOKENS)
BATCH: Final = 256
"""Exchanges that wait at most, to be counted together."""

SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0)
"""Upper bounds of the histograms' buckets."""

Pair = tuple[str, str]


class Histogram:
    """Observed seconds by bucket."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.total = 0.0

    def observe(self, seconds: Sequence[float]) -> None:
        """Count observations."""
        ordered = sorted(seconds)
        self.total += sum(ordered)
        counted = 0
        for place, bound in enumerate(SECONDS):
            within = bisect_right(ordered, bound)
            self.counts[place] += within - counted
            counted = within
        self.counts[-1] += len(ordered) - counted

    def add(self, other: "Histogram") -> None:
        """Count what ``other`` has counted."""
        self.counts = [one + more for one, more in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as the exposition wants them."""
        bounds = [*map(str, SECONDS), "+Inf"]
        return list(zip(bounds, accumulate(self.counts), strict=True))


class Series:
    """All exchanges that ended alike."""

    __slots__ = ("estimated", "first_byte", "pair", "reported", "requests", "seconds", "waiting")

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.requests = 0
        self.seconds = Histogram()
        self.first_byte = Histogram()
        self.reported = [0] * len(TOKENS)
        self.estimated = [0] * len(TOKENS)
        self.waiting: list[ExchangeRecord] = []
        """Those that are not counted yet."""

    def count(self) -> None:
        """Count those that wait."""
        waiting, self.waiting = self.waiting, []
        self.requests += len(waiting)
        self.seconds.observe([record.seconds for record in waiting])
        first = [record.first_byte_seconds for record in waiting]
        self.first_byte.observe([seconds for seconds in first if seconds is not None])
        usages = [record.usage for record in waiting if record.usage is not None]
        for tokens, chosen in (
            (self.reported, [usage for usage in usages if not usage.estimated]),
            (self.estimated, [usage for usage in usages if usage.estimated]),
        ):
            for place, counts in enumerate(zip(*map(_counts, chosen), strict=True)):
                tokens[place] += sum(filter(None, counts))


class Metrics:
    """Implements :class:`trunkline.relay.ports.Recorder`. ``health`` is read when metrics are asked for."""

    def __init__(self, health: Health, clock: Clock, turns: Turns, budget: RetryBudget) -> None:
        self._health = health
        self._budget = budget
        self.reloaded: Callable[[], bool] = lambda: True
        """Whether the last reload worked."""
        self._turns = turns
        self._clock = clock
        self._pairs: set[Pair] = set()
        self._series: dict[tuple[object, ...], Series] = {}
        self._attempts: dict[tuple[str, str, int | None, str], int] = {}
        self._waiting = 0

    def record(self, record: ExchangeRecord) -> None:
        """Have one exchange counted, before anybody asks."""
        key = (
            record.protocol, record.operation, record.provider, record.model, record.outcome, record.status
        )  # fmt: skip
        series = self._series.get(key)
        if series is None:
            series = self._new_series(record)
        series.waiting.append(record)
        self._waiting += 1
        if self._waiting >= BATCH:
            self._count()

    def _count(self) -> None:
        """Count what waits: many at a time cost a fifth of what they do one by one."""
        self._waiting = 0
        for series in self._series.values():
            if not series.waiting:
                continue
            tried = Counter(
                [
                    (attempt.target, attempt.surface, attempt.status, attempt.error)
                    for record in series.waiting
                    for attempt in record.attempts
                ]
            )
            series.count()
            for (target, surface, status, error), count in tried.items():
                attempt = (
                    str(Target(*self._pair(target))), surface, status, "" if error is None else error.partition(":")[0]
                )  # fmt: skip
                self._attempts[attempt] = self._attempts.get(attempt, 0) + count

    def _new_series(self, record: ExchangeRecord) -> Series:
        """The place for exchanges that ended so, with ``other`` for the pair once there are too many."""
        pair = NOBODY if record.provider is None else self._pair(f"{record.provider}/{record.model}")
        key = (record.protocol, record.operation, *pair, record.outcome, record.status)
        return self._series.setdefault(key, Series(pair))

    def _pair(self, target: str) -> Pair:
        provider, _, model = target.partition("/")
        pair = (provider, model)
        if pair not in self._pairs:
            if len(self._pairs) >= MAX_PAIRS:
                return OTHER
            self._pairs.add(pair)
        return pair

    async def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        await asyncio.to_thread(import_module, "prometheus_client")  # takes 50 ms
        return await asyncio.to_thread(_write, list(self.collect()))

    def collect(self) -> Iterable["Metric"]:
        """Everything counted so far, as families."""
        self._count()
        from prometheus_client.metrics_core import GaugeMetricFamily

        build = GaugeMetricFamily("trunkline_build_info", "The running version.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        yield GaugeMetricFamily(
            "trunkline_config_last_reload_ok",
            "0 when the configuration could not be reloaded and the one before stays.",
            value=int(self.reloaded()),
        )
        yield self._request_family()
        yield self._attempt_family()
        yield self._token_family()
        took = _merged((series.pair, series.seconds) for series in self._series.values())
        yield _histogram("trunkline_request_seconds", "From the request to the end of its answer.", took)
        first = _merged((series.pair, series.first_byte) for series in self._series.values())
        yield _histogram("trunkline_first_byte_seconds", "From the request to the first content.", first)
        yield from self._health_families()
        yield from self._budget_families()

    def _request_family(self) -> "Metric":
        labels = ["protocol", "operation", "provider", "model", "outcome", "status"]
        counts: dict[tuple[str, ...], int] = {
            (str(key[0]), str(key[1]), *series.pair, str(key[4]), str(key[5])): series.requests
            for key, series in self._series.items()
        }
        return _counter("trunkline_requests", "Requests of clients by how they ended.", labels, counts)

    def _attempt_family(self) -> "Metric":
        labels = ["provider", "model", "surface", "status", "error", "timeout"]
        counts: dict[tuple[str, ...], int] = {}
        for (target, surface, status, cause), count in self._attempts.items():
            provider, _, model = target.partition("/")
            # As relay.journal.describe writes it: the kind, perhaps timeout=NAME.
            kind, _, timeout = cause.partition(" timeout=")
            counts[provider, model, surface, "" if status is None else str(status), kind, timeout] = count
        return _counter("trunkline_upstream_attempts", "Requests to providers.", labels, counts)

    def _token_family(self) -> "Metric":
        counts: dict[tuple[str, ...], int] = {}
        for series in self._series.values():
            for estimated, tokens in (("no", series.reported), ("yes", series.estimated)):
                for kind, count in zip(TOKENS, tokens, strict=True):
                    if count:
                        key = (*series.pair, kind, estimated)
                        counts[key] = counts.get(key, 0) + count
        text = "Tokens by kind; reasoning is a part of output."
        return _counter("trunkline_tokens", text, ["provider", "model", "kind", "estimated"], counts)

    def _budget_families(self) -> Iterable["Metric"]:
        from prometheus_client.metrics_core import GaugeMetricFamily

        budget = self._budget
        tokens = GaugeMetricFamily(
            "trunkline_retry_tokens",
            "What is left for retries of a provider.",
            labels=["provider"],
        )
        for provider in sorted({provider for provider, _ in self._pairs} | budget.spent.keys()):
            tokens.add_metric([provider], budget.policy.bucket - budget.spent.get(provider, 0))
        yield tokens
        live = GaugeMetricFamily("trunkline_live_requests", "Requests under way.", value=budget.live)
        yield live
        retrying = GaugeMetricFamily(
            "trunkline_live_retries", "Requests that are retries, or wait to be one.", value=budget.retrying
        )
        yield retrying
        counts: dict[tuple[str, ...], int] = {
            (provider, limit): count for (provider, limit), count in budget.refused.items()
        }
        text = "Retries that did not take place: the bucket was empty, or too many were live."
        yield _counter("trunkline_retries_refused", text, ["provider", "limit"], counts)

    def _health_families(self) -> Iterable["Metric"]:
        from prometheus_client.metrics_core import GaugeMetricFamily

        now = self._clock.now()
        breakers = GaugeMetricFamily(
            "trunkline_breaker_open",
            "1 while a target is not asked after failures.",
            labels=["provider", "model"],
        )
        known = self._health.tracked()
        for target, breaker in known.items():
            breakers.add_metric([target.provider, target.deployment], 0 if admits(breaker, now) else 1)
        for provider, model in self._pairs - {(one.provider, one.deployment) for one in known}:
            breakers.add_metric([provider, model], 0)
        yield breakers
        cooling = GaugeMetricFamily(
            "trunkline_credential_rests_seconds",
            "How long a provider's credential still rests after a limit.",
            labels=["provider"],
        )
        for provider in sorted({provider for provider, _ in self._pairs}):
            cooling.add_metric([provider], max(0.0, self._health.cooling_until(provider) - now))
        yield cooling
        rests = GaugeMetricFamily(
            "trunkline_model_rests_seconds",
            "How long a model still rests whose tokens of the minute are used up, or that is starting.",
            labels=["provider", "model"],
        )
        waiting = GaugeMetricFamily(
            "trunkline_model_waiting_requests",
            "Requests that wait for such a model.",
            labels=["provider", "model"],
        )
        for target, (seconds, requests) in self._turns.resting().items():
            rests.add_metric([target.provider, target.deployment], seconds)
            waiting.add_metric([target.provider, target.deployment], requests)
        yield rests
        yield waiting


def _merged(found: Iterable[tuple[Pair, Histogram]]) -> dict[Pair, Histogram]:
    """One histogram a pair."""
    merged: dict[Pair, Histogram] = {}
    for pair, histogram in found:
        merged.setdefault(pair, Histogram()).add(histogram)
    return merged


class _Collected:
    """What the library's registry takes: something that has the families ready."""

    def __init__(self, families: list["Metric"]) -> None:
        self._families = families

    def collect(self) -> Iterable["Metric"]:
        return self._families


def _write(families: list["Metric"]) -> bytes:
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(families))
    return generate_latest(registry)


def _counter(name: str, text: str, labels: list[str], counts: dict[tuple[str, ...], int]) -> "Metric":
    from prometheus_client.metrics_core import CounterMetricFamily

    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family


def _histogram(name: str, text: str, found: dict[Pair, Histogram]) -> "Metric":
    from prometheus_client.metrics_core import HistogramMetricFamily

    family = HistogramMetricFamily(name, text, labels=["provider", "model"])
    for pair, histogram in found.items():
        family.add_metric(pair, buckets=histogram.buckets(), sum_value=histogram.total)
    return family

"""Limits that count a minute and say no wait: a line for each model, one try at a time (databricks.md 5.4)."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from relay.kit import Bench, Script, ScriptedUpstream, TestProvider, WritingSink, provider
from relay.tiny import answer
from relay.virtual import now, run
from trunkline.config.schema import Retry
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead, HttpRequest
from trunkline.providers.provider import Surface
from trunkline.relay.ports import UpstreamAnswer
from trunkline.relay.turns import RESTS
from trunkline.routing.plan import Target

START = 1000.0
"""The virtual loop's first moment."""


class Limited(TestProvider):
    """Its 429 counts a minute, as Databricks' does."""

    def read_error(self, surface: Surface, error: GatewayError, head: HttpHead) -> GatewayError:
        limit = error.kind is Kind.RATE_LIMITED and error.retry_after is None
        error.in_line = limit or b"scaled to zero" in (error.raw or b"")
        return error


class Window(ScriptedUpstream):
    """Lets requests in by the clock. ``asked`` has the moments of all requests, since the start."""

    def __init__(self, opens: Callable[[float], bool]) -> None:
        self._fine, self._full = Script(answer("fine")), Script([b"full"], status=429)
        super().__init__(self._fine)
        self._opens = opens
        self.asked: list[float] = []
        self.fine = 0

    async def open(self, request: HttpRequest, *, headers_timeout: float) -> UpstreamAnswer:
        moment = now() - START
        self.asked.append(moment)
        lets_in = self._opens(moment) or "two" in request.url
        self.fine += lets_in
        self._scripts = [self._fine if lets_in else self._full]
        return await super().open(request, headers_timeout=headers_timeout)


def limited(name: str) -> Limited:
    return Limited(name, provider(name, "tiny").offers)


def bench(opens: Callable[[float], bool], *names: str, retry: Retry | None = None) -> tuple[Bench, Window]:
    window = Window(opens)
    return Bench(window, tuple(map(limited, names or ("one",))), retry=retry or Retry()), window


def test_one_request_waits_as_long_as_the_minute_lasts() -> None:
    it, window = bench(lambda moment: moment >= 40)
    assert run(it.run()).text == "fine"
    assert window.asked == [0, 1, 6, 21, 41]
    assert it.records[0].outcome == "ok"
    assert len(it.records[0].attempts) == 5


def test_when_a_minute_does_not_help_the_client_is_told_when_to_come_back() -> None:
    it, window = bench(lambda moment: False)
    with pytest.raises(GatewayError) as raised:
        run(it.run(stream=False))
    assert window.asked == [0, 1, 6, 21, 41, 61]
    assert window.asked[-1] == sum(RESTS)
    assert (raised.value.kind, raised.value.status, raised.value.retry_after) == (
        Kind.RATE_LIMITED,
        429,
        20,
    )
    assert raised.value.message.endswith("(waited 61 s; the next try is in 20 s)")


def test_an_endpoint_that_starts_is_waited_for_in_the_same_way() -> None:
    it, window = bench(lambda moment: moment >= 20)
    window._full = Script([b"scaled to zero"], status=503)
    assert run(it.run()).text == "fine"
    assert window.asked == [0, 1, 6, 21]
    it, window = bench(lambda moment: False)
    window._full = Script([b"scaled to zero"], status=503)
    with pytest.raises(GatewayError) as raised:
        run(it.run(stream=False))
    assert (raised.value.kind, raised.value.status, raised.value.retry_after) == (Kind.OVERLOADED, 503, 20)


def test_many_wait_and_one_tries() -> None:
    it, window = bench(lambda moment: moment >= 30)

    async def scenario() -> list[str]:
        sinks = await asyncio.gather(*(it.run() for _ in range(10)))
        return [sink.text for sink in sinks]

    assert run(scenario()) == ["fine"] * 10
    assert window.asked == [0] * 10 + [1, 6, 21] + [41] * 10, (
        "ten at once, then one try at a time, then all"
    )


def test_who_comes_during_a_rest_asks_nobody_and_goes_after_those_before() -> None:
    it, window = bench(lambda moment: moment >= 6)
    done: list[str] = []

    async def one(name: str, after: float) -> None:
        await asyncio.sleep(after)
        await it.run()
        done.append(name)

    async def scenario() -> None:
        await asyncio.gather(one("first", 0), one("second", 2), one("third", 3))

    run(scenario())
    assert window.asked == [0, 1, 6, 6, 6]
    assert done[0] == "first"


def test_who_would_wait_too_long_is_told_so_at_once() -> None:
    it, window = bench(lambda moment: False, retry=Retry(max_retry_after=3))

    async def scenario() -> list[GatewayError]:
        results = await asyncio.gather(it.run(), it.run(), return_exceptions=True)
        assert all(isinstance(result, GatewayError) for result in results)
        return [result for result in results if isinstance(result, GatewayError)]

    errors = run(scenario())
    assert window.asked == [0, 0, 1]
    assert [error.retry_after for error in errors] == [5, 5]


def test_without_retries_nobody_waits() -> None:
    it, window = bench(lambda moment: False, retry=Retry(per_target=0))
    with pytest.raises(GatewayError):
        run(it.run())
    assert window.asked == [0]


def test_another_target_is_asked_at_once_and_first_while_the_limit_holds() -> None:
    it, window = bench(lambda moment: moment >= 1, "one", "two")

    async def scenario() -> list[str]:
        served = []
        for pause in (0.0, 0.5, 0.7):
            await asyncio.sleep(pause)
            sink = WritingSink()
            await it.run(sink=sink)
            served.append(sink.headers["x-trunkline-provider"])
        return served

    assert run(scenario()) == ["two", "two", "one"]
    assert [request.url for request in window.requests] == [
        "http://one/tiny",
        "http://two/tiny",
        "http://two/tiny",
        "http://one/tiny",
    ]


def test_the_next_one_tries_when_the_one_whose_turn_it_is_goes_away() -> None:
    it, window = bench(lambda moment: moment >= 1)
    window._fine = Script(answer("fine"), before=5.0)

    async def scenario() -> str:
        first = asyncio.ensure_future(it.run())
        await asyncio.sleep(0.5)
        second = asyncio.ensure_future(it.run())
        await asyncio.sleep(2)  # the first one's try is under way
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return (await second).text

    assert run(scenario()) == "fine"
    assert window.asked == [0, 1, 2.5]


def test_another_failure_lets_the_next_one_try() -> None:
    it, window = bench(lambda moment: True)
    scripts = [Script([b"full"], status=429), Script([b"no"], status=400), Script(answer("fine"))]

    async def opened(request: HttpRequest, *, headers_timeout: float) -> UpstreamAnswer:
        window.asked.append(now() - START)
        window._scripts = [scripts.pop(0)]
        return await ScriptedUpstream.open(window, request, headers_timeout=headers_timeout)

    window.open = opened  # type: ignore[method-assign]

    async def scenario() -> list[str]:
        first = asyncio.ensure_future(it.run())
        await asyncio.sleep(0.5)
        second = asyncio.ensure_future(it.run())
        results = await asyncio.gather(first, second, return_exceptions=True)
        return [
            result.text if isinstance(result, WritingSink) else type(result).__name__ for result in results
        ]

    assert run(scenario()) == ["GatewayError", "fine"]
    assert window.asked == [0, 1, 1]


def test_a_streaming_client_hears_that_its_request_lives() -> None:
    it, _ = bench(lambda moment: moment >= 60)
    sink = run(it.run())
    assert sink.text == "fine"
    signs = [moment - START for moment in sink.times if moment < START + 60]
    assert signs, "nothing was sent for a minute"
    assert max(after - before for before, after in pairwise(signs)) <= 15


def test_other_models_of_the_provider_are_not_held_up() -> None:
    it, _ = bench(lambda moment: False)
    exchange = it.build()

    async def scenario() -> None:
        waiting = asyncio.ensure_future(it.run())
        await asyncio.sleep(0.5)
        turns = exchange._services.turns
        assert turns.resting() == {Target("one", "model"): (0.5, 1)}
        assert turns.rests_until(Target("one", "other")) == 0
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert turns.resting() == {Target("one", "model"): (0.5, 0)}

    run(scenario())

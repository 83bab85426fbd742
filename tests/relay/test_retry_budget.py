"""A sick upstream is not asked twice for everything (reliability_ux.md A3, T20), and whoever asks is told so."""

import asyncio

import pytest

from relay.kit import Bench, Script, ScriptedUpstream, WritingSink, provider
from relay.tiny import answer
from relay.virtual import run
from trunkline.config.schema import Retry
from trunkline.core.errors import GatewayError

DOWN = Script([b"no"], status=503)
FINE = Script(answer("fine"))
TWO = (provider("one", "tiny"), provider("two", "tiny"))


async def fails(it: Bench) -> None:
    with pytest.raises(GatewayError):
        await it.run()


@pytest.mark.parametrize("together", [1, 50])
def test_T20_a_dead_upstream_sees_little_more_than_what_is_offered(together: int) -> None:
    it = Bench(ScriptedUpstream(DOWN))

    async def main() -> None:
        for _ in range(500 // together):
            await asyncio.gather(*(fails(it) for _ in range(together)))

    run(main())
    assert 500 < len(it.upstream.requests) <= 1.25 * 500
    budget = it.build()._services.budget
    assert (budget.live, budget.retrying) == (0, 0)
    assert sum(budget.refused.values()) == 1000 - len(it.upstream.requests)


def test_T20_no_more_than_a_share_of_what_is_under_way_is_retried() -> None:
    it = Bench(ScriptedUpstream(DOWN), retry=Retry(cost=0))

    async def main() -> None:
        await asyncio.gather(*(fails(it) for _ in range(200)))

    run(main())
    assert len(it.upstream.requests) == 200 + 40
    assert it.build()._services.budget.refused == {("one", "live"): 160}


def test_a_retry_that_was_refused_is_in_the_reason() -> None:
    urls = {"http://one/tiny": [DOWN], "http://two/tiny": [FINE]}
    it = Bench(ScriptedUpstream(by_url=urls), TWO, retry=Retry(bucket=4))
    sink = run(it.run())
    reason = "test; no retry: the retry budget of one is spent"
    assert sink.headers["x-trunkline-route"] == reason
    assert (it.records[0].route, len(it.records[0].attempts)) == (reason, 2)


def test_the_last_ones_error_goes_to_the_client_with_the_reason() -> None:
    it = Bench(ScriptedUpstream(DOWN), retry=Retry(floor=0, live_share=0.0))
    with pytest.raises(GatewayError) as raised:
        run(it.run())
    assert raised.value.status == 503
    assert raised.value.should_retry is None, "the client may well try again"
    shown = dict(raised.value.headers)["x-trunkline-route"]
    assert shown == "test; no retry: too many requests are being retried"
    assert len(it.upstream.requests) == 1


def test_T24_who_is_passed_over_is_in_the_reason() -> None:
    urls = {"http://one/tiny": [DOWN], "http://two/tiny": [FINE]}
    it = Bench(ScriptedUpstream(by_url=urls), TWO, retry=Retry(per_target=0))

    async def main() -> list[str]:
        return [(await it.run()).headers["x-trunkline-route"] for _ in range(6)]

    assert run(main()) == ["test"] * 5 + ["test; one/model is passed over: its breaker is open"]


def test_a_client_that_leaves_during_a_retry_gives_it_back() -> None:
    it = Bench(ScriptedUpstream(DOWN, Script(before=1000.0)))

    async def main() -> None:
        exchange = asyncio.ensure_future(it.run(sink=WritingSink()))
        await asyncio.sleep(5)
        budget = it.build()._services.budget
        assert (budget.live, budget.retrying) == (1, 1)
        exchange.cancel("client_closed")
        await asyncio.gather(exchange, return_exceptions=True)
        assert (budget.live, budget.retrying) == (0, 0)

    run(main())

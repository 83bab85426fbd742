"""A token kept fresh: when it is renewed, by how many calls, and what happens when that fails."""

import asyncio
import logging

import pytest

from trunkline.core.errors import GatewayError, Kind
from trunkline.upstream.credentials.kept import BACK_OFF, PAUSE, Issued, KeptToken


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0
        self.chance = 0.0

    def now(self) -> float:
        return self.time

    def unix(self) -> int:
        return int(self.time)

    def jitter(self) -> float:
        return self.chance


class Issuer:
    """Issues ``token-1``, ``token-2``...; fails while ``failure`` is set."""

    def __init__(self, life: float | None = 3600.0) -> None:
        self.calls = 0
        self.life = life
        self.failure: GatewayError | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self) -> Issued:
        self.calls += 1
        number = self.calls
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return Issued(f"token-{number}", self.life)


def made(life: float | None = 3600.0) -> tuple[KeptToken, Issuer, Clock]:
    clock, issuer = Clock(), Issuer(life)
    return KeptToken("provider dbx", issuer.fetch, clock), issuer, clock


def refusal() -> GatewayError:
    return GatewayError(Kind.AUTHENTICATION, "provider dbx: no", should_retry=False)


def test_fifty_that_ask_at_once_make_one_call() -> None:
    async def scenario() -> None:
        kept, issuer, _ = made()
        issuer.gate.clear()
        waiting = [asyncio.ensure_future(kept.current()) for _ in range(50)]
        await asyncio.sleep(0)
        issuer.gate.set()
        assert await asyncio.gather(*waiting) == ["token-1"] * 50
        assert issuer.calls == 1
        await kept.close()

    asyncio.run(scenario())


def test_it_is_renewed_in_the_background_while_the_old_one_serves() -> None:
    async def scenario() -> None:
        kept, issuer, clock = made()
        assert await kept.current() == "token-1"
        clock.time += 3600 - 1201
        assert await kept.current() == "token-1"
        assert issuer.calls == 1, "20 minutes are left"
        clock.time += 2
        issuer.gate.clear()
        assert [await kept.current() for _ in range(3)] == ["token-1"] * 3
        await asyncio.sleep(0.01)
        assert issuer.calls == 2
        issuer.gate.set()
        await asyncio.sleep(0.01)
        assert await kept.current() == "token-2"
        assert issuer.calls == 2
        await kept.close()

    asyncio.run(scenario())


def test_processes_do_not_all_renew_at_the_same_moment() -> None:
    async def scenario() -> None:
        kept, issuer, clock = made()
        clock.chance = 0.99
        await kept.current()
        clock.time += 3600 - 1190
        await kept.current()
        await asyncio.sleep(0.01)
        assert issuer.calls == 1, "a fifth of the lead is spread"
        clock.time += 300
        await kept.current()
        await asyncio.sleep(0.01)
        assert issuer.calls == 2
        await kept.close()

    asyncio.run(scenario())


def test_a_token_that_has_ended_is_not_handed_out() -> None:
    async def scenario() -> None:
        kept, issuer, clock = made()
        await kept.current()
        clock.time += 3600 - 39
        assert await kept.current() == "token-2", "a workspace refuses the last 30 seconds"
        assert issuer.calls == 2
        await kept.close()

    asyncio.run(scenario())


def test_a_token_without_an_end_is_kept() -> None:
    async def scenario() -> None:
        kept, issuer, clock = made(None)
        await kept.current()
        clock.time += 1e9
        assert await kept.current() == "token-1"
        assert issuer.calls == 1

    asyncio.run(scenario())


def test_a_client_that_leaves_does_not_stop_the_call_for_others() -> None:
    async def scenario() -> None:
        kept, issuer, _ = made()
        issuer.gate.clear()
        leaving, staying = asyncio.ensure_future(kept.current()), asyncio.ensure_future(kept.current())
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.sleep(0)
        issuer.gate.set()
        assert await staying == "token-1"
        assert leaving.cancelled()
        assert issuer.calls == 1

    asyncio.run(scenario())


def test_a_failure_in_the_background_is_said_once_and_tried_again_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        kept, issuer, clock = made()
        await kept.current()
        issuer.failure = refusal()
        clock.time += 2500
        for _ in range(5):
            assert await kept.current() == "token-1"
            await asyncio.sleep(0.005)
        assert issuer.calls == 2
        clock.time += BACK_OFF
        issuer.failure = None
        await kept.current()
        await asyncio.sleep(0.005)
        assert await kept.current() == "token-3"
        await kept.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(scenario())
    assert [entry.getMessage() for entry in caplog.records] == [
        "the token of provider dbx could not be renewed: provider dbx: no"
    ]
    assert "token-1" not in caplog.text


def test_without_a_token_the_failure_is_everybodys_and_nobody_hammers() -> None:
    async def scenario() -> None:
        kept, issuer, clock = made()
        issuer.failure = refusal()
        issuer.gate.clear()
        waiting = [asyncio.ensure_future(kept.current()) for _ in range(10)]
        await asyncio.sleep(0)
        issuer.gate.set()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(one, GatewayError) and one.message == "provider dbx: no" for one in outcomes)
        assert len({id(one) for one in outcomes}) == 10, "each its own"
        with pytest.raises(GatewayError):
            await kept.current()
        assert issuer.calls == 1
        clock.time += PAUSE
        issuer.failure = None
        assert await kept.current() == "token-2"

    asyncio.run(scenario())


def test_a_network_that_failed_is_tried_at_once() -> None:
    async def scenario() -> None:
        kept, issuer, _ = made()
        issuer.failure = GatewayError(Kind.UNREACHABLE, "gone", local=False)
        with pytest.raises(GatewayError) as raised:
            await kept.current()
        assert (raised.value.kind, raised.value.local) == (Kind.UNREACHABLE, False)
        issuer.failure = None
        assert await kept.current() == "token-2"

    asyncio.run(scenario())


def test_fifty_refusals_of_one_token_make_one_call() -> None:
    async def scenario() -> None:
        kept, issuer, clock = made()
        token = await kept.current()
        issuer.gate.clear()
        waiting = [asyncio.ensure_future(kept.renewed(token)) for _ in range(49)]
        await asyncio.sleep(0)
        issuer.gate.set()
        assert await asyncio.gather(*waiting) == [True] * 49
        clock.time += 100
        assert await kept.renewed(token), "a slow one: the token it had is not the current one any more"
        assert issuer.calls == 2
        assert await kept.current() == "token-2"

    asyncio.run(scenario())


def test_the_new_token_may_be_refused_later_but_not_in_a_loop() -> None:
    async def scenario() -> None:
        kept, issuer, clock = made()
        await kept.current()
        assert await kept.renewed("token-1")
        assert not await kept.renewed("token-2"), "just renewed"
        clock.time += PAUSE
        assert await kept.renewed("token-2")
        assert issuer.calls == 3

    asyncio.run(scenario())


def test_the_same_token_again_is_not_worth_a_try() -> None:
    async def same() -> Issued:
        return Issued("token", None, 2.0)

    async def scenario() -> None:
        kept = KeptToken("p", same, Clock())
        assert await kept.current() == "token"
        assert not await kept.renewed("token")

    asyncio.run(scenario())


def test_a_failed_renewal_after_a_refusal_says_what_to_do() -> None:
    async def scenario() -> None:
        kept, issuer, _ = made()
        await kept.current()
        issuer.failure = refusal()
        with pytest.raises(GatewayError, match="provider dbx: no"):
            await kept.renewed("token-1")

    asyncio.run(scenario())


def test_closing_stops_what_runs() -> None:
    async def scenario() -> None:
        kept, issuer, _ = made()
        issuer.gate.clear()
        waiting = asyncio.ensure_future(kept.current())
        await asyncio.sleep(0)
        await kept.close()
        await asyncio.sleep(0)
        assert waiting.cancelled()

    asyncio.run(scenario())


def test_T70_a_call_that_takes_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.upstream.credentials.kept.PATIENCE", 0.01)

    async def scenario() -> None:
        kept, issuer, _ = made()
        issuer.gate.clear()
        with pytest.raises(GatewayError) as raised:
            await kept.current()
        assert raised.value.kind is Kind.TIMEOUT

    asyncio.run(scenario())

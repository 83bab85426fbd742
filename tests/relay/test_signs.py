"""Signs of life while no upstream stream is there yet (reliability_ux.md A2; ADR 0007)."""

import asyncio

import pytest

from relay.kit import Bench, Script, ScriptedUpstream, WritingSink, provider
from relay.tiny import answer
from relay.virtual import now, run
from trunkline.config.schema import Retry
from trunkline.core.errors import GatewayError, Kind
from trunkline.relay.ports import ClientGone

PING = b": ping\n\n"
TWO = (provider("one", "tiny"), provider("two", "tiny"))
NO_RETRY = Retry(per_target=0)
BUSY = Script([b"busy"], status=503, headers=(("content-type", "text/plain"),))


def bench(*scripts: Script, retry: Retry = NO_RETRY) -> Bench:
    return Bench(ScriptedUpstream(*scripts), TWO, retry=retry)


def test_nothing_before_fifteen_seconds_so_a_real_status_survives() -> None:
    slow = Script([b"busy"], status=503, before=7.0)
    sink = WritingSink()
    with pytest.raises(GatewayError) as raised:
        run(bench(slow, slow).run(sink=sink))
    assert raised.value.status == 503
    assert sink.status is None


def test_waiting_for_the_head() -> None:
    it = bench(Script(answer("late"), before=100.0))
    sink = run(it.run())
    assert sink.status == 200
    assert sink.text == "late"
    assert sink.pieces[:6] == [PING] * 6
    assert PING not in sink.pieces[6:]
    gaps = [later - earlier for earlier, later in zip(sink.times, sink.times[1:], strict=False)]
    assert max(gaps) <= 16.0
    assert it.records[0].outcome == "ok"


def test_backing_off() -> None:
    limited = Script([b"wait"], status=429, headers=(("retry-after", "40"),))
    it = bench(limited, Script(answer("fine")), retry=Retry(per_target=1, targets=1))
    sink = run(it.run())
    assert it.clock.slept == [40.0]
    assert sink.pieces[:2] == [PING, PING]
    assert sink.text == "fine"
    assert len(it.records[0].attempts) == 2


def test_an_answer_after_a_sign_may_come_from_the_next_target() -> None:
    it = bench(Script([b"x"], status=503, before=50.0), Script(answer("fine")))
    sink = run(it.run())
    assert sink.kinds == ["start", "text", "end"]
    assert sink.pieces.count(PING) == 3
    assert it.records[0].provider == "two"
    assert it.records[0].status == 200


def test_when_all_fail_after_a_sign_there_is_one_error_event() -> None:
    it = bench(Script([b"x"], status=503, before=20.0), Script([b"x"], status=503, before=20.0))
    sink = run(it.run())
    assert sink.kinds == ["error"]
    assert sink.status == 200
    assert it.records[0].outcome == "error"
    assert it.records[0].status == 200
    assert len(it.records[0].attempts) == 2


def test_a_client_that_asked_for_no_stream_gets_no_sign() -> None:
    sink = WritingSink()
    with pytest.raises(GatewayError):
        run(bench(Script([b"x"], status=503, before=50.0)).run(stream=False, sink=sink))
    assert sink.status is None


@pytest.mark.parametrize("stalled", [False, True])
def test_a_client_that_is_gone_ends_the_waiting(stalled: bool) -> None:
    async def gone(sink: WritingSink) -> None:
        raise ClientGone(stalled=stalled)

    async def scenario() -> float:
        began = now()
        await it.run(sink=WritingSink(gone))
        return now() - began

    it = bench(Script(answer("late"), before=100.0))
    assert run(scenario()) == pytest.approx(15.0)
    assert it.upstream.cancelled == 1
    assert it.records[0].outcome == ("client_stalled" if stalled else "client_closed")


def test_content_waits_for_a_sign_that_is_under_way() -> None:
    async def slowly(sink: WritingSink) -> None:
        await asyncio.sleep(10.0)

    it = bench(Script(answer("late"), before=20.0))
    sink = run(it.run(sink=WritingSink(slowly)))
    assert sink.pieces[0] == PING
    assert sink.text == "late"
    assert sink.times[0] - 1000.0 == pytest.approx(25.0)


def test_a_client_that_leaves_while_a_sign_is_sent_leaves_nothing_behind() -> None:
    async def stuck(sink: WritingSink) -> None:
        await asyncio.sleep(1000.0)

    async def scenario() -> None:
        task = asyncio.ensure_future(it.run(sink=WritingSink(stuck)))
        await asyncio.sleep(20.0)
        task.cancel("client_closed")
        with pytest.raises(asyncio.CancelledError):
            await task

    it = bench(Script(answer("late"), before=100.0))
    run(scenario())
    assert it.records[0].outcome == "client_closed"
    assert it.upstream.cancelled == 1


def test_an_unreachable_upstream_in_the_middle_of_it() -> None:
    down = GatewayError(Kind.UNREACHABLE, "down", local=False)
    it = bench(Script(before=40.0, refuse=down), Script(answer("fine"), before=40.0))
    sink = run(it.run())
    assert sink.text == "fine"
    assert sink.pieces.count(PING) == 5

"""More requests than places wait their turn, and not for ever."""

import asyncio

import pytest

from trunkline.core.errors import GatewayError, Kind
from trunkline.relay.admission import Admission


def test_T16_queue_wait_names_itself_and_asks_to_come_back() -> None:
    async def run() -> None:
        admission = Admission(1, 0.02)
        assert admission.enter()
        assert not admission.enter()
        with pytest.raises(GatewayError) as caught:
            await admission.queue()
        assert caught.value.kind is Kind.OVERLOADED
        assert caught.value.timeout == "queue.wait"
        assert caught.value.retry_after == 1.0
        admission.leave()
        assert admission.enter()

    asyncio.run(run())


def test_a_free_place_goes_to_who_waited_first() -> None:
    async def run() -> None:
        admission = Admission(2, 5.0)
        served: list[int] = []
        running = 0

        async def exchange(number: int) -> None:
            nonlocal running
            if not admission.enter():
                await admission.queue()
            running += 1
            assert running <= 2
            served.append(number)
            await asyncio.sleep(0)
            running -= 1
            admission.leave()

        await asyncio.gather(*(exchange(number) for number in range(10)))
        assert served == list(range(10))
        assert admission.enter()
        assert admission.enter()
        assert not admission.enter()

    asyncio.run(run())


def test_T10_who_leaves_the_queue_takes_no_place() -> None:
    async def run() -> None:
        admission = Admission(1, 5.0)
        assert admission.enter()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await admission.queue()
        admission.leave()
        assert admission.enter()

    asyncio.run(run())


def test_a_place_that_is_given_to_someone_who_just_left_goes_on_to_the_next() -> None:
    async def run() -> None:
        admission = Admission(1, 5.0)
        assert admission.enter()
        gone, next_one = (asyncio.create_task(admission.queue()) for _ in range(2))
        await asyncio.sleep(0)
        admission.leave()
        gone.cancel()
        await next_one
        assert gone.cancelled()
        assert not admission.enter()

    asyncio.run(run())

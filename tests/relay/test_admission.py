"""More requests than places wait their turn, and not for ever."""

import asyncio

import pytest

from trunkline.core.errors import GatewayError, Kind
from trunkline.relay.admission import Admission


def test_T16_queue_wait_names_itself_and_asks_to_come_back() -> None:
    async def run() -> None:
        admission = Admission(1, 0.02)
        async with admission.place():
            with pytest.raises(GatewayError) as caught:
                async with admission.place():
                    pass
        assert caught.value.kind is Kind.OVERLOADED
        assert caught.value.timeout == "queue.wait"
        assert caught.value.retry_after == 1.0

    asyncio.run(run())


def test_a_free_place_goes_to_who_waited_first() -> None:
    async def run() -> None:
        admission = Admission(2, 5.0)
        served: list[int] = []
        running = 0

        async def exchange(number: int) -> None:
            nonlocal running
            async with admission.place():
                running += 1
                assert running <= 2
                served.append(number)
                await asyncio.sleep(0)
                running -= 1

        await asyncio.gather(*(exchange(number) for number in range(10)))
        assert served == list(range(10))

    asyncio.run(run())


def test_T10_who_leaves_the_queue_takes_no_place() -> None:
    async def run() -> None:
        admission = Admission(1, 5.0)
        async with admission.place():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01), admission.place():
                    pass
        async with asyncio.timeout(1), admission.place():
            pass

    asyncio.run(run())

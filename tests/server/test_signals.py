"""What happens between a stop signal and the server's reaction to it (reliability_ux.md T35)."""

import asyncio
import signal

import pytest

from trunkline.server.signals import EXIT_SIGNALS, before_exit


@pytest.mark.parametrize("number", EXIT_SIGNALS)
def test_readiness_ends_before_the_server_begins_to_stop(number: signal.Signals) -> None:
    seen: list[str] = []
    kept = {one: signal.getsignal(one) for one in EXIT_SIGNALS}

    async def main() -> list[str]:
        stopped = asyncio.Event()

        def stop(_number: int, _frame: object) -> None:
            seen.append("stops")
            stopped.set()

        for one in EXIT_SIGNALS:
            signal.signal(one, stop)
        before_exit(lambda: seen.append("not ready"))
        signal.raise_signal(number)
        at_once = list(seen)
        await asyncio.wait_for(stopped.wait(), 60)
        return at_once

    try:
        at_once = asyncio.run(main())
    finally:
        for one, handler in kept.items():
            signal.signal(one, handler)
    assert seen == ["not ready", "stops"]
    assert at_once == (seen if number == signal.SIGINT else ["not ready"]), "a balancer may look in between"

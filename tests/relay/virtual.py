"""An event loop whose time is ours: it jumps to the next timer instead of waiting for it."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


class _Instant(selectors.SelectSelector):
    """Reports what is ready and, instead of waiting, moves the loop's time."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise RuntimeError("the test hangs: nothing is ready and no timer is set")
        self.loop.moment += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time starts at 1000 s and only moves when everybody waits."""

    def __init__(self) -> None:
        selector = _Instant()
        super().__init__(selector)
        self.moment = 1000.0
        selector.loop = self

    def time(self) -> float:
        return self.moment


def run(coroutine: Coroutine[object, object, T]) -> T:
    """Run a test's coroutine in virtual time; it must leave no task behind."""
    loop = VirtualLoop()
    try:
        result = loop.run_until_complete(coroutine)
        left = asyncio.all_tasks(loop)
        assert not left, f"tasks left behind: {left}"
        return result
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def now() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()

"""Noticing, ahead of the server's own reaction, that the process has been told to stop."""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

Handler = Callable[[int, FrameType | None], object]

EXIT_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


READY_LAG: Final = 0.2
"""Seconds between ``/readyz`` saying no and the listener closing, so that a balancer can look in between."""


def before_exit(call: Callable[[], None]) -> None:
    """Have ``call`` run when a stop signal arrives, then what was to happen anyway: on SIGTERM after a
    moment, on SIGINT at once.

    Works in the main thread only, where Python delivers signals; elsewhere there is none to wait for.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in EXIT_SIGNALS:
        before = signal.getsignal(number)
        if callable(before):
            signal.signal(number, _chain(loop, call, before))


def _chain(loop: asyncio.AbstractEventLoop, call: Callable[[], None], before: Handler) -> Handler:
    def react(number: int, frame: FrameType | None) -> None:
        call()
        if number == signal.SIGTERM:
            loop.call_soon_threadsafe(loop.call_later, READY_LAG, before, number, None)
        else:
            before(number, frame)

    return react

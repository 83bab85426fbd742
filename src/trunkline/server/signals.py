"""Noticing, ahead of the server's own reaction, that the process has been told to stop."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

HANG_UP: Final = getattr(signal, "SIGHUP", 0)
"""Has a gateway read its configuration anew; 0 on Windows, which has no such signal."""

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


def on_hang_up(call: Callable[[], None]) -> None:
    """Have ``call`` run in the loop on SIGHUP; but when that is the terminal's end, stop as on SIGTERM.

    Works in the main thread only, and not on Windows.
    """
    if not HANG_UP or threading.current_thread() is not threading.main_thread():
        return
    loop, ended = asyncio.get_running_loop(), terminal_ended()

    def react(_number: int, _frame: FrameType | None) -> None:
        if ended():
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            loop.call_soon_threadsafe(call)

    signal.signal(HANG_UP, react)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [HANG_UP])


@contextmanager
def hang_ups_held() -> Generator[None]:
    """SIGHUP waits until the end of this. In a process that is started meanwhile it waits for :func:`on_hang_up`."""
    if not HANG_UP:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [HANG_UP])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def terminal_ended() -> Callable[[], bool]:
    """Tells whether the terminal that is there now has gone. Who ignores SIGHUP (nohup) does not care for it."""
    if signal.getsignal(HANG_UP) == signal.SIG_IGN:
        return lambda: False
    terminals = [number for number in range(3) if os.isatty(number)]
    return lambda: bool(terminals) and not any(os.isatty(number) for number in terminals)

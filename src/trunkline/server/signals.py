"""Noticing, ahead of the server's own reaction, that the process has been told to stop."""

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

EXIT_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def before_exit(call: Callable[[], None]) -> None:
    """Have ``call`` run when a stop signal arrives, then what was to happen anyway.

    Works in the main thread only, where Python delivers signals; elsewhere there is none to wait for.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in EXIT_SIGNALS:
        before = signal.getsignal(number)
        if callable(before):
            signal.signal(number, _chain(call, before))


def _chain(
    call: Callable[[], None], before: Callable[[int, FrameType | None], object]
) -> Callable[[int, FrameType | None], None]:
    def react(number: int, frame: FrameType | None) -> None:
        call()
        before(number, frame)

    return react

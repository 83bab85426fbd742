"""Whether this process leaves its address to a successor that listens there already."""

import multiprocessing
import os
import signal
import threading
from types import FrameType
from typing import Final

HANDED_OVER: Final = signal.SIGUSR1
"""Tells a process that another one listens in its place: it ends when its connections have ended."""

_left = threading.Event()


def handed_over() -> bool:
    """Whether a successor has taken over: clients are served there, nobody need be turned away."""
    return _left.is_set()


def leave_when_told() -> None:
    """End on the signal as on SIGTERM, but let idle connections stay as long as they may at other times.

    Works in the main thread only, where Python delivers signals.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(HANDED_OVER, _leave)


def end_with_supervisor() -> None:
    """In a worker: end as on SIGTERM when the supervisor is gone, however it ended.

    Without one nobody would ever stop the worker, and it would go on taking the address' connections.
    """
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        return

    def follow() -> None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, name="trunkline-supervisor", daemon=True).start()


def _leave(_number: int, _frame: FrameType | None) -> None:
    _left.set()
    os.kill(os.getpid(), signal.SIGTERM)

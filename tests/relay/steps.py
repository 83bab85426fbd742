"""What work costs, counted in instructions of the interpreter: the same in every run, unlike time."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import trunkline

if TYPE_CHECKING:
    from _typeshed import TraceFunction

HOME = str(Path(trunkline.__file__).parent)


async def counted(work: Callable[[], Awaitable[object]]) -> int:
    """How many instructions of the interpreter ``work`` takes within the package."""
    steps = 0

    def step(frame: FrameType, event: str, argument: Any) -> "TraceFunction":
        nonlocal steps
        steps += event == "opcode"
        return step

    def enter(frame: FrameType, event: str, argument: Any) -> "TraceFunction | None":
        if not frame.f_code.co_filename.startswith(HOME):
            return None
        frame.f_trace_opcodes = True
        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        await work()
    finally:
        sys.settrace(before)
    return steps

"""The law of a neutral stream (``trunkline.core.events``), as a check over any list of events."""

from collections.abc import Sequence

from trunkline.core.events import (
    CitationDelta,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    SignatureDelta,
    Started,
    StreamEvent,
)
from trunkline.core.types import Refusal, Text, Thinking, ToolCall


def faults(events: Sequence[StreamEvent]) -> list[str]:
    """What breaks the law, in order; empty when it holds."""
    check = _Check()
    for place, event in enumerate(events):
        check.take(place, event)
    if check.end is None:
        check.found.append("no end")
    return check.found


class _Check:
    def __init__(self) -> None:
        self.found: list[str] = []
        self.end: StreamEvent | None = None
        self._open: tuple[int, object] | None = None
        self._next = 0
        self._started = False

    def take(self, place: int, event: StreamEvent) -> None:
        if self.end is not None:
            self._fault(place, f"{type(event).__name__} after the end")
        match event:
            case Started():
                if self._started:
                    self._fault(place, "a second start")
                self._started = True
            case Finished():
                self._finish(place)
                self.end = event
            case Failed():
                self.end = event
            case PartStarted(index, part):
                self._start_part(place, index, part)
            case PartEnded(index):
                if self._open is None or self._open[0] != index:
                    self._fault(place, f"part {index} ends, open is {self._open}")
                self._open = None
            case PartDelta(index) | SignatureDelta(index) | CitationDelta(index):
                self._delta(place, index, event)

    def _finish(self, place: int) -> None:
        if self._open is not None:
            self._fault(place, f"finished with part {self._open[0]} open")
        if not self._started:
            self._fault(place, "finished without a start")

    def _start_part(self, place: int, index: int, part: object) -> None:
        if not self._started:
            self._fault(place, "a part before the start")
        if self._open is not None or index != self._next:
            self._fault(place, f"part {index} opens while {self._open} is open; expected {self._next}")
        self._open, self._next = (index, part), index + 1

    def _delta(self, place: int, index: int, event: object) -> None:
        if self._open is None or self._open[0] != index:
            self._fault(place, f"a delta of part {index}, open is {self._open}")
            return
        part = self._open[1]
        takes = {
            PartDelta: Text | Refusal | Thinking | ToolCall,
            SignatureDelta: Thinking,
            CitationDelta: Text,
        }[type(event)]
        whole = isinstance(part, Thinking) and part.redacted is not None
        if whole or not isinstance(part, takes):
            self._fault(place, f"{type(event).__name__} on a part of type {type(part).__name__}")

    def _fault(self, place: int, what: str) -> None:
        self.found.append(f"event {place}: {what}")

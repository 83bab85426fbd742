"""What edits of an answer have in common: parts get indexes of their own, because some are added or left out."""

from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import replace

from trunkline.core.events import (
    CitationDelta,
    PartDelta,
    PartEnded,
    PartStarted,
    SignatureDelta,
    StreamEvent,
)
from trunkline.core.types import Part


class AnswerEdit(Protocol):
    """A change to one answer, event by event. It keeps the law of :mod:`trunkline.core.events`."""

    def feed(self, event: StreamEvent) -> Sequence[StreamEvent]:
        """The events to pass on in place of ``event``."""
        ...


class Parts:
    """Numbers the parts that go out; one at a time is open."""

    def __init__(self) -> None:
        self._index = -1
        self.open: Part | None = None
        """The part that is being written, as it began."""

    def start(self, part: Part) -> PartStarted:
        """A new part; the one before must have ended."""
        self._index += 1
        self.open = part
        return PartStarted(self._index, part)

    def say(self, text: str) -> PartDelta:
        """More of the open part."""
        return PartDelta(self._index, text)

    def end(self) -> PartEnded:
        """The end of the open part."""
        self.open = None
        return PartEnded(self._index)

    def ended(self) -> list[StreamEvent]:
        """The end of the open part, if there is one."""
        return [] if self.open is None else [self.end()]

    def passed(self, event: StreamEvent) -> StreamEvent:
        """An event that goes on as it is, but for its index."""
        match event:
            case PartStarted(_, part):
                return self.start(part)
            case PartEnded():
                return self.end()
            case PartDelta() | SignatureDelta() | CitationDelta():
                return replace(event, index=self._index)
            case _:
                return event

"""Tool arguments that are not quite JSON, repaired (ccr.md 3.4, ``enhancetool``)."""

from typing import Final

from trunkline.core.events import Failed, Finished, PartDelta, PartEnded, PartStarted, StreamEvent
from trunkline.core.types import ToolCall
from trunkline.transforms.parts import Parts
from trunkline.transforms.repair import repair

_CUT: Final = frozenset({"length", "context_full"})
"""Ends that leave a call incomplete: what could be made of it would do something that nobody asked for."""


class EnhanceTool:
    """Holds a call's arguments back until it is complete and sends them in one piece, repaired where they are no
    object. A call that the answer's end cut off keeps its arguments as they are, as does one of a broken stream."""

    def __init__(self) -> None:
        self._parts = Parts()
        self._arguments: list[str] | None = None
        self._ended = False
        """The call is complete, unless the answer ends for want of room."""

    def feed(self, event: StreamEvent) -> list[StreamEvent]:
        """The events to pass on in place of ``event``."""
        if self._arguments is None:
            if isinstance(event, PartStarted) and _is_json(event):
                self._arguments, self._ended = [], False
            return [self._parts.passed(event)]
        match event:
            case PartDelta(_, text):
                self._arguments.append(text)
                return []
            case PartEnded():
                self._ended = True
                return []
            case Finished(stop, _):
                return [*self._close(whole=stop.reason not in _CUT), event]
            case Failed():
                return [*self._close(whole=self._ended), event]
            case _:
                return [*self._close(whole=True), *self.feed(event)]

    def _close(self, *, whole: bool) -> list[StreamEvent]:
        text, self._arguments = "".join(self._arguments or ()), None
        if whole:
            text = repair(text)
        saying: list[StreamEvent] = [self._parts.say(text)] if text else []
        return [*saying, *(self._parts.ended() if self._ended else ())]


def _is_json(event: PartStarted) -> bool:
    """A function's call; the input of a freeform tool is plain text."""
    return isinstance(event.part, ToolCall) and event.part.kind == "function"

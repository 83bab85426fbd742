"""Puts parts in line: one open at a time, indexes ascending, whatever order the vendor writes in.

A call stays open until its arguments are whole; what comes meanwhile for other parts waits behind it.
"""

from collections import deque
from typing import Literal

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import (
    CitationDelta,
    PartDelta,
    PartEnded,
    PartStarted,
    SignatureDelta,
    StreamEvent,
)
from trunkline.core.types import Opaque, Part, Refusal, Text, Thinking, ToolCall
from trunkline.protocols.openai_chat.calls import PSEUDO_TOOL, Call, made_up_id, unwrapped
from trunkline.protocols.openai_chat.reasoning import Piece, starts_new

Prose = Literal["text", "refusal"]


class _Slot:
    """A part in line. What cannot be sent yet waits in ``held``."""

    __slots__ = ("call", "held", "kind", "last", "whole")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.held: list[str | Piece | Opaque] = []
        self.last: Piece | None = None
        self.call: Call | None = None
        self.whole: Part | None = None


class Lane:
    """Turns what a vendor sent into part events. ``seed`` makes ids for calls without one."""

    def __init__(self, origin: str) -> None:
        self.seed = ""
        self.refused = False
        self._origin = origin
        self._index = -1
        self._live: _Slot | None = None
        self._queue: deque[_Slot] = deque()
        self._citations: list[Opaque] = []

    @property
    def call_open(self) -> bool:
        """A call has begun whose end was not seen."""
        slots = [self._live, *self._queue]
        return any(slot is not None and slot.call is not None and not slot.call.done for slot in slots)

    def say(self, kind: Prose, text: str, events: list[StreamEvent]) -> None:
        """More text or refusal; nothing opens for an empty string (E71)."""
        live = self._live
        if live is not None and live.kind == kind and not self._queue:
            events.append(PartDelta(self._index, text))
            return
        slot = self._tail(kind)
        self.refused = self.refused or kind == "refusal"
        slot.held.append(text)
        if kind == "text" and self._citations:
            slot.held += self._citations
            self._citations = []
        self._advance(events)

    def cite(self, citation: Opaque, events: list[StreamEvent]) -> None:
        """A citation on the latest text, or on the next when there is none yet."""
        tail = self._queue[-1] if self._queue else self._live
        if tail is None or tail.kind != "text":
            self._citations.append(citation)
            return
        tail.held.append(citation)
        self._advance(events)

    def think(self, piece: Piece, events: list[StreamEvent]) -> None:
        """More reasoning: text and signatures grow one block, encrypted blocks stand whole."""
        if piece.redacted is not None:
            self.put(Thinking(redacted=piece.redacted, origin=self._origin), events)
            return
        if not (piece.text or piece.signature):
            return
        tail = self._queue[-1] if self._queue else self._live
        if (
            tail is None
            or tail.kind != "thinking"
            or (tail.last is not None and starts_new(tail.last, piece))
        ):
            tail = self._append("thinking")
        signed = piece.signature or (tail.last.signature if tail.last is not None else None)
        tail.last = Piece("", signed, None, piece.index)
        tail.held.append(piece)
        self._advance(events)

    def put(self, part: Part, events: list[StreamEvent]) -> None:
        """A part that comes whole."""
        self._append("whole").whole = part
        self._advance(events)

    def open_call(self, call: Call) -> None:
        """A new call joins the line."""
        self._append("call").call = call

    def flow(self, events: list[StreamEvent]) -> None:
        """Calls grew: pass on what may go."""
        self._advance(events)

    def finish(self, events: list[StreamEvent], *, cut_off: bool) -> None:
        """Everything that is still in line goes. A call that was cut off is never repaired (E28)."""
        while True:
            live = self._live
            if live is not None:
                self._send(live, events, last=True)
                self._close(live, events, repair=not (cut_off and not self._later_call()))
            if not self._queue:
                return
            self._start(self._queue.popleft(), events)

    def _later_call(self) -> bool:
        return any(slot.call is not None for slot in self._queue)

    def _append(self, kind: str) -> _Slot:
        slot = _Slot(kind)
        self._queue.append(slot)
        return slot

    def _tail(self, kind: str) -> _Slot:
        tail = self._queue[-1] if self._queue else self._live
        return tail if tail is not None and tail.kind == kind else self._append(kind)

    def _advance(self, events: list[StreamEvent]) -> None:
        while True:
            live = self._live
            if live is not None:
                self._send(live, events, last=False)
                if not self._queue:
                    return
                if live.call is not None and (not live.call.done or live.call.arguments == "{}"):
                    return
                self._send(live, events, last=True)
                self._close(live, events, repair=True)
            if not self._queue or not _openable(self._queue[0]):
                return
            self._start(self._queue.popleft(), events)

    def _start(self, slot: _Slot, events: list[StreamEvent]) -> None:
        self._index += 1
        self._live = slot
        part: Part
        if slot.whole is not None:
            part = slot.whole
        elif slot.call is not None:
            part = self._begin_call(slot.call)
        elif slot.kind == "thinking":
            part = Thinking(origin=self._origin)
        else:
            part = Text("") if slot.kind == "text" else Refusal("")
        events.append(PartStarted(self._index, part))

    def _begin_call(self, call: Call) -> ToolCall:
        if call.name == PSEUDO_TOOL:
            call.name, arguments = unwrapped(call.name, call.arguments)
            call.pieces = [arguments]
        if not call.name:
            raise GatewayError(
                Kind.UPSTREAM_FAILED, "the upstream called a tool without naming it", local=False
            )
        call.id = call.id or made_up_id(self.seed, call.ordinal, call.name)
        maker = None if call.proof is None else self._origin
        return ToolCall(
            id=call.id, name=call.name, arguments="", kind=call.kind, proof=call.proof, proof_origin=maker
        )

    def _send(self, slot: _Slot, events: list[StreamEvent], *, last: bool) -> None:
        """What of the live part may go out now."""
        index, call = self._index, slot.call
        if call is not None:
            if not last and call.arguments == "{}":
                return  # perhaps a placeholder
            waiting = call.pieces[call.sent :]
            call.sent = len(call.pieces)
            events += [PartDelta(index, piece) for piece in waiting]
            return
        for item in slot.held:
            if isinstance(item, str):
                events.append(PartDelta(index, item))
            elif isinstance(item, Opaque):
                events.append(CitationDelta(index, item))
            else:
                if item.text:
                    events.append(PartDelta(index, item.text))
                if item.signature:
                    events.append(SignatureDelta(index, item.signature))
        slot.held.clear()

    def _close(self, slot: _Slot, events: list[StreamEvent], *, repair: bool) -> None:
        call = slot.call
        if repair and call is not None and call.kind == "function" and not call.arguments.strip():
            events.append(PartDelta(self._index, "{}"))  # E24
        events.append(PartEnded(self._index))
        self._live = None


def _openable(slot: _Slot) -> bool:
    """A call opens once its name is known; one in Databricks' wrapping once it is whole."""
    call = slot.call
    if call is None:
        return True
    return bool(call.name) and (call.name != PSEUDO_TOOL or call.done)

"""Puts items in line: one part open at a time, whatever items the vendor writes side by side.

The first unfinished item is live and its pieces pass at once; those of later ones wait behind it.
"""

from collections import deque
from typing import Final, Literal

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from trunkline.core.errors import GatewayError
from trunkline.core.events import (
    CitationDelta,
    PartDelta,
    PartEnded,
    PartStarted,
    SignatureDelta,
    StreamEvent,
)
from trunkline.core.types import Opaque, Part, Refusal, Text, Thinking, ToolCall
from trunkline.protocols.openai_responses.item_decode import BREAK, function_call, thinking_text
from trunkline.protocols.openai_responses.output_decode import output_parts
from trunkline.protocols.openai_responses.part_decode import decode_content
from trunkline.protocols.openai_responses.wire import CALL, MESSAGE, REASONING, WireCall, read

CALLS: Final = frozenset({"function_call", "custom_tool_call"})
Prose = Literal["text", "refusal"]
Source = Literal["summary", "content"]


class _Sign(msgspec.Struct, frozen=True):
    """A proof on its way."""

    text: str


class _Cite(msgspec.Struct, frozen=True):
    """A citation on its way."""

    cited: Opaque


Step = Part | str | _Sign | _Cite | None
"""What an item does next: open a part, write into it, end it (None)."""


class Item:
    """One output item as far as it came."""

    __slots__ = ("cited", "done", "form", "held", "kind", "opened", "phase", "place", "sent", "source")

    def __init__(self, kind: str, phase: str | None) -> None:
        self.kind = kind
        self.phase = phase
        self.opened = False
        self.place = -1
        """Which of the item's contents is being written."""
        self.form: Prose = "text"
        self.source: Source | None = None
        self.sent = 0
        """Characters passed of the content that is being written."""
        self.cited = 0
        self.done = False
        self.held: list[Step] = []


class Line:
    """Turns items into part events. Items are told apart by ``output_index`` alone (E73)."""

    def __init__(self, origin: str) -> None:
        self.refused = False
        self.called = False
        self.items: dict[int, Item] = {}
        self.index = -1
        """Of the part that is open, or was last."""
        self.live: Item | None = None
        self._origin = origin
        self._queue: deque[Item] = deque()

    def add(self, output_index: int, kind: str, phase: str | None = None) -> Item:
        """A new item joins the line."""
        item = self.items[output_index] = Item(kind, phase)
        if self.live is None:
            self.live = item
        else:
            self._queue.append(item)
        return item

    def say(self, item: Item, form: Prose, place: int, text: str, events: list[StreamEvent]) -> None:
        """More text or refusal in content ``place``; nothing opens for an empty string (E71)."""
        if not text:
            return
        if not item.opened or item.place != place or item.form != form:
            self._close(item, events)
            self._begin(item, place, events, Text("", phase=item.phase) if form == "text" else Refusal(""))
            item.form = form
            self.refused = self.refused or form == "refusal"
        item.sent += len(text)
        self._step(item, text, events)

    def said(self, item: Item, form: Prose, place: int, text: str, events: list[StreamEvent]) -> None:
        """The whole of content ``place``: what its deltas did not bring (E27)."""
        if item.opened and item.place == place:
            self.say(item, form, place, text[item.sent :], events)
        elif place > item.place:
            self.say(item, form, place, text, events)

    def cite(self, item: Item, place: int, cited: Opaque, events: list[StreamEvent]) -> None:
        """A citation on the text that is open."""
        if item.opened and item.place == place and item.form == "text":
            item.cited += 1
            self._step(item, _Cite(cited), events)

    def think(self, item: Item, source: Source, place: int, text: str, events: list[StreamEvent]) -> None:
        """More reasoning, of the one source that came first (E15)."""
        if not text or item.source not in (None, source):
            return
        if not item.opened:
            item.source = source
            self._begin(item, place, events, Thinking(origin=self._origin))
        elif item.place != place:
            item.place, item.sent = place, 0
            self._step(item, BREAK, events)
        item.sent += len(text)
        self._step(item, text, events)

    def thought(self, item: Item, source: Source, place: int, text: str, events: list[StreamEvent]) -> None:
        """The whole of one reasoning text."""
        passed = item.sent if item.opened and item.place == place else 0
        if not item.opened or item.place <= place:
            self.think(item, source, place, text[passed:], events)

    def call(self, item: Item, wire: WireCall, events: list[StreamEvent]) -> None:
        """A call opens once its name and id are known."""
        if item.opened or not wire.name or not (wire.call_id or wire.id):
            return
        self.called = True
        self._begin(item, 0, events, replace(function_call(wire), arguments=""))

    def argue(self, item: Item, piece: str, events: list[StreamEvent]) -> None:
        """More of a call's arguments or input."""
        if item.opened and piece:
            item.sent += len(piece)
            self._step(item, piece, events)

    def finish(self, item: Item, raw: Raw | None, events: list[StreamEvent]) -> None:
        """The item is complete: ``raw`` brings what its deltas did not. None: it is known no better."""
        if item.done:
            return
        try:
            if raw is not None:
                self._complete(item, raw, events)
        except (msgspec.ValidationError, GatewayError):
            pass  # an item of an odd shape: what its deltas brought stands
        self._close(item, events)
        item.done = True
        self._advance(events)

    def _complete(self, item: Item, raw: Raw, events: list[StreamEvent]) -> None:
        if item.kind == "message":
            self._complete_message(item, raw, events)
        elif item.kind == "reasoning":
            wire = read(REASONING, raw)
            text, proof = thinking_text(wire), wire.encrypted_content
            if not item.opened and (text or proof):
                self._begin(item, 0, events, Thinking(origin=self._origin))
                if text:
                    self._step(item, text, events)
            if proof:
                self._step(item, _Sign(proof), events)
        elif item.kind in CALLS:
            call = read(CALL, raw)
            self.call(item, call, events)
            self.argue(item, function_call(call).arguments[item.sent :], events)
        elif not item.opened:
            for part in output_parts(raw, self._origin):
                self._whole(item, part, events)

    def _complete_message(self, item: Item, raw: Raw, events: list[StreamEvent]) -> None:
        wire = read(MESSAGE, raw)
        item.phase = item.phase or wire.phase
        for place, part in enumerate(decode_content(wire.content, "output.content", item.phase)):
            if place < item.place:
                continue
            if isinstance(part, Text | Refusal):
                self.said(item, "text" if isinstance(part, Text) else "refusal", place, part.text, events)
                if isinstance(part, Text):
                    for cited in part.citations[item.cited :]:
                        self.cite(item, place, cited, events)
            elif place > item.place:
                self._close(item, events)
                item.place = place
                self._whole(item, part, events)

    def _whole(self, item: Item, part: Part, events: list[StreamEvent]) -> None:
        opening = part
        if isinstance(part, ToolCall):
            self.called = True
            opening = replace(part, arguments="")
        self._begin(item, item.place, events, opening)
        if isinstance(part, ToolCall) and part.arguments:
            self._step(item, part.arguments, events)
        self._close(item, events)

    def _begin(self, item: Item, place: int, events: list[StreamEvent], part: Part) -> None:
        item.opened, item.place, item.sent, item.cited = True, place, 0, 0
        self._step(item, part, events)

    def _close(self, item: Item, events: list[StreamEvent]) -> None:
        if item.opened:
            item.opened = False
            self._step(item, None, events)

    def _step(self, item: Item, step: Step, events: list[StreamEvent]) -> None:
        """One step of an item: an event if it is live, else it waits."""
        if item is not self.live:
            item.held.append(step)
        elif isinstance(step, str):
            events.append(PartDelta(self.index, step))
        elif step is None:
            events.append(PartEnded(self.index))
        elif isinstance(step, _Sign):
            events.append(SignatureDelta(self.index, step.text))
        elif isinstance(step, _Cite):
            events.append(CitationDelta(self.index, step.cited))
        else:
            self.index += 1
            events.append(PartStarted(self.index, step))

    def _advance(self, events: list[StreamEvent]) -> None:
        """The next item in line becomes live, and says what it held back."""
        while self.live is not None and self.live.done:
            self.live = self._queue.popleft() if self._queue else None
            if self.live is not None:
                held, self.live.held = self.live.held, []
                for step in held:
                    self._step(self.live, step, events)

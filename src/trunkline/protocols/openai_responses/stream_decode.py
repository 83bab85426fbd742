"""Events of a Responses stream to neutral ones. Lenient about what vendors leave out, strict about the end (E3)."""

from collections.abc import Callable
from typing import ClassVar, Final

import msgspec
from msgspec import Raw

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import Failed, Finished, PartDelta, Started, StreamEvent
from trunkline.core.sse import SSEvent
from trunkline.core.surrogates import decode_lenient
from trunkline.core.usage import Usage
from trunkline.protocols.openai_responses.errors import error_of, readable
from trunkline.protocols.openai_responses.output_decode import failure_of
from trunkline.protocols.openai_responses.part_decode import citation
from trunkline.protocols.openai_responses.stream_items import CALLS, Item, Line, Prose, Source
from trunkline.protocols.openai_responses.usage import decode_stop, decode_usage
from trunkline.protocols.openai_responses.wire import (
    ANY,
    CALL,
    EVENT,
    KIND,
    MESSAGE,
    RESPONSE,
    WireEvent,
    WireResponse,
    kind_of,
    present,
    read,
)

DONE: Final = b"[DONE]"
TERMINALS: Final = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled"}
)
_TEXT: Final = "response.output_text.delta"
Events = list[StreamEvent]
_Unreadable = msgspec.DecodeError | UnicodeDecodeError


class ResponsesStreamDecoder:
    """See :class:`trunkline.protocols.codec.StreamDecoder`."""

    def __init__(self, origin: str) -> None:
        self._line = Line(origin)
        self._started = False
        self._over = False
        self._last = 0

    def feed(self, frame: SSEvent) -> Events:
        """The events of one frame."""
        if self._over:
            return []
        try:
            event = EVENT.decode(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            return self._odd(frame, cause)
        if event.type == _TEXT:
            item = self._line.live
            if (
                item is not None
                and item.opened
                and event.delta
                and self._line.items.get(event.output_index or 0) is item
                and item.place == (event.content_index or 0)
                and item.form == "text"
            ):
                item.sent += len(event.delta)
                return [PartDelta(self._line.index, event.delta)]
        return self._taken(event, frame)

    def close(self) -> Events:
        """The upstream closed: an end that was not seen is a failure."""
        if self._over:
            return []
        return self._fail(
            GatewayError(
                Kind.TRUNCATED, "the upstream's stream ended before the answer was complete", local=False
            )
        )

    def _odd(self, frame: SSEvent, cause: _Unreadable) -> Events:
        """A frame that is no event of ours: the end mark of other protocols, an unknown event, or broken."""
        data = frame.data.strip()
        if not data or data.startswith(DONE):
            return []
        try:
            event = decode_lenient(EVENT, data)
        except msgspec.ValidationError:
            return self._unknown(frame, cause)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._unreadable(frame, cause)
        return self._taken(event, frame)

    def _taken(self, event: WireEvent, frame: SSEvent) -> Events:
        try:
            return self._take(event, frame)
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            return self._unreadable(frame, cause)

    def _unknown(self, frame: SSEvent, cause: _Unreadable) -> Events:
        try:
            kind = KIND.decode(frame.data).type
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._unreadable(frame, cause)
        known = kind in self._HANDLERS or kind in TERMINALS
        return self._unreadable(frame, cause) if known else []

    def _unreadable(self, frame: SSEvent, cause: _Unreadable) -> Events:
        text = f"the upstream sent an event that cannot be read ({cause}): {readable(frame.data)[:200]}"
        return self._fail(GatewayError(Kind.UPSTREAM_FAILED, text, local=False))

    def _take(self, event: WireEvent, frame: SSEvent) -> Events:
        kind = event.type or (frame.event or b"").decode("utf-8", "replace")
        if kind == "error" or present(event.error):
            return self._fail(error_of(ANY.decode(frame.data), 200, raw=frame.data))
        events: Events = []
        if kind in TERMINALS:
            return self._end(event.response, frame.data, events)
        handler = self._HANDLERS.get(kind)
        if handler is None:
            if not self._started and present(event.response):
                self._start(event.response, events)
            return events
        if not self._started:
            self._start(event.response, events)
        handler(self, event, events)
        return events

    def _start(self, raw: Raw, events: Events) -> WireResponse:
        wire = read(RESPONSE, raw) if present(raw) else WireResponse()
        if not self._started:
            self._started = True
            created = None if wire.created_at is None else int(wire.created_at)
            events.append(Started(wire.id or "", wire.model or "", None, created))
        return wire

    def _item(self, event: WireEvent, kind: str) -> Item:
        """The item an event belongs to; one that was never announced opens now."""
        index = self._last if event.output_index is None else event.output_index
        self._last = index
        item = self._line.items.get(index)
        return self._line.add(index, kind) if item is None else item

    def _added(self, event: WireEvent, events: Events) -> None:
        if not present(event.item):
            return
        kind = kind_of(event.item).type or "unknown"
        index = len(self._line.items) if event.output_index is None else event.output_index
        if index in self._line.items:
            return
        self._last = index
        item = self._line.add(index, kind)
        if kind == "message":
            item.phase = read(MESSAGE, event.item).phase
        elif kind in CALLS:
            self._line.call(item, read(CALL, event.item), events)

    def _finished(self, event: WireEvent, events: Events) -> None:
        if present(event.item):
            kind = kind_of(event.item).type or "unknown"
            self._line.finish(self._item(event, kind), event.item, events)

    def _prose(self, event: WireEvent, events: Events) -> None:
        """Text and refusals, their pieces and their whole."""
        form: Prose = "refusal" if event.type.startswith("response.refusal") else "text"
        item, place = self._item(event, "message"), event.content_index or 0
        if event.delta is not None:
            self._line.say(item, form, place, event.delta, events)
        else:
            self._line.said(item, form, place, event.text or event.refusal or "", events)

    def _annotation(self, event: WireEvent, events: Events) -> None:
        if present(event.annotation):
            cited = citation(event.annotation)
            self._line.cite(self._item(event, "message"), event.content_index or 0, cited, events)

    def _reasoning(self, event: WireEvent, events: Events) -> None:
        """Summaries and full reasoning, their pieces and their whole."""
        summary = event.type.startswith("response.reasoning_summary")
        source: Source = "summary" if summary else "content"
        place = (event.summary_index if summary else event.content_index) or 0
        item = self._item(event, "reasoning")
        if event.delta is not None:
            self._line.think(item, source, place, event.delta, events)
        else:
            self._line.thought(item, source, place, event.text or "", events)

    def _arguments(self, event: WireEvent, events: Events) -> None:
        """Arguments of functions and input of freeform tools, their pieces and their whole (E27)."""
        item = self._item(event, "function_call")
        if event.delta is not None:
            self._line.argue(item, event.delta, events)
            return
        whole = event.arguments if event.input is None else event.input
        self._line.argue(item, (whole or "")[item.sent :], events)

    def _begun(self, event: WireEvent, events: Events) -> None:
        """``created``, ``in_progress``, ``queued``: all there is to them is that the answer began."""

    def _end(self, raw: Raw, data: bytes, events: Events) -> Events:
        wire = self._start(raw, events)
        failed = failure_of(wire, data)
        if failed is not None:
            return events + self._fail(failed)
        line = self._line
        whole = wire.output or []
        if not line.items:  # the terminal alone brings the answer (E75 the other way round)
            for index, item_raw in enumerate(whole):
                line.finish(line.add(index, kind_of(item_raw).type or "unknown"), item_raw, events)
        for index, item in line.items.items():
            known = whole[index] if 0 <= index < len(whole) else None
            same = known is not None and kind_of(known).type == item.kind
            line.finish(item, known if same else None, events)
        stop = decode_stop(wire, calls=line.called, refused=line.refused)
        self._over = True
        events.append(Finished(stop, Usage() if wire.usage is None else decode_usage(wire.usage)))
        return events

    def _fail(self, error: GatewayError) -> Events:
        self._over = True
        return [Failed(error)]

    _HANDLERS: ClassVar[dict[str, "_Handler"]] = {
        "response.created": _begun,
        "response.in_progress": _begun,
        "response.queued": _begun,
        "response.output_item.added": _added,
        "response.output_item.done": _finished,
        "response.output_text.delta": _prose,
        "response.output_text.done": _prose,
        "response.refusal.delta": _prose,
        "response.refusal.done": _prose,
        "response.output_text.annotation.added": _annotation,
        "response.reasoning_summary_text.delta": _reasoning,
        "response.reasoning_summary_text.done": _reasoning,
        "response.reasoning_text.delta": _reasoning,
        "response.reasoning_text.done": _reasoning,
        "response.function_call_arguments.delta": _arguments,
        "response.function_call_arguments.done": _arguments,
        "response.custom_tool_call_input.delta": _arguments,
        "response.custom_tool_call_input.done": _arguments,
    }


_Handler = Callable[[ResponsesStreamDecoder, WireEvent, Events], None]

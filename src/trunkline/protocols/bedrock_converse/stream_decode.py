"""Converse's events to neutral ones.

Text blocks do not open by themselves, only calls do; a stop comes before the usage, so the end waits for it.
"""

from typing import Final

import msgspec

from trunkline.core.errors import GatewayError, Kind
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
from trunkline.core.sse import SSEvent
from trunkline.core.types import Opaque, Part, Text, Thinking, ToolCall
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.bedrock_converse.errors import error_of, exception_name
from trunkline.protocols.bedrock_converse.frames import EXCEPTION
from trunkline.protocols.bedrock_converse.response import decode_stop, decode_usage
from trunkline.protocols.bedrock_converse.wire import EVENT, NAME, Delta, Event, ReasoningDelta, Start

_EXCEPTION: Final = EXCEPTION.encode()


class ConverseStreamDecoder:
    """For one upstream's stream; ``origin`` marks its reasoning."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._started = False
        self._done = False
        self._index = -1
        self._block: int | None = None
        self._open: Part | None = None
        self._hidden: list[str] = []
        self._calls = False
        self._stop: Stop | None = None
        self._usage: Usage | None = None

    def feed(self, frame: SSEvent) -> list[StreamEvent]:
        """The events of one frame."""
        if self._done:
            return []
        name = frame.event or b""
        try:
            event = EVENT.decode(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            return self._fail(_broken(f"an event is unreadable: {cause}"))
        if name.startswith(_EXCEPTION):
            said = exception_name(name.removeprefix(_EXCEPTION).decode("utf-8", "replace"))
            return self._fail(error_of(said, event.message or ""))
        out: list[StreamEvent] = []
        if not self._started:
            self._started = True
            out.append(Started("", ""))
        match name:
            case b"contentBlockStart":
                self._start(event, event.start, out)
            case b"contentBlockDelta":
                self._delta(event.content_block_index, event.delta, out)
            case b"contentBlockStop":
                self._end(out)
            case b"messageStop":
                self._end(out)
                return out + self._stopped(event.stop_reason)
            case b"metadata":
                self._usage = decode_usage(event.usage)
                return out + self._finish()
            case _:
                pass
        return out

    def close(self) -> list[StreamEvent]:
        """The upstream closed. A stop without counts is an end all the same."""
        if self._done:
            return []
        if self._stop is not None:
            self._usage = Usage()
            return self._finish()
        error = GatewayError(
            Kind.TRUNCATED, "the upstream's stream ended before the answer was complete", local=False
        )
        return self._fail(error)

    def _start(self, event: Event, start: Start | None, out: list[StreamEvent]) -> None:
        self._end(out)
        call = None if start is None else start.tool_use
        if call is not None:
            self._calls = True
            self._begin(
                event.content_block_index, ToolCall(id=call.tool_use_id, name=call.name, arguments=""), out
            )

    def _delta(self, block: int, delta: Delta | None, out: list[StreamEvent]) -> None:
        if delta is None:
            return
        if self._block != block:
            self._end(out)
        if delta.text is not None:
            self._grow(block, Text(""), delta.text, out)
        elif delta.tool_use is not None:
            if isinstance(self._open, ToolCall) and delta.tool_use.input:
                out.append(PartDelta(self._index, delta.tool_use.input))
        elif delta.reasoning_content is not None:
            self._reason(block, delta.reasoning_content, out)
        elif delta.citation is not None:
            self._grow(block, Text(""), "", out)
            out.append(CitationDelta(self._index, Opaque(NAME, "citation", delta.citation.copy())))

    def _reason(self, block: int, delta: ReasoningDelta, out: list[StreamEvent]) -> None:
        if delta.redacted_content is not None:
            self._block = block
            self._hidden.append(delta.redacted_content)
            return
        self._grow(block, Thinking(origin=self._origin), delta.text or "", out)
        if delta.signature:
            out.append(SignatureDelta(self._index, delta.signature))

    def _grow(self, block: int, part: Part, text: str, out: list[StreamEvent]) -> None:
        """More of a part, which opens with its first piece."""
        if type(self._open) is not type(part):
            self._end(out)
            self._begin(block, part, out)
        if text:
            out.append(PartDelta(self._index, text))

    def _begin(self, block: int, part: Part, out: list[StreamEvent]) -> None:
        self._index += 1
        self._block, self._open = block, part
        out.append(PartStarted(self._index, part))

    def _end(self, out: list[StreamEvent]) -> None:
        if self._open is not None:
            out.append(PartEnded(self._index))
        if self._hidden:
            self._index += 1
            hidden = Thinking(redacted="".join(self._hidden), origin=self._origin)
            out += [PartStarted(self._index, hidden), PartEnded(self._index)]
            self._hidden.clear()
        self._open = self._block = None

    def _stopped(self, reason: str | None) -> list[StreamEvent]:
        try:
            self._stop = decode_stop(reason, calls=self._calls)
        except GatewayError as error:
            return self._fail(error)
        return self._finish()

    def _finish(self) -> list[StreamEvent]:
        """The end, once stop and counts are both here; the counts come last as a rule."""
        if self._stop is None or self._usage is None:
            return []
        self._done = True
        return [Finished(self._stop, self._usage)]

    def _fail(self, error: GatewayError) -> list[StreamEvent]:
        self._done = True
        return [Failed(error)]


def _broken(why: str) -> GatewayError:
    return GatewayError(Kind.UPSTREAM_FAILED, f"the upstream's stream is broken: {why}", local=False)

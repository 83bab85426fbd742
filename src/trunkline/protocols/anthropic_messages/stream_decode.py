"""This protocol's stream to neutral events. State of one answer, nothing shared."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

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
from trunkline.core.types import Text, Thinking, ToolCall
from trunkline.core.usage import Usage, latest
from trunkline.protocols.anthropic_messages.errors import decode_event_error
from trunkline.protocols.anthropic_messages.held import HeldBlock
from trunkline.protocols.anthropic_messages.marks import decode_stop
from trunkline.protocols.anthropic_messages.rendering import opaque
from trunkline.protocols.anthropic_messages.response import read_usage
from trunkline.protocols.anthropic_messages.wire import ABSENT, Tag, tag_of


class Delta(Struct, gc=False):
    """Every kind of delta in one shape: a single decode reads the frame."""

    type: str | None = None
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    citation: Raw = ABSENT
    stop_reason: str | None = None
    stop_sequence: str | None = None


class Metrics(Struct, rename="camel", gc=False):
    """What Bedrock adds to ``message_stop``."""

    input_token_count: int | None = None
    output_token_count: int | None = None
    cache_read_input_token_count: int | None = None
    cache_write_input_token_count: int | None = None


class Frame(Struct, rename={"metrics": "amazon-bedrock-invocationMetrics"}, gc=False):
    """Every event in one shape."""

    type: str
    index: int | None = None
    delta: Delta | None = None
    content_block: Raw = ABSENT
    message: Raw = ABSENT
    usage: Raw = ABSENT
    error: Raw = ABSENT
    metrics: Metrics | None = None


class Head(Struct, gc=False):
    """What ``message_start`` says of the answer."""

    id: str | None = None
    model: str | None = None
    usage: Raw = ABSENT


class Opening(Struct, gc=False):
    """What ``content_block_start`` says of a block we know."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = ABSENT
    citations: list[Raw] | None = None


decode_frame: Final = msgspec.json.Decoder(Frame).decode
decode_head: Final = msgspec.json.Decoder(Head).decode
_opening: Final = msgspec.json.Decoder(Opening).decode

_CLOSED: Final = -1
"""The vendor's index while no block is open; it never sends this one."""

_EVENTS: Final = frozenset(
    {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    }
)


def cumulative(old: Usage | None, new: Usage) -> Usage:
    """The counts so far. Some relays repeat the input as 0 at the end: the known count stays (E66)."""
    if old is not None:
        new = Usage(
            input=new.input or None if old.input else new.input,
            cache_read=new.cache_read or None if old.cache_read else new.cache_read,
            cache_write=new.cache_write or None if old.cache_write else new.cache_write,
            cache_write_1h=new.cache_write_1h or None if old.cache_write_1h else new.cache_write_1h,
            output=new.output,
            reasoning=new.reasoning,
            estimated=new.estimated,
        )
    return latest(old, new)


class AnthropicStreamDecoder:
    """See :class:`trunkline.protocols.codec.StreamDecoder`. Vendor indexes are not trusted: parts count from 0."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._started = False
        self._done = False
        self._id = ""
        self._next = 0
        self._kind = ""  # of the open block: text, thinking, tool_use, or held; "" when none is open
        self._vendor_index: int | None = _CLOSED
        self._held: HeldBlock | None = None
        self._input = b""
        self._grown = False
        self._calls = False
        self._usage: Usage | None = None
        self._stop_reason: str | None = None
        self._stop_sequence: str | None = None

    def feed(self, frame: SSEvent) -> list[StreamEvent]:
        """The events of one frame."""
        if self._done:
            return []
        try:
            wire = decode_frame(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            return self._odd(frame, cause)
        delta = wire.delta
        if delta is not None and delta.text and self._kind == "text" and wire.index == self._vendor_index:
            return [PartDelta(self._next, delta.text)]  # by far the most frequent
        try:
            return self._read(wire, frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            return self._broken(cause)

    def _read(self, wire: Frame, data: bytes) -> list[StreamEvent]:
        delta = wire.delta
        if delta is not None and wire.type == "content_block_delta" and wire.index == self._vendor_index:
            return self._grow(delta, data)
        if not data.isascii():
            data.decode()  # what is carried undecoded must be text too
        return self._structure(wire, data)

    def close(self) -> list[StreamEvent]:
        """A stream that just stops is broken, however complete it looks (E3)."""
        if self._done:
            return []
        return self._fail(
            GatewayError(
                Kind.TRUNCATED, "the upstream's stream ended before the answer was complete", local=False
            )
        )

    def _structure(self, wire: Frame, data: bytes) -> list[StreamEvent]:
        if wire.type == "error" or bytes(wire.error) not in (b"", b"null"):
            return self._fail(decode_event_error(data))
        match wire.type:
            case "content_block_start":
                return self._open(wire)
            case "content_block_stop":
                return self._close_block() if wire.index == self._vendor_index else []
            case "message_start":
                return self._start(wire)
            case "message_delta":
                return self._note(wire)
            case "message_stop":
                return self._finish(wire)
            case "content_block_delta":
                return self._stray(wire)
            case _:
                return []  # pings and events of a later protocol

    def _odd(self, frame: SSEvent, cause: Exception) -> list[StreamEvent]:
        """A frame that does not fit: an error, something unknown, or broken."""
        if frame.event == b"error":
            return self._fail(decode_event_error(frame.data))
        if frame.data.strip() == b"[DONE]":
            return []
        try:
            tag = tag_of(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            tag = Tag("error" if b'"error"' in frame.data else "message_start")
        if tag.type == "error" or (not tag.type and b'"error"' in frame.data):
            return self._fail(decode_event_error(frame.data))
        if tag.type not in _EVENTS:
            return []
        return self._broken(cause)

    def _broken(self, cause: Exception) -> list[StreamEvent]:
        return self._fail(
            GatewayError(
                Kind.UPSTREAM_FAILED,
                f"an event of the upstream's stream is unreadable: {cause}",
                local=False,
            )
        )

    def _start(self, wire: Frame) -> list[StreamEvent]:
        if self._started:
            if not self._kind:
                return []  # a repeated start before or between blocks is harmless (E69)
            return self._fail(
                GatewayError(
                    Kind.UPSTREAM_FAILED, "the upstream began a second answer inside the first", local=False
                )
            )
        try:
            head = decode_head(wire.message)
        except msgspec.DecodeError:
            head = Head()
        self._usage = read_usage(head.usage)
        self._id = head.id or ""
        self._started = True
        return [Started(self._id, head.model or "", self._usage)]

    def _open(self, wire: Frame) -> list[StreamEvent]:
        events = self._ready()
        kind = "text"
        try:
            block = _opening(wire.content_block)
            kind = block.type
        except msgspec.DecodeError:
            block, kind = Opening(), "held"
        self._vendor_index = wire.index
        index = self._next
        match kind:
            case "text":
                events.append(PartStarted(index, Text("")))
                if block.text:
                    events.append(PartDelta(index, block.text))
                events.extend(CitationDelta(index, opaque(raw)) for raw in block.citations or ())
            case "thinking":
                events.append(PartStarted(index, Thinking(origin=self._origin)))
                if block.thinking:
                    events.append(PartDelta(index, block.thinking))
                if block.signature:
                    events.append(SignatureDelta(index, block.signature))
            case "redacted_thinking":
                events.append(PartStarted(index, Thinking(redacted=block.data or "", origin=self._origin)))
            case "tool_use":
                self._calls, self._grown = True, False
                self._input = bytes(block.input)
                call_id = block.id or f"toolu_{self._id or 'call'}_{index}"
                events.append(PartStarted(index, ToolCall(id=call_id, name=block.name or "", arguments="")))
            case _:
                kind, self._held = "held", HeldBlock(wire.content_block)
        self._kind = kind
        return events

    def _ready(self) -> list[StreamEvent]:
        """What must come before a new block: the start, and the end of a block that was left open."""
        events = self._close_block()
        if not self._started:
            self._started = True
            events.insert(0, Started("", ""))
        return events

    def _grow(self, delta: Delta, data: bytes) -> list[StreamEvent]:
        index = self._next
        match delta.type, self._kind:
            case "input_json_delta", "tool_use":
                piece = delta.partial_json or ""
                if not piece:
                    return []
                self._grown = self._grown or not piece.isspace()
                return [PartDelta(index, piece)]
            case "thinking_delta", "thinking":
                return [PartDelta(index, delta.thinking)] if delta.thinking else []
            case "signature_delta", "thinking":
                return [SignatureDelta(index, delta.signature)] if delta.signature else []
            case "citations_delta", "text" if bytes(delta.citation):
                return [CitationDelta(index, opaque(delta.citation))]
            case _, "held" if self._held is not None:
                self._held.feed(delta.partial_json, data)
            case _:
                pass  # a delta of a kind we do not know, or an empty one
        return []

    def _stray(self, wire: Frame) -> list[StreamEvent]:
        """A delta for a block that is not open: text may open it late, a call's pieces may not."""
        delta = wire.delta
        if delta is None:
            return []
        if delta.type == "input_json_delta" and delta.partial_json:
            return self._fail(
                GatewayError(
                    Kind.UPSTREAM_FAILED,
                    "the upstream sent arguments of a call it never opened",
                    local=False,
                )
            )
        kind = {"text_delta": "text", "thinking_delta": "thinking"}.get(delta.type or "")
        if kind is None or not (delta.text or delta.thinking):
            return []
        events = self._open(
            Frame("content_block_start", wire.index, None, Raw(b'{"type":"%s"}' % kind.encode()))
        )
        return events + self._grow_late(delta)

    def _grow_late(self, delta: Delta) -> list[StreamEvent]:
        return [PartDelta(self._next, delta.text or delta.thinking or "")]

    def _close_block(self) -> list[StreamEvent]:
        kind, index = self._kind, self._next
        if not kind:
            return []
        self._kind, self._vendor_index = "", _CLOSED
        self._next += 1
        if kind == "held" and self._held is not None:
            whole, self._held = self._held.close(), None
            return [PartStarted(index, whole), PartEnded(index)]
        if kind == "tool_use" and not self._grown:
            # Arguments given at the opening and never streamed; none at all means an empty object (E24).
            given = self._input if self._input not in (b"", b"null") else b"{}"
            return [PartDelta(index, given.decode()), PartEnded(index)]
        return [PartEnded(index)]

    def _note(self, wire: Frame) -> list[StreamEvent]:
        if wire.delta is not None:
            self._stop_reason = wire.delta.stop_reason or self._stop_reason
            self._stop_sequence = wire.delta.stop_sequence or self._stop_sequence
        usage = read_usage(wire.usage)
        if usage is not None:
            self._usage = cumulative(self._usage, usage)
        return []

    def _finish(self, wire: Frame) -> list[StreamEvent]:
        events = self._ready()
        self._done = True
        usage = self._usage
        if wire.metrics is not None:
            counted = wire.metrics
            usage = latest(
                Usage(
                    input=counted.input_token_count,
                    cache_read=counted.cache_read_input_token_count,
                    cache_write=counted.cache_write_input_token_count,
                    output=counted.output_token_count,
                ),
                usage or Usage(),
            )
        stop = decode_stop(self._stop_reason, self._stop_sequence, calls=self._calls)
        events.append(Finished(stop, usage or Usage()))
        return events

    def _fail(self, error: GatewayError) -> list[StreamEvent]:
        self._done = True
        return [Failed(error)]

"""Neutral events to this protocol's stream, as strict clients want it: one block open at a time, named events."""

from functools import lru_cache
from typing import Final, assert_never

import msgspec
from msgspec import Raw, Struct

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
from trunkline.core.proofs import seal_opening
from trunkline.core.sse import encode_named
from trunkline.core.types import Opaque, Part, Refusal, Text, Thinking, ToolCall
from trunkline.core.usage import Usage, latest
from trunkline.protocols.anthropic_messages.errors import encode_stream_error
from trunkline.protocols.anthropic_messages.marks import encode_stop, encode_usage
from trunkline.protocols.anthropic_messages.response import cite, encode_part, message_id, searches_in
from trunkline.protocols.anthropic_messages.wire import PROTOCOL, WireUsage, encode, tag_of
from trunkline.protocols.codec import ReplyContext

_DELTA: Final = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":'
_TEXT: Final = _DELTA + b'{"type":"text_delta","text":'
_JSON: Final = _DELTA + b'{"type":"input_json_delta","partial_json":'
_THOUGHT: Final = _DELTA + b'{"type":"thinking_delta","thinking":'
_SIGNATURE: Final = _DELTA + b'{"type":"signature_delta","signature":'
_CITATION: Final = _DELTA + b'{"type":"citations_delta","citation":'
_TAIL: Final = b"}}\n\n"
_START: Final = (
    b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
)
_STOP: Final = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_END: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

_EMPTY_TEXT: Final = b'{"type":"text","text":""}'
_EMPTY_THINKING: Final = b'{"type":"thinking","thinking":"","signature":""}'
_STREAMED_INPUT: Final = frozenset({"server_tool_use", "mcp_tool_use"})

_fields: Final = msgspec.json.Decoder(dict[str, Raw]).decode


@lru_cache(maxsize=512)
def _prefix(template: bytes, index: int) -> bytes:
    return template % index


class _Head(Struct, gc=False, tag="message"):
    id: str
    role: str
    model: str
    content: list[Raw]
    stop_reason: str | None
    stop_sequence: str | None
    usage: WireUsage


class _Start(Struct, gc=False, tag="message_start"):
    message: _Head


class _StopInfo(Struct, gc=False):
    stop_reason: str
    stop_sequence: str | None


class _MessageDelta(Struct, gc=False, tag="message_delta"):
    delta: _StopInfo
    usage: WireUsage


class AnthropicStreamEncoder:
    """See :class:`trunkline.protocols.codec.StreamEncoder`."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._started: Usage | None = None
        self._index = 0  # of the next block on the wire; neutral parts may be left out
        self._part: Part | None = None
        self._prefix = b""
        self._opened = False
        self._signed = False
        self._calls = False
        self._refused = False
        self._owed: list[Raw] = []
        """Blocks of searches that came with a text's citations: they follow it."""

    def feed(self, event: StreamEvent) -> bytes:  # noqa: PLR0911 -- one line an event
        """The bytes of one event; text opens its block only when there is some (E71)."""
        match event:
            case PartDelta(_, text):
                if self._opened:
                    return self._prefix + self._piece(text) + _TAIL
                return self._open_late(text)
            case PartStarted(_, part):
                return self._start_part(part)
            case PartEnded():
                return self._end_part()
            case SignatureDelta(_, signature):
                return self._sign(signature)
            case CitationDelta(_, citation):
                return self._cite(citation)
            case Started():
                return self._start(event)
            case Finished():
                return self._finish(event)
            case Failed(error):
                return encode_stream_error(error, self._context.id)
            case _:
                assert_never(event)

    def _piece(self, text: str) -> bytes:
        part = self._part
        if type(part) is ToolCall and part.kind == "custom":
            return encode(encode(text)[1:-1].decode())  # more of the one string in {"input": "..."}
        return encode(text)

    def _start(self, event: Started) -> bytes:
        self._started = event.usage
        head = _Head(
            id=message_id(event.id, self._context),
            role="assistant",
            model=self._context.model,
            content=[],
            stop_reason=None,
            stop_sequence=None,
            usage=encode_usage(event.usage, self._context.input_estimate),
        )
        return encode_named(b"message_start", encode(_Start(head)))

    def _start_part(self, part: Part) -> bytes:
        self._part, self._opened, self._signed = part, False, False
        match part:
            case Text(text) | Refusal(text):
                self._refused = self._refused or isinstance(part, Refusal)
                return self._open_late(text)
            case Thinking(redacted=None):
                return self._open_late(part.text) + (self._sign(part.signature) if part.signature else b"")
            case ToolCall():
                return self._start_call(part)
            case Opaque(protocol=protocol, kind=kind) if protocol == PROTOCOL and kind in _STREAMED_INPUT:
                return self._start_streamed(part.raw)
            case _:
                block = encode_part(part)
                if block is None:
                    return self._blocks(searches_in(part))
                self._opened = True
                return _START % (self._index, encode(block))

    def _start_call(self, call: ToolCall) -> bytes:
        self._calls = self._opened = True
        self._prefix = _prefix(_JSON, self._index)
        block = b'{"type":"tool_use","id":%b,"name":%b,"input":{}}' % (encode(call.id), encode(call.name))
        opening = _START % (self._index, block)
        if call.kind == "custom":
            opening += self._prefix + encode('{"input":"') + _TAIL
        return opening + (self._prefix + self._piece(call.arguments) + _TAIL if call.arguments else b"")

    def _start_streamed(self, raw: Raw) -> bytes:
        """A server tool's use: its input goes as a delta, since clients assemble it from deltas."""
        self._opened = True
        fields = _fields(raw)
        given = fields.get("input")
        fields["input"] = Raw(b"{}")
        opening = _START % (self._index, encode(fields))
        if given is None or bytes(given) == b"{}":
            return opening
        return opening + (_JSON % self._index) + encode(bytes(given).decode()) + _TAIL

    def _open_late(self, text: str) -> bytes:
        """Opens the block of a text or thinking part at its first content."""
        if not text:
            return b""
        return self._open() + self._prefix + encode(text) + _TAIL

    def _open(self) -> bytes:
        if self._opened:
            return b""
        self._opened = True
        if isinstance(self._part, Thinking):
            self._prefix = _prefix(_THOUGHT, self._index)
            return _START % (self._index, _EMPTY_THINKING)
        self._prefix = _prefix(_TEXT, self._index)
        return _START % (self._index, _EMPTY_TEXT)

    def _sign(self, signature: str) -> bytes:
        part = self._part
        if not isinstance(part, Thinking) or not signature:
            return b""
        opening = self._open()
        if not self._signed and part.origin is not None:
            signature = seal_opening(part.origin) + signature
        self._signed = True
        return opening + (_SIGNATURE % self._index) + encode(signature) + _TAIL

    def _cite(self, citation: Opaque) -> bytes:
        self._owed += searches_in(Text("", (citation,)))
        cited = cite(citation)
        if not cited:
            return b""
        return self._open() + b"".join((_CITATION % self._index) + bytes(raw) + _TAIL for raw in cited)

    def _blocks(self, raws: list[Raw]) -> bytes:
        """Whole blocks, each opened and closed."""
        out = b""
        for raw in raws:
            streamed = tag_of(raw).type in _STREAMED_INPUT
            out += self._start_streamed(raw) if streamed else _START % (self._index, bytes(raw))
            out += _STOP % self._index
            self._index += 1
        self._opened = False
        return out

    def _end_part(self) -> bytes:
        part, self._part = self._part, None
        owed, self._owed = self._owed, []
        if not self._opened:
            return self._blocks(owed)
        closing = b""
        if isinstance(part, Thinking) and part.redacted is None and not self._signed:
            # Strict clients want a signature before the block ends; this one says "there was none" (E7).
            closing = (_SIGNATURE % self._index) + encode(seal_opening(part.origin or "")) + _TAIL
        elif isinstance(part, ToolCall) and part.kind == "custom":
            closing = self._prefix + encode('"}') + _TAIL
        closing += _STOP % self._index
        self._index += 1
        self._opened = False
        return closing + self._blocks(owed)

    def _finish(self, event: Finished) -> bytes:
        stop = encode_stop(event.stop, calls=self._calls, refused=self._refused)
        sequence = event.stop.sequence if stop == "stop_sequence" else None
        usage = event.usage if self._started is None else latest(self._started, event.usage)
        delta = _MessageDelta(_StopInfo(stop, sequence), encode_usage(usage, self._context.input_estimate))
        return encode_named(b"message_delta", encode(delta)) + _END

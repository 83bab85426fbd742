"""Watches a stream that is passed through. Deltas, the bulk of it, are told by their name and not decoded."""

from typing import Final

import msgspec

from trunkline.core.errors import GatewayError
from trunkline.core.sse import SSEvent
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.anthropic_messages.errors import decode_event_error
from trunkline.protocols.anthropic_messages.marks import decode_stop
from trunkline.protocols.anthropic_messages.response import read_usage
from trunkline.protocols.anthropic_messages.stream_decode import (
    Frame,
    cumulative,
    decode_frame,
    decode_head,
)
from trunkline.protocols.anthropic_messages.wire import tag_of

_DELTAS: Final = (b'{"type":"content_block_delta"', b'{"type": "content_block_delta"')


class AnthropicStreamTap:
    """See :class:`trunkline.protocols.codec.StreamTap`."""

    def __init__(self) -> None:
        self._content_seen = False
        self._finished = False
        self._error: GatewayError | None = None
        self._usage: Usage | None = None
        self._calls = False
        self._reason: str | None = None
        self._sequence: str | None = None
        self._signing: list[str] = []
        self._signatures: list[str] = []

    def feed(self, frame: SSEvent) -> None:
        """Look at one frame."""
        data = frame.data
        if data.startswith(_DELTAS):
            self._content_seen = True
            if b'"signature_delta"' not in data:
                return
        if self._finished or self._error is not None:
            return
        try:
            self._look(decode_frame(data), data)
        except (msgspec.DecodeError, UnicodeDecodeError):  # passed on as it is; it is not ours to judge
            if frame.event == b"error":
                self._error = decode_event_error(data)

    def _look(self, wire: Frame, data: bytes) -> None:
        if wire.type == "error" or bytes(wire.error) not in (b"", b"null"):
            self._error = decode_event_error(data)
            return
        match wire.type:
            case "content_block_delta":
                self._content_seen = True
                if wire.delta is not None and wire.delta.signature:
                    self._signing.append(wire.delta.signature)
            case "content_block_start":
                self._content_seen = True
                self._open(wire)
            case "content_block_stop":
                if self._signing:
                    self._signatures.append("".join(self._signing))
                    self._signing.clear()
            case "message_start":
                self._count(decode_head(wire.message).usage)
            case "message_delta":
                if wire.delta is not None:
                    self._reason = wire.delta.stop_reason or self._reason
                    self._sequence = wire.delta.stop_sequence or self._sequence
                self._count(wire.usage)
            case "message_stop":
                self._content_seen = self._finished = True
            case _:
                pass

    def _open(self, wire: Frame) -> None:
        block = bytes(wire.content_block)
        self._signing.clear()
        kind = tag_of(block).type
        if kind == "tool_use":
            self._calls = True
        elif kind in ("thinking", "redacted_thinking"):
            fields = _fields(block)
            proof = fields.get("signature" if kind == "thinking" else "data")
            if isinstance(proof, str) and proof:
                self._signing.append(proof)

    def _count(self, raw: msgspec.Raw) -> None:
        usage = read_usage(raw)
        if usage is not None:
            self._usage = cumulative(self._usage, usage)

    @property
    def content_seen(self) -> bool:
        """The first part or the end came."""
        return self._content_seen

    @property
    def finished(self) -> bool:
        """``message_stop`` was seen."""
        return self._finished

    @property
    def error(self) -> GatewayError | None:
        """An error event that came inside the stream."""
        return self._error

    @property
    def usage(self) -> Usage | None:
        """The counts so far."""
        return self._usage

    @property
    def stop(self) -> Stop | None:
        """Why it stopped, once the stream said so."""
        if self._reason is None and not self._finished:
            return None
        return decode_stop(self._reason, self._sequence, calls=self._calls)

    @property
    def signatures(self) -> tuple[str, ...]:
        """Signatures, and redacted thinking's data, of the blocks that are complete."""
        return tuple(self._signatures)


_fields: Final = msgspec.json.Decoder(dict[str, object]).decode

"""Looks at a stream that is passed through: usage, the end, errors, signatures. Changes nothing."""

import msgspec

from trunkline.core.errors import GatewayError
from trunkline.core.sse import SSEvent
from trunkline.core.surrogates import decode_lenient
from trunkline.core.usage import Stop, Usage, latest
from trunkline.protocols.openai_chat.calls import Calls
from trunkline.protocols.openai_chat.errors import error_of
from trunkline.protocols.openai_chat.reasoning import (
    Piece,
    joined,
    pieces_of_details,
    pieces_of_part,
    starts_new,
)
from trunkline.protocols.openai_chat.stream_decode import DONE
from trunkline.protocols.openai_chat.usage import decode_stop, decode_usage, finish_word
from trunkline.protocols.openai_chat.wire import (
    ANSWER,
    PART,
    WireAnswer,
    WireCall,
    WireDelta,
    present,
)

_PLAIN = b'"finish_reason":null'
_NO_USAGE = b'"usage":null'


class ChatStreamTap:
    """See :class:`trunkline.protocols.codec.StreamTap`."""

    def __init__(self) -> None:
        self._content = False
        self._calls = Calls()
        self._refused = False
        self._done = False
        self._error: GatewayError | None = None
        self._usage: Usage | None = None
        self._stop: Stop | None = None
        self._signatures: list[str] = []
        self._piece: Piece | None = None

    def feed(self, frame: SSEvent) -> None:
        """Look at one frame; those that can tell nothing new are not even decoded."""
        data = frame.data
        if (
            self._content
            and _PLAIN in data
            and b'"error' not in data
            and b"signature" not in data
            and b"tool_calls" not in data
            and (b'"usage"' not in data or _NO_USAGE in data)
            and self._piece is None
        ):
            return
        if data.startswith(DONE):
            self._done = True
            return
        try:
            self._look(decode_lenient(ANSWER, data), data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # the client gets it as it is; its end will be missing

    def _look(self, answer: WireAnswer, data: bytes) -> None:
        choice = next((choice for choice in answer.choices or () if not choice.index), None)
        if present(answer.error) or answer.error_code is not None:
            self._error = self._error or error_of(msgspec.json.decode(data), 200, raw=data)
            return
        usage = answer.usage or (answer.x_groq.usage if answer.x_groq is not None else None)
        if usage is not None:
            self._usage = latest(self._usage, decode_usage(usage))
        delta = answer.delta if choice is None else choice.delta or choice.message
        if delta is not None:
            self._see(delta)
        if choice is not None and choice.finish_reason and self._stop is None:
            self._keep()
            self._stop = decode_stop(
                finish_word(choice),
                calls=bool(self._calls.order),
                refused=self._refused,
                matched=choice.stop_reason,
            )

    def _see(self, delta: WireDelta) -> None:
        if delta.tool_calls:
            self._calls.take(delta.tool_calls)
        elif delta.function_call is not None and delta.function_call.name:
            self._calls.take([WireCall(index=0, function=delta.function_call)])
        calls = bool(delta.tool_calls or delta.function_call)
        words = delta.content or delta.reasoning_content or delta.reasoning or delta.refusal
        self._refused = self._refused or bool(delta.refusal)
        self._content = self._content or bool(words or calls or delta.reasoning_details)
        pieces = pieces_of_details(delta.reasoning_details or ())
        if isinstance(delta.content, list):
            for raw in delta.content:
                if b"signature" in bytes(raw) or b'"data"' in bytes(raw):
                    pieces += pieces_of_part(decode_lenient(PART, bytes(raw)))
        for piece in pieces:
            self._take(piece)
        if calls or (delta.content and not pieces):
            self._keep()

    def _take(self, piece: Piece) -> None:
        if piece.redacted is not None:
            self._keep()
            self._signatures.append(piece.redacted)
        if self._piece is not None and starts_new(self._piece, piece):
            self._keep()
        if piece.signature is not None:
            old = self._piece.signature if self._piece is not None else None
            self._piece = Piece("", joined(old, piece.signature), None, piece.index)

    def _keep(self) -> None:
        """The signature in hand is whole."""
        if self._piece is not None and self._piece.signature is not None:
            self._signatures.append(self._piece.signature)
        self._piece = None

    @property
    def content_seen(self) -> bool:
        """The first part or the end came."""
        return self._content or self.finished

    @property
    def finished(self) -> bool:
        """A finish was seen, or ``[DONE]`` without one and without an open call before it (E3)."""
        if self._stop is not None:
            return True
        return self._done and self._content and all(call.done for call in self._calls.order)

    @property
    def error(self) -> GatewayError | None:
        """The first error inside the stream."""
        return self._error

    @property
    def usage(self) -> Usage | None:
        """The latest counts."""
        return self._usage

    @property
    def stop(self) -> Stop | None:
        """Why it stopped."""
        return self._stop

    @property
    def signatures(self) -> tuple[str, ...]:
        """Signatures and encrypted blocks, each once it is whole."""
        return tuple(self._signatures)

"""Neutral events to chunks. Every chunk is complete: id, object, created, model, index (E86).

Made for the strictest clients: role once, calls indexed from 0 and never interleaved, ``type`` in every
piece of a call, one finish, usage only when asked for, U+2028 and U+2029 escaped (clients.md 3.13, 4).
"""

from typing import assert_never

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
from trunkline.core.proofs import seal
from trunkline.core.types import Image, Opaque, Part, Refusal, Text, Thinking, ToolCall
from trunkline.protocols.codec import ReplyContext
from trunkline.protocols.openai_chat.citations import annotations, numbered
from trunkline.protocols.openai_chat.errors import encode_stream_error
from trunkline.protocols.openai_chat.reasoning import DetailOut
from trunkline.protocols.openai_chat.response import (
    completion_id,
    encode_call,
    encode_image,
    sealed_detail,
)
from trunkline.protocols.openai_chat.usage import encode_stop, encode_usage
from trunkline.protocols.openai_chat.wire import ENCODER, escape_separators

DONE_FRAME = b"data: [DONE]\n\n"
_ENCODE = ENCODER.encode


class ChatStreamEncoder:
    """See :class:`trunkline.protocols.codec.StreamEncoder`."""

    def __init__(self, context: ReplyContext) -> None:
        self._usage = context.stream_usage
        head = _ENCODE(
            {
                "id": completion_id(context),
                "object": "chat.completion.chunk",
                "created": context.created,
                "model": context.model,
            }
        )[:-1]
        self._head = b"data: " + escape_separators(head)
        self._before = self._head + b',"choices":[{"index":0,"delta":'
        self._after = b',"finish_reason":null}]}\n\n'
        self._begun = False
        self._refused = False
        self._calls = -1
        self._thoughts = -1
        self._notes = -1
        self._images = -1
        self._length = 0
        self._from = 0
        self._signature: list[str] = []
        self._part: Part = Text("")
        self._opening = b""
        self._closing = b""

    def feed(self, event: StreamEvent) -> bytes:
        """The bytes of one event."""
        match event:
            case PartDelta(_, text):
                return self._delta(text)
            case PartStarted(_, part):
                return self._start_part(part)
            case PartEnded():
                return self._end_part()
            case SignatureDelta(_, signature):
                self._signature.append(signature)
                return b""
            case CitationDelta(_, citation):
                return self._cite(citation)
            case Started():
                return self._begin()
            case Finished():
                return self._begin() + self._finish(event)
            case Failed(error):
                return encode_stream_error(error)
            case _:
                assert_never(event)

    def _cite(self, citation: Opaque) -> bytes:
        notes: list[object] = []
        for note in annotations(citation, self._from, self._length):
            self._notes += 1
            notes.append(numbered(note, self._notes))
        return self._chunk({"annotations": notes}) if notes else b""

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self._chunk({"role": "assistant", "content": ""})

    def _chunk(self, delta: object) -> bytes:
        return self._before + escape_separators(_ENCODE(delta)) + self._after

    def _delta(self, text: str) -> bytes:
        encoded = _ENCODE(text)
        if b"\xe2\x80" in encoded:
            encoded = escape_separators(encoded)
        if isinstance(self._part, Text):
            self._length += len(text)
        elif isinstance(self._part, Thinking):
            detail = b'"reasoning_details":[{"type":"reasoning.text","text":%s,"index":%d}]}'
            return self._opening + encoded + b"," + detail % (encoded, self._thoughts) + self._after
        return self._opening + encoded + self._closing

    def _start_part(self, part: Part) -> bytes:
        """Prepares the bytes that stand round every delta of this part."""
        self._part = part
        self._closing = b"}" + self._after
        match part:
            case Text(text):
                self._from = self._length
                self._opening = self._before + b'{"content":'
                return self._delta(text) if text else b""
            case Refusal():
                self._refused = True
                self._opening = self._before + b'{"refusal":'
            case Thinking():
                return self._start_thinking(part)
            case ToolCall():
                return self._start_call(part)
            case Image():
                self._images += 1
                return self._chunk({"images": [numbered(encode_image(part), self._images)]})
            case _:  # what a vendor's server did is invisible here
                pass
        return b""

    def _start_thinking(self, part: Thinking) -> bytes:
        self._thoughts += 1
        self._signature = []
        self._opening = self._before + b'{"reasoning_content":'
        if part.redacted is not None:
            return self._chunk({"reasoning_details": [sealed_detail(part, self._thoughts)]})
        return self._delta(part.text) if part.text else b""

    def _start_call(self, part: ToolCall) -> bytes:
        self._calls += 1
        kind, field = ("custom", "input") if part.kind == "custom" else ("function", "arguments")
        self._opening = self._before + b'{"tool_calls":[{"index":%d,"type":"%s","%s":{"%s":' % (
            self._calls,
            kind.encode(),
            kind.encode(),
            field.encode(),
        )
        self._closing = b"}}]}" + self._after
        return self._chunk({"tool_calls": [{"index": self._calls, **encode_call(part)}]})

    def _end_part(self) -> bytes:
        """The proof of a thinking part, sealed, once it is whole."""
        part = self._part
        if not isinstance(part, Thinking) or part.redacted is not None:
            return b""
        signature = "".join(self._signature) or part.signature
        if not signature:
            return b""
        sealed = seal(signature, part.origin or "")
        return self._chunk(
            {"reasoning_details": [DetailOut("reasoning.text", None, sealed, None, self._thoughts)]}
        )

    def _finish(self, event: Finished) -> bytes:
        reason = encode_stop(event.stop, refused=self._refused).encode()
        out = self._before + b'{},"finish_reason":"' + reason + b'"}]}\n\n'
        if self._usage:
            out += self._head + b',"choices":[],"usage":' + _ENCODE(encode_usage(event.usage)) + b"}\n\n"
        return out + DONE_FRAME

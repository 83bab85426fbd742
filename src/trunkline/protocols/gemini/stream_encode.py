"""Neutral events to chunks: text and thoughts as they come, calls whole, one finish with the usage.

Raw U+2028 and U+2029 never go out: Gemini CLI's SDK takes them for line ends and crashes (clients.md 3.4).
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
from trunkline.core.search import WebSearch
from trunkline.core.types import Opaque, Part, Refusal, Text, Thinking, ToolCall
from trunkline.protocols.codec import ReplyContext
from trunkline.protocols.gemini import signatures
from trunkline.protocols.gemini.errors import encode_stream_error
from trunkline.protocols.gemini.rendering import GROUNDING
from trunkline.protocols.gemini.response import encode_call, encode_part, grounding_of, thought_end
from trunkline.protocols.gemini.search import metadata_of
from trunkline.protocols.gemini.usage import encode_stop, encode_usage
from trunkline.protocols.gemini.wire import PROTOCOL, encode, escape_separators, one_line


class GeminiStreamEncoder:
    """See :class:`trunkline.protocols.codec.StreamEncoder`."""

    def __init__(self, context: ReplyContext) -> None:
        tail = encode({"modelVersion": context.model, "responseId": context.id})[1:]
        self._before = b'data: {"candidates":[{"content":{"parts":['
        self._between = b'],"role":"model"}'
        self._tail = escape_separators(tail) + b"\n\n"
        self._after = self._between + b',"index":0}],' + self._tail
        self._part: Part = Text("")
        self._opening = b""
        self._closing = b""
        self._held: list[str] = []
        self._signature: list[str] = []
        self._cut = False

    def feed(self, event: StreamEvent) -> bytes:
        """The bytes of one event."""
        match event:
            case PartDelta(_, text):
                return self._delta(text)
            case Started():
                return b""
            case PartStarted(_, part):
                return self._start_part(part)
            case SignatureDelta(_, signature):
                self._signature.append(signature)
                return b""
            case PartEnded():
                return self._end_part()
            case CitationDelta(_, citation):
                return self._ground((citation,))
            case Finished():
                return self._finish(event)
            case Failed(error):
                return encode_stream_error(error)
            case _:
                assert_never(event)

    def _ground(self, citations: tuple[Opaque, ...]) -> bytes:
        """A chunk with the grounding of the text so far, as the vendor sends it: beside an empty text."""
        found = grounding_of(citations)
        if found is None:
            return b""
        data = escape_separators(one_line(found))
        return (
            self._before
            + b'{"text":""}'
            + self._between
            + b',"groundingMetadata":'
            + data
            + b',"index":0}],'
            + self._tail
        )

    def _chunk(self, parts: bytes) -> bytes:
        return self._before + escape_separators(parts) + self._after

    def _delta(self, text: str) -> bytes:
        if isinstance(self._part, ToolCall):
            self._held.append(text)
            return b""
        data = encode(text)
        if b"\xe2\x80" in data:
            data = escape_separators(data)
        return self._opening + data + self._closing

    def _start_part(self, part: Part) -> bytes:
        self._part = part
        self._held, self._signature = [], []
        self._opening = self._before + b'{"text":'
        self._closing = b"}" + self._after
        match part:
            case Text(text, citations):
                return (self._delta(text) if text else b"") + self._ground(citations)
            case Refusal(text):
                return self._delta(text) if text else b""
            case Thinking(text=text, redacted=None):
                self._closing = b',"thought":true}' + self._after
                return self._delta(text) if text else b""
            case ToolCall(arguments=arguments):
                self._held = [arguments]
                return b""
            case Opaque(kind=kind) if part.protocol == PROTOCOL and kind == GROUNDING:
                return self._ground((part,))
            case Opaque(means=WebSearch() as search) if part.protocol != PROTOCOL:
                found = metadata_of(search)
                return b"" if found is None else self._ground((Opaque(PROTOCOL, GROUNDING, found),))
            case _:
                return b"".join(self._chunk(one_line(encode(one))) for one in encode_part(part))

    def _end_part(self) -> bytes:
        part = self._part
        if isinstance(part, ToolCall):
            return self._end_call(part)
        if not isinstance(part, Thinking) or part.redacted is not None:
            return b""
        signature = "".join(self._signature) or part.signature
        return self._chunk(encode(thought_end(signatures.sealed(signature, part.origin))))

    def _end_call(self, part: ToolCall) -> bytes:
        whole = ToolCall(
            id=part.id,
            name=part.name,
            arguments="".join(self._held),
            kind=part.kind,
            proof=part.proof,
            proof_origin=part.proof_origin,
        )
        out = encode_call(whole)
        if out is None:
            self._cut = True
            return b""
        return self._chunk(one_line(encode(out)))

    def _finish(self, event: Finished) -> bytes:
        reason = encode_stop(event.stop, cut=self._cut).encode()
        body = (
            self._before + b'{"text":""}' + self._between + b',"finishReason":"' + reason + b'","index":0'
        )
        return body + b'}],"usageMetadata":' + encode(encode_usage(event.usage)) + b"," + self._tail

"""Chunks to neutral events. Lenient about everything vendors do, strict about how a stream ends (E3)."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import Failed, Finished, Started, StreamEvent
from trunkline.core.sse import SSEvent
from trunkline.core.surrogates import decode_lenient
from trunkline.core.types import Image, Opaque, Part, Refusal, Text, Thinking
from trunkline.core.usage import Usage, latest
from trunkline.protocols.openai_chat.calls import Calls
from trunkline.protocols.openai_chat.errors import error_of, readable
from trunkline.protocols.openai_chat.lane import Lane
from trunkline.protocols.openai_chat.message_decode import decode_part
from trunkline.protocols.openai_chat.reasoning import Piece, pieces_of_details, pieces_of_part
from trunkline.protocols.openai_chat.search import meaning
from trunkline.protocols.openai_chat.usage import decode_stop, finish_word, reported_usage
from trunkline.protocols.openai_chat.wire import (
    ANSWER,
    ENCODER,
    NAME,
    PART,
    WireAnswer,
    WireAnswerChoice,
    WireCall,
    WireDelta,
    present,
)

DONE = b"[DONE]"
Source = Literal["content", "details", "reasoning_content", "reasoning"]
FAILURES = {"error": Kind.UPSTREAM_FAILED, "insufficient_system_resource": Kind.OVERLOADED}
"""Words of ``finish_reason`` that mean the answer failed (E87; DeepSeek's interruption)."""


class ChatStreamDecoder:
    """See :class:`trunkline.protocols.codec.StreamDecoder`."""

    def __init__(self, origin: str) -> None:
        self._lane = Lane(origin)
        self._calls = Calls()
        self._source: Source | None = None
        self._thought: list[str] = []
        self._started = False
        self._over = False
        self._finish: WireAnswerChoice | None = None
        self._usage: Usage | None = None

    def feed(self, frame: SSEvent) -> list[StreamEvent]:
        """The events of one frame."""
        if self._over:
            return []
        data = frame.data
        if data.startswith(DONE) or data.strip() == DONE:
            return self._end(done=True)
        try:
            answer = decode_lenient(ANSWER, data)
            if frame.event == b"error" and not present(answer.error):
                raise error_of(msgspec.json.decode(data), 200, raw=data)
            return self.take(answer, data)
        except GatewayError as error:
            return self._fail(error)
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            if not data.strip():
                return []
            text = f"the upstream sent a chunk that cannot be read ({cause}): {readable(data)[:200]}"
            return self._fail(GatewayError(Kind.UPSTREAM_FAILED, text, local=False))

    def close(self) -> list[StreamEvent]:
        """What is owed when the connection closed."""
        return [] if self._over else self._end(done=False)

    def whole(self, answer: WireAnswer, data: bytes) -> list[StreamEvent]:
        """All events of an answer that was not streamed: it is complete by itself."""
        choice = _first(answer)
        if choice is not None and choice.message is not None:
            choice.delta = None  # Perplexity sends both; the delta beside a whole message is empty
        events = self.take(answer, data)
        if self._finish is None and not self._over:
            self._finish = WireAnswerChoice()
        return events + self.close()

    def take(self, answer: WireAnswer, data: bytes) -> list[StreamEvent]:
        """The events of one decoded chunk. Raises GatewayError when it is, or holds, an error."""
        choice = _first(answer)
        if (answer.error and present(answer.error)) or answer.error_code is not None:
            raise error_of(msgspec.json.decode(data), 200, raw=data)
        if choice is not None and choice.error and present(choice.error):
            raise error_of({"error": msgspec.json.decode(choice.error)}, 200, raw=None)
        events: list[StreamEvent] = []
        usage = None
        if answer.usage is not None or answer.x_groq is not None:
            usage = reported_usage(answer)
        if not self._started and (choice is not None or answer.delta is not None):
            self._start(answer, usage, events)
        late = self._finish is not None
        if usage is not None:
            self._usage = latest(self._usage, usage)
        delta = answer.delta
        if choice is not None:
            delta = choice.delta or choice.message
        if delta is not None:
            self._delta(delta, events)
        if choice is not None and choice.finish_reason:
            self._latch(choice)
        if late and usage is not None:  # nothing can follow: the counts come last (E70)
            return events + self._end(done=False)
        return events

    def _start(self, answer: WireAnswer, usage: Usage | None, events: list[StreamEvent]) -> None:
        self._started = True
        created = None if answer.created is None else int(answer.created)
        self._lane.seed = f"{answer.id or ''}\0{created or ''}\0{answer.model or ''}"
        events.append(Started(answer.id or "", answer.model or "", usage, created))

    def _latch(self, choice: WireAnswerChoice) -> None:
        """The first finish counts (E70)."""
        reason = choice.finish_reason or ""
        if reason in FAILURES:
            raise GatewayError(
                FAILURES[reason],
                f"the upstream ended its answer with {reason!r}",
                code=reason,
                local=False,
            )
        if self._finish is None:
            self._finish = choice

    def _delta(self, delta: WireDelta, events: list[StreamEvent]) -> None:
        """Reasoning, text, refusal, then calls (E45)."""
        content = delta.content
        if delta.reasoning_content or delta.reasoning or delta.reasoning_details:
            self._reason(delta, events)
        if isinstance(content, str):
            if content:
                self._lane.say("text", content, events)
        elif isinstance(content, list):
            self._blocks(content, events)
        elif content:
            self._lane.say("text", ENCODER.encode(content).decode(), events)
        if delta.refusal:
            self._lane.say("refusal", delta.refusal, events)
        for raw in delta.annotations or ():
            self._lane.cite(Opaque(NAME, "url_citation", raw, means=meaning(raw)), events)
        if delta.images:
            self._blocks(delta.images, events)
        if delta.tool_calls:
            self._call(delta.tool_calls, events)
        legacy = delta.function_call
        if legacy is not None and (legacy.name or legacy.arguments):
            self._call([WireCall(index=0, function=legacy)], events)

    def _reason(self, delta: WireDelta, events: list[StreamEvent]) -> None:
        """One source of text a stream, chosen at its first words; proofs are taken from entries always (E15)."""
        pieces = pieces_of_details(delta.reasoning_details or ())
        if self._source is None:
            if any(piece.text for piece in pieces):
                self._source = "details"
            elif delta.reasoning_content:
                self._source = "reasoning_content"
            elif delta.reasoning:
                self._source = "reasoning"
        if self._source == "reasoning_content" and delta.reasoning_content:
            self._lane.think(Piece(delta.reasoning_content), events)
        elif self._source == "reasoning" and delta.reasoning:
            self._lane.think(Piece(delta.reasoning), events)
        for piece in pieces:
            self._lane.think(self._entry(piece), events)

    def _entry(self, piece: Piece) -> Piece:
        """An entry without the text that is shown already."""
        if self._source != "details":
            return Piece("", piece.signature, piece.redacted, None)
        if piece.signature and piece.text and piece.text == "".join(self._thought):
            piece = Piece("", piece.signature, piece.redacted, piece.index)
        if piece.signature:
            self._thought.clear()
        elif piece.text:
            self._thought.append(piece.text)
        return piece

    def _blocks(self, content: list[msgspec.Raw], events: list[StreamEvent]) -> None:
        """A content list: Databricks' and Mistral's way (E16)."""
        for position, raw in enumerate(content):
            data = bytes(raw)
            if data[:1] == b"{":
                wire = decode_lenient(PART, data)
                if wire.type in ("reasoning", "thinking"):
                    if self._source in (None, "content"):
                        self._source = "content"
                        for piece in pieces_of_part(wire):
                            self._lane.think(piece, events)
                    continue
            for part in self._parts(raw, position):
                match part:
                    case Text(text, citations):
                        if text:
                            self._lane.say("text", text, events)
                        for citation in citations:
                            self._lane.cite(citation, events)
                    case Refusal(text):
                        self._lane.say("refusal", text, events)
                    case Image() | Opaque() | Thinking():
                        self._lane.put(part, events)
                    case _:
                        self._lane.put(Opaque(NAME, type(part).__name__.lower(), raw), events)

    def _parts(self, raw: msgspec.Raw, position: int) -> Sequence[Part]:
        try:
            return decode_part(raw, f"choices[0].delta.content[{position}]")
        except GatewayError:  # a client would hear about it; a vendor's odd block is kept as it is
            return [Opaque(NAME, "part", raw)]

    def _call(self, wires: list[WireCall], events: list[StreamEvent]) -> None:
        for call in self._calls.take(wires):
            self._lane.open_call(call)
        self._lane.flow(events)

    def _end(self, *, done: bool) -> list[StreamEvent]:
        """The end: complete when a finish was seen, or ``[DONE]`` with no call open (E3)."""
        finish = self._finish
        if finish is None and (not done or not self._started or self._lane.call_open):
            return self._fail(
                GatewayError(
                    Kind.TRUNCATED,
                    "the upstream's stream ended before the answer was complete",
                    local=False,
                )
            )
        reason = None if finish is None else finish_word(finish)
        stop = decode_stop(
            reason,
            calls=bool(self._calls.order),
            refused=self._lane.refused,
            matched=None if finish is None else finish.stop_reason,
        )
        events: list[StreamEvent] = []
        try:
            self._lane.finish(events, cut_off=stop.reason in ("length", "context_full"))
        except GatewayError as error:
            return events + self._fail(error)
        self._over = True
        events.append(Finished(stop, self._usage or Usage()))
        return events

    def _fail(self, error: GatewayError) -> list[StreamEvent]:
        self._over = True
        return [Failed(error)]


def _first(answer: WireAnswer) -> WireAnswerChoice | None:
    """The first choice; others are never read (E88)."""
    for choice in answer.choices or ():
        if not choice.index:
            return choice
    return None

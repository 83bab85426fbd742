"""Chunks to neutral events. A chunk holds whole parts; text and thoughts go on in the next one."""

from datetime import datetime
from typing import Final, Literal

import msgspec
from msgspec import Raw

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import Failed, Finished, Started, StreamEvent
from trunkline.core.sse import SSEvent
from trunkline.core.surrogates import decode_lenient
from trunkline.core.types import Opaque
from trunkline.core.usage import Usage, latest
from trunkline.protocols.gemini import search
from trunkline.protocols.gemini.errors import error_of, readable
from trunkline.protocols.gemini.lane import Lane
from trunkline.protocols.gemini.rendering import GROUNDING
from trunkline.protocols.gemini.usage import decode_stop, decode_usage, failure, reason_name
from trunkline.protocols.gemini.wire import (
    ANSWER,
    LIST,
    PROTOCOL,
    RAW_ANSWER,
    Answer,
    AnswerPart,
    Candidate,
    RawCandidate,
    given,
    one_line,
)

_DONE: Final = b"[DONE]"
"""Not the vendor's; some gateways in front of it add it."""


class GeminiStreamDecoder:
    """See :class:`trunkline.protocols.codec.StreamDecoder`. The end of the connection is the end of the answer."""

    def __init__(self, origin: str) -> None:
        self._lane = Lane(origin)
        self._state: Literal["new", "started", "over"] = "new"
        self._finish: str | None = None
        self._blocked: str | None = None
        self._usage: Usage | None = None

    def feed(self, frame: SSEvent) -> list[StreamEvent]:
        """The events of one frame."""
        if self._state == "over":
            return []
        data = frame.data
        opening = data[:1]
        if opening != b"{":
            data = data.strip()
            if not data or data.startswith(_DONE):
                return []
            if data[:1] == b"[":
                return self._array(data)
        try:
            return self.take(decode_lenient(ANSWER, data), data)
        except GatewayError as error:
            return self._fail(error)
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            return self._fail(_unreadable("chunk", data, cause))

    def _array(self, data: bytes) -> list[StreamEvent]:
        """Errors in a stream sometimes come in an array."""
        try:
            items = LIST.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            return self._fail(_unreadable("chunk", data, cause))
        return [event for raw in items for event in self.feed(SSEvent(bytes(raw)))]

    def whole(self, data: bytes) -> list[StreamEvent]:
        """All events of an answer that was not streamed: it is complete by itself.

        Raises GatewayError for an error body and for what holds no answer, msgspec.DecodeError for no JSON.
        """
        answer = decode_lenient(ANSWER, data)
        if not answer.candidates and not given(answer.error) and not _feedback(answer):
            raise GatewayError(
                Kind.UPSTREAM_FAILED,
                f"the upstream's answer has no candidates: {readable(data)[:200]}",
                local=False,
            )
        events = self.take(answer, data)
        if self._finish is None and self._blocked is None:
            self._finish = "STOP"
        return events + self.close()

    def take(self, answer: Answer, data: bytes) -> list[StreamEvent]:
        """The events of one decoded chunk. Raises GatewayError when it is, or brings, an error."""
        if given(answer.error):
            raise error_of(msgspec.json.decode(data), 200, raw=data)
        events: list[StreamEvent] = []
        usage = None if answer.usage_metadata is None else decode_usage(answer.usage_metadata)
        candidate = _first(answer)
        feedback = _feedback(answer)
        if self._state == "new" and (candidate is not None or feedback is not None):
            self._start(answer, usage, events)
        if usage is not None:
            self._usage = latest(self._usage, usage)
        if feedback is not None and candidate is None:
            self._blocked = feedback
        if candidate is not None:
            self._candidate(candidate, data, events)
        return events

    def _start(self, answer: Answer, usage: Usage | None, events: list[StreamEvent]) -> None:
        self._state = "started"
        self._lane.seed = f"{answer.response_id or ''}\0{answer.model_version or ''}"
        created = _seconds(answer.create_time)
        events.append(Started(answer.response_id or "", answer.model_version or "", usage, created))

    def _candidate(self, candidate: Candidate, data: bytes, events: list[StreamEvent]) -> None:
        reason = reason_name(candidate.finish_reason)
        if reason is not None:
            failed = failure(reason, candidate.finish_message)
            if failed is not None:
                raise failed
            self._finish = reason
        grounding = candidate.grounding_metadata
        if given(grounding) and bytes(grounding) != b"{}":
            held = Raw(one_line(grounding))
            means = search.grounding(held)
            self._lane.citations.append(Opaque(PROTOCOL, GROUNDING, held, means=means))
        if candidate.content is not None and candidate.content.parts:
            self._parts(candidate.content.parts, data, events)
        self._lane.cite(events)

    def _parts(self, parts: list[AnswerPart], data: bytes, events: list[StreamEvent]) -> None:
        raws: list[Raw] | None = None
        for place, part in enumerate(parts):
            call = part.function_call
            if part.text is not None and call is None:
                self._lane.say(part.text, part.thought_signature, events, thought=bool(part.thought))
            elif call is not None:
                self._lane.call(call, part.thought_signature, events)
            elif part.inline_data is not None and part.inline_data.data:
                self._lane.media(part.inline_data, part.thought_signature, events)
            else:
                raws = _raw_parts(data) if raws is None else raws
                if place < len(raws):
                    self._lane.keep(raws[place], events)

    def close(self) -> list[StreamEvent]:
        """What is owed when the connection closed: the end, if a finish was seen before (E3)."""
        if self._state == "over":
            return []
        if self._finish is None and self._blocked is None:
            message = "the upstream's stream ended before the answer was complete"
            return self._fail(GatewayError(Kind.TRUNCATED, message, local=False))
        events: list[StreamEvent] = []
        reason = self._finish or self._blocked
        blocked = self._finish is None
        try:
            self._lane.finish(events, cut_off=reason == "MAX_TOKENS")
        except GatewayError as error:
            return events + self._fail(error)
        self._state = "over"
        stop = decode_stop(reason, calls=self._lane.called, blocked=blocked)
        return [*events, Finished(stop, self._usage or Usage())]

    def _fail(self, error: GatewayError) -> list[StreamEvent]:
        self._state = "over"
        return [Failed(error)]


def _first(answer: Answer) -> Candidate | None:
    """The first candidate; others are never read (E96)."""
    return next((one for one in answer.candidates or () if not one.index), None)


def _feedback(answer: Answer) -> str | None:
    """Why the prompt was blocked, None when it was not."""
    if answer.prompt_feedback is None or not answer.prompt_feedback.block_reason:
        return None
    return str(answer.prompt_feedback.block_reason)


def _raw_parts(data: bytes) -> list[Raw]:
    """The first candidate's parts as they came, for those of other kinds (rare)."""
    found: RawCandidate | None = next(
        (one for one in decode_lenient(RAW_ANSWER, data).candidates or () if not one.index), None
    )
    return [] if found is None or found.content is None else found.content.parts or []


def _seconds(stamp: str | None) -> int | None:
    if stamp is None:
        return None
    try:
        return int(datetime.fromisoformat(stamp).timestamp())
    except ValueError:
        return None


def _unreadable(what: str, data: bytes, cause: Exception) -> GatewayError:
    text = f"the upstream sent a {what} that cannot be read ({cause}): {readable(data)[:200]}"
    return GatewayError(Kind.UPSTREAM_FAILED, text, local=False)

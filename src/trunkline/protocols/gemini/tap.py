"""Looks at a stream that is passed through: usage, the end, errors, signatures. Changes nothing."""

from typing import Final

import msgspec

from trunkline.core.errors import GatewayError
from trunkline.core.sse import SSEvent
from trunkline.core.surrogates import decode_lenient
from trunkline.core.usage import Stop, Usage, latest
from trunkline.protocols.gemini import signatures
from trunkline.protocols.gemini.errors import error_of
from trunkline.protocols.gemini.usage import decode_stop, decode_usage, failure, reason_name
from trunkline.protocols.gemini.wire import ANSWER, LIST, Answer, Candidate, given

_TELLING: Final = (b'"finishReason"', b'"error"', b"houghtSignature", b"unctionCall", b'"promptFeedback"')
"""A chunk without any of these only goes on with what has begun; its usage is read if it was the last."""


class GeminiStreamTap:
    """See :class:`trunkline.protocols.codec.StreamTap`."""

    def __init__(self) -> None:
        self._content = False
        self._calls = False
        self._reason: str | None = None
        self._blocked: str | None = None
        self._error: GatewayError | None = None
        self._usage: Usage | None = None
        self._unread = b""
        self._signatures: list[str] = []

    def feed(self, frame: SSEvent) -> None:
        """Look at one frame; those that can tell nothing new are not decoded yet."""
        data = frame.data
        if self._content and not any(word in data for word in _TELLING):
            if b'"usageMetadata"' in data:
                self._unread = data
            return
        try:
            if data.lstrip()[:1] == b"[":
                for raw in LIST.decode(data):
                    self._look(decode_lenient(ANSWER, bytes(raw)), bytes(raw))
            else:
                self._look(decode_lenient(ANSWER, data), data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # the client gets it as it is; its end will be missing

    def _look(self, answer: Answer, data: bytes) -> None:
        if given(answer.error):
            self._error = self._error or error_of(msgspec.json.decode(data), 200, raw=data)
            return
        self._meter(answer)
        candidate = next((one for one in answer.candidates or () if not one.index), None)
        if candidate is not None:
            self._see(candidate)
        elif answer.prompt_feedback is not None and answer.prompt_feedback.block_reason:
            self._blocked = str(answer.prompt_feedback.block_reason)

    def _meter(self, answer: Answer) -> None:
        if answer.usage_metadata is not None:
            usage = decode_usage(answer.usage_metadata)
            if usage is not None:
                self._unread = b""
                self._usage = latest(self._usage, usage)

    def _see(self, candidate: Candidate) -> None:
        for part in (candidate.content.parts if candidate.content is not None else None) or ():
            self._content = self._content or not (part.text == "" and part.thought_signature is None)
            self._calls = self._calls or part.function_call is not None
            if part.thought_signature:
                self._signatures.append(signatures.bare(part.thought_signature))
        reason = reason_name(candidate.finish_reason)
        if reason is not None:
            self._error = self._error or failure(reason, candidate.finish_message)
            self._reason = reason

    @property
    def content_seen(self) -> bool:
        """The first part or the end came."""
        return self._content or self.finished

    @property
    def finished(self) -> bool:
        """A finish was seen, or that the prompt was blocked (E3)."""
        return self._reason is not None or self._blocked is not None

    @property
    def error(self) -> GatewayError | None:
        """The first error inside the stream."""
        return self._error

    @property
    def usage(self) -> Usage | None:
        """The latest counts."""
        if self._unread:
            data, self._unread = self._unread, b""
            try:
                self._meter(decode_lenient(ANSWER, data))
            except (msgspec.DecodeError, UnicodeDecodeError):
                return self._usage
        return self._usage

    @property
    def stop(self) -> Stop | None:
        """Why it stopped."""
        if not self.finished:
            return None
        return decode_stop(self._reason or self._blocked, calls=self._calls, blocked=self._reason is None)

    @property
    def signatures(self) -> tuple[str, ...]:
        """Thought signatures, each as its maker wrote it."""
        return tuple(self._signatures)

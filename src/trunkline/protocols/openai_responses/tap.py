"""Looks at a stream that is passed through: usage, the end, errors, proofs. Changes nothing."""

from typing import Final

import msgspec

from trunkline.core.errors import GatewayError
from trunkline.core.sse import SSEvent
from trunkline.core.surrogates import decode_lenient
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.openai_responses.errors import error_of
from trunkline.protocols.openai_responses.item_decode import typed_call
from trunkline.protocols.openai_responses.kinds import BY_CALL
from trunkline.protocols.openai_responses.output_decode import failure_of
from trunkline.protocols.openai_responses.stream_decode import TERMINALS
from trunkline.protocols.openai_responses.stream_items import CALLS
from trunkline.protocols.openai_responses.usage import decode_stop, decode_usage
from trunkline.protocols.openai_responses.wire import (
    ANY,
    EVENT,
    REASONING,
    RESPONSE,
    WireEvent,
    kind_of,
    present,
    read,
)

_OPENING: Final = frozenset({"response.created", "response.in_progress", "response.queued"})


class ResponsesStreamTap:
    """See :class:`trunkline.protocols.codec.StreamTap`."""

    def __init__(self) -> None:
        self._content = False
        self._called = False
        self._refused = False
        self._error: GatewayError | None = None
        self._usage: Usage | None = None
        self._stop: Stop | None = None
        self._signatures: list[str] = []

    def feed(self, frame: SSEvent) -> None:
        """Look at one frame; a delta can tell nothing new and is not even decoded."""
        if self._stop is not None:  # what follows the end is another answer: some agents send two
            return
        name = frame.event
        if (
            self._content
            and name is not None
            and name.endswith(b".delta")
            and name != b"response.refusal.delta"
        ):
            return
        try:
            event = decode_lenient(EVENT, frame.data)
            self._look(event, frame)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # the client gets it as it is; its end will be missing

    def _look(self, event: WireEvent, frame: SSEvent) -> None:
        kind = event.type or (frame.event or b"").decode("utf-8", "replace")
        if kind == "error" or present(event.error):
            self._error = self._error or error_of(ANY.decode(frame.data), 200, raw=frame.data)
        elif kind in TERMINALS:
            self._end(event, frame.data)
        elif kind == "response.output_item.done":
            self._content = True
            self._see(event)
        elif kind.startswith("response.refusal."):
            self._content = self._refused = True
        elif kind.startswith("response.") and kind not in _OPENING:
            self._content = True

    def _see(self, event: WireEvent) -> None:
        kind = kind_of(event.item).type or ""
        if kind in CALLS:
            self._called = True
        elif kind in BY_CALL:
            self._called = self._called or typed_call(BY_CALL[kind], event.item) is not None
        elif kind == "reasoning":
            proof = read(REASONING, event.item).encrypted_content
            if proof:
                self._signatures.append(proof)

    def _end(self, event: WireEvent, data: bytes) -> None:
        if not present(event.response):
            return
        wire = read(RESPONSE, event.response)
        if wire.usage is not None:
            self._usage = decode_usage(wire.usage)
        failed = failure_of(wire, data)
        if failed is not None:
            self._error = self._error or failed
            return
        self._stop = decode_stop(wire, calls=self._called, refused=self._refused)

    @property
    def content_seen(self) -> bool:
        """The first item or the end came."""
        return self._content or self.finished

    @property
    def finished(self) -> bool:
        """``completed`` or ``incomplete`` was seen; a failure is an error."""
        return self._stop is not None

    @property
    def error(self) -> GatewayError | None:
        """The first error inside the stream."""
        return self._error

    @property
    def usage(self) -> Usage | None:
        """The counts of the terminal."""
        return self._usage

    @property
    def stop(self) -> Stop | None:
        """Why it stopped."""
        return self._stop

    @property
    def signatures(self) -> tuple[str, ...]:
        """The proofs of the reasoning items that are complete."""
        return tuple(self._signatures)

"""OpenAI's operations beside chat that have no neutral form: legacy completions and embeddings.

Source: OpenAI's API reference, completions and embeddings, 2026-09.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead
from trunkline.core.losses import Loss
from trunkline.core.splice import Span, splice
from trunkline.core.sse import SSEvent, encode_data
from trunkline.core.surrogates import decode_lenient
from trunkline.core.usage import Stop, Usage, latest
from trunkline.protocols.codec import ErrorReply, Peek, StreamTap
from trunkline.protocols.openai_chat import errors, request_decode
from trunkline.protocols.openai_chat.stream_decode import DONE
from trunkline.protocols.openai_chat.usage import decode_stop, decode_usage
from trunkline.protocols.openai_chat.wire import ENCODER, WireUsage, present

PING: Final = b": ping\n\n"


class _Choice(Struct):
    index: int | None = None
    text: str | None = None
    finish_reason: str | None = None


class _Answer(Struct):
    """A whole answer of either operation, one chunk, or an error in its place."""

    data: list[Raw] | None = None
    choices: list[_Choice] | None = None
    usage: WireUsage | None = None
    error: Raw = Raw()
    error_code: str | int | None = None


_ANSWER: Final = msgspec.json.Decoder(_Answer)


class CompletionsTap:
    """See :class:`trunkline.protocols.codec.StreamTap`."""

    def __init__(self) -> None:
        self.content_seen = False
        self._done = False
        self.error: GatewayError | None = None
        self.usage: Usage | None = None
        self.stop: Stop | None = None
        self.signatures: tuple[str, ...] = ()

    def feed(self, frame: SSEvent) -> None:
        """Look at one frame."""
        if frame.data.startswith(DONE):
            self._done = self.content_seen = True
            return
        try:
            answer = decode_lenient(_ANSWER, frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # the client gets it as it is; its end will be missing
        if present(answer.error) or answer.error_code is not None:
            self.error = self.error or errors.error_of(msgspec.json.decode(frame.data), 200, raw=frame.data)
            return
        if answer.usage is not None:
            self.usage = latest(self.usage, decode_usage(answer.usage))
        for choice in answer.choices or ():
            self.content_seen = self.content_seen or bool(choice.text or choice.finish_reason)
            if choice.finish_reason and not choice.index:
                self.stop = decode_stop(choice.finish_reason, calls=False, refused=False, matched=None)

    @property
    def finished(self) -> bool:
        """A finish or ``[DONE]`` was seen."""
        return self._done or self.stop is not None


class CarriedOperation:
    """One of the operations. ``holds`` is the field that every answer has."""

    def __init__(self, name: str, what: str, holds: str, *, streams: bool) -> None:
        self._name = name
        self._what = what
        self._holds = holds
        self._streams = streams

    @property
    def name(self) -> str:
        """``openai_completions`` or ``openai_embeddings``."""
        return self._name

    @property
    def what(self) -> str:
        """The operation in words."""
        return self._what

    def peek(self, body: bytes) -> Peek:
        """Model and stream flag."""
        peek = request_decode.peek(body)
        return peek if self._streams else Peek(peek.model)

    def rename(self, body: bytes, deployment: str, places: Mapping[str, Span] | None = None) -> bytes:
        """The model's name replaced."""
        return splice(body, {"model": ENCODER.encode(deployment)}, places)

    def stream_tap(self) -> StreamTap:
        """The observer of a stream."""
        return CompletionsTap()

    def usage_of(self, body: bytes) -> Usage | None:
        """The usage in a whole answer."""
        try:
            usage = decode_lenient(_ANSWER, body).usage
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return None if usage is None else decode_usage(usage)

    def drop_foreign_proofs(
        self, body: bytes, owned: Callable[[str], bool]
    ) -> tuple[bytes, tuple[Loss, ...]]:
        """There are no proofs here."""
        del owned
        return body, ()

    def check(self, body: bytes) -> None:
        """Raises GatewayError for what is no answer."""
        try:
            answer = decode_lenient(_ANSWER, body)
            held: object = getattr(answer, self._holds)
            if held is None or present(answer.error) or answer.error_code is not None:
                raise errors.error_of(msgspec.json.decode(body), 200, raw=body)
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            text = f"the upstream's answer cannot be read ({cause}): {errors.readable(body)[:200]}"
            raise GatewayError(Kind.UPSTREAM_FAILED, text, local=False) from cause

    def as_stream(self, body: bytes) -> bytes:
        """One chunk, which has the shape of the whole answer, and the end."""
        return encode_data(msgspec.json.format(body, indent=-1)) + encode_data(DONE)

    def decode_error(self, head: HttpHead, body: bytes) -> GatewayError:
        """What an error answer means."""
        return errors.decode_error(head, body)

    def encode_error(self, error: GatewayError, request_id: str) -> ErrorReply:
        """The error before the first byte."""
        return errors.encode_error(error, request_id)

    def encode_stream_error(self, error: GatewayError, request_id: str) -> bytes:
        """The error inside a stream."""
        del request_id
        return errors.encode_stream_error(error)

    def ping(self, *, begun: bool) -> bytes:
        """A comment line."""
        del begun
        return PING


COMPLETIONS: Final = CarriedOperation("openai_completions", "legacy completions", "choices", streams=True)
EMBEDDINGS: Final = CarriedOperation("openai_embeddings", "embeddings", "data", streams=False)

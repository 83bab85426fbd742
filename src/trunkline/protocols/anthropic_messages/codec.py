"""The room's one export: every operation of the protocol under the interface that all rooms share."""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Raw

from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.http import HttpHead
from trunkline.core.losses import Loss
from trunkline.core.splice import Span, splice
from trunkline.core.types import Request, Response
from trunkline.core.usage import Usage
from trunkline.protocols.anthropic_messages import errors
from trunkline.protocols.anthropic_messages.peek import peek
from trunkline.protocols.anthropic_messages.proofs import drop_foreign_proofs, holds_proofs
from trunkline.protocols.anthropic_messages.refusals import mended
from trunkline.protocols.anthropic_messages.request_decode import decode_request, read_request
from trunkline.protocols.anthropic_messages.request_encode import encode_request
from trunkline.protocols.anthropic_messages.response import decode_response, encode_response, usage_of
from trunkline.protocols.anthropic_messages.stream_decode import AnthropicStreamDecoder
from trunkline.protocols.anthropic_messages.stream_encode import AnthropicStreamEncoder
from trunkline.protocols.anthropic_messages.tap import AnthropicStreamTap
from trunkline.protocols.anthropic_messages.wire import PROTOCOL, encode
from trunkline.protocols.codec import (
    Encoded,
    ErrorReply,
    Peek,
    ReplyContext,
    StreamDecoder,
    StreamEncoder,
    StreamTap,
)
from trunkline.protocols.reading import Earlier, Reading
from trunkline.protocols.writing import Written

_PING: Final = b'event: ping\ndata: {"type": "ping"}\n\n'
_COMMENT: Final = b": ping\n\n"


class AnthropicMessages:
    """See :class:`trunkline.protocols.codec.Codec`, which documents every operation."""

    def __init__(self) -> None:
        self.name: str = PROTOCOL
        """The protocol's name in configurations."""

    def peek(self, body: bytes) -> Peek:
        """Model and stream flag."""
        return peek(body)

    def rename(self, body: bytes, deployment: str, places: Mapping[str, Span] | None = None) -> bytes:
        """The model's name, set."""
        edits = {"model": encode(deployment)}
        try:
            return splice(body, edits, places)
        except GatewayError:
            whole = mended(body)
            if whole is body:
                raise
            return splice(whole, edits)

    def decode_request(self, body: bytes) -> Request:
        """A client's request."""
        return decode_request(body)

    @property
    def turns(self) -> str:
        """``messages``."""
        return "messages"

    def read_request(self, body: bytes, earlier: Earlier | None = None) -> Reading:
        """A client's request, or what it has beyond an earlier one."""
        return read_request(body, earlier)

    def encode_request(self, request: Request, facts: Facts, earlier: Written | None = None) -> Encoded:
        """A body for a target of this protocol."""
        del earlier
        return encode_request(request, facts)

    def decode_response(self, body: bytes, origin: str) -> Response:
        """A whole answer."""
        return decode_response(body, origin)

    def repeat_tools(self, request: Request) -> Raw | None:
        """Answers do not."""
        del request
        return None

    def encode_response(self, response: Response, context: ReplyContext) -> bytes:
        """A whole answer for a client."""
        return encode_response(response, context)

    def stream_decoder(self, origin: str) -> StreamDecoder:
        """For one upstream's stream."""
        return AnthropicStreamDecoder(origin)

    def stream_encoder(self, context: ReplyContext) -> StreamEncoder:
        """For one client's stream."""
        return AnthropicStreamEncoder(context)

    def stream_tap(self) -> StreamTap:
        """For one stream that is passed through."""
        return AnthropicStreamTap()

    def usage_of(self, body: bytes) -> Usage | None:
        """The usage in a whole answer."""
        return usage_of(body)

    def drop_foreign_proofs(
        self, body: bytes, owned: Callable[[str], bool]
    ) -> tuple[bytes, tuple[Loss, ...]]:
        """A passed-through body without other makers' thinking."""
        return drop_foreign_proofs(body, owned)

    def holds_proofs(self, body: bytes) -> bool:
        """Whether any part of it may be another maker's thinking."""
        return holds_proofs(body)

    def decode_error(self, head: HttpHead, body: bytes) -> GatewayError:
        """What an error answer means."""
        return errors.decode_error(head, body)

    def encode_error(self, error: GatewayError, request_id: str) -> ErrorReply:
        """An error before the first byte."""
        return errors.encode_error(error, request_id)

    def encode_stream_error(self, error: GatewayError, request_id: str) -> bytes:
        """An error after it."""
        return errors.encode_stream_error(error, request_id)

    def ping(self, *, begun: bool) -> bytes:
        """A sign of life: an event once the stream began, a comment before (SDKs want message_start first)."""
        return _PING if begun else _COMMENT


ANTHROPIC_MESSAGES: Final = AnthropicMessages()

"""The room's codec: the interface of :mod:`trunkline.protocols.codec`, spoken for OpenAI Responses."""

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
from trunkline.protocols.codec import (
    Encoded,
    ErrorReply,
    Peek,
    ReplyContext,
    StreamDecoder,
    StreamEncoder,
    StreamTap,
)
from trunkline.protocols.openai_responses import (
    compaction,
    errors,
    foreign_proofs,
    output_decode,
    reply,
    request_decode,
    request_encode,
)
from trunkline.protocols.openai_responses.response import encode_response
from trunkline.protocols.openai_responses.stream_decode import ResponsesStreamDecoder
from trunkline.protocols.openai_responses.stream_encode import (
    CompactionStreamEncoder,
    ResponsesStreamEncoder,
    encode_stream_error,
)
from trunkline.protocols.openai_responses.tap import ResponsesStreamTap
from trunkline.protocols.openai_responses.wire import NAME, encode
from trunkline.protocols.reading import Earlier, Reading
from trunkline.protocols.writing import Written

PING: Final = b": ping\n\n"


class OpenAIResponses:
    """OpenAI Responses, and everyone who speaks it."""

    def __init__(self) -> None:
        self.name: str = NAME
        """``openai_responses``."""

    def peek(self, body: bytes) -> Peek:
        """Model and stream flag."""
        return request_decode.peek(body)

    def rename(self, body: bytes, deployment: str, places: Mapping[str, Span] | None = None) -> bytes:
        """The model's name replaced."""
        return splice(body, {"model": encode(deployment)}, places)

    def decode_request(self, body: bytes) -> Request:
        """A client's request."""
        return request_decode.decode_request(body)

    @property
    def turns(self) -> str:
        """``input``."""
        return "input"

    def read_request(self, body: bytes, earlier: Earlier | None = None) -> Reading:
        """A client's request, or what it has beyond an earlier one."""
        return request_decode.read_request(body, earlier)

    def encode_request(self, request: Request, facts: Facts, earlier: Written | None = None) -> Encoded:
        """A body for a target."""
        return request_encode.encode_request(request, facts, earlier)

    def decode_response(self, body: bytes, origin: str) -> Response:
        """A whole answer."""
        return output_decode.decode_response(body, origin)

    def repeat_tools(self, request: Request) -> Raw | None:
        """The tools as declared."""
        return reply.repeat_tools(request)

    def encode_response(self, response: Response, context: ReplyContext) -> bytes:
        """A whole answer for a client."""
        if compaction.asks(context.request):
            response = compaction.compacted(response, context.id)
        return encode_response(response, context)

    def stream_decoder(self, origin: str) -> StreamDecoder:
        """Events of a stream to neutral ones."""
        return ResponsesStreamDecoder(origin)

    def stream_encoder(self, context: ReplyContext) -> StreamEncoder:
        """Neutral events to a stream."""
        if compaction.asks(context.request):
            return CompactionStreamEncoder(context)
        return ResponsesStreamEncoder(context)

    def stream_tap(self) -> StreamTap:
        """The observer of a pass-through."""
        return ResponsesStreamTap()

    def usage_of(self, body: bytes) -> Usage | None:
        """The usage in a whole answer."""
        return output_decode.usage_of(body)

    def drop_foreign_proofs(
        self, body: bytes, owned: Callable[[str], bool]
    ) -> tuple[bytes, tuple[Loss, ...]]:
        """History without other models' proofs."""
        return foreign_proofs.drop_foreign_proofs(body, owned)

    def holds_proofs(self, body: bytes) -> bool:
        """Whether any part of it may be another maker's thinking."""
        return foreign_proofs.holds_proofs(body)

    def decode_error(self, head: HttpHead, body: bytes) -> GatewayError:
        """What an error answer means."""
        return errors.decode_error(head, body)

    def encode_error(self, error: GatewayError, request_id: str) -> ErrorReply:
        """The error before the first byte."""
        return errors.encode_error(error, request_id)

    def encode_stream_error(self, error: GatewayError, request_id: str) -> bytes:
        """The error inside a stream: a failed response, since that is what clients act on."""
        return encode_stream_error(error, request_id)

    def ping(self, *, begun: bool) -> bytes:
        """A comment line: every client skips it, before and after the first event."""
        del begun
        return PING


OPENAI_RESPONSES: Final = OpenAIResponses()

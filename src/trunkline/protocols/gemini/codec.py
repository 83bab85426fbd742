"""The room's codec: the interface of :mod:`trunkline.protocols.codec`, spoken for generateContent.

Model and stream flag stand in the path here: :func:`trunkline.protocols.gemini.path.read_path` reads them, the
server hands them on with the request, and the operations on bodies know neither.
"""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Raw

from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.http import HttpHead
from trunkline.core.losses import Loss
from trunkline.core.splice import Span
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
from trunkline.protocols.gemini import errors, foreign_proofs
from trunkline.protocols.gemini.request_decode import decode_request, read_request
from trunkline.protocols.gemini.request_encode import encode_request
from trunkline.protocols.gemini.response import decode_response, encode_response, usage_of
from trunkline.protocols.gemini.stream_decode import GeminiStreamDecoder
from trunkline.protocols.gemini.stream_encode import GeminiStreamEncoder
from trunkline.protocols.gemini.tap import GeminiStreamTap
from trunkline.protocols.gemini.wire import PROTOCOL
from trunkline.protocols.reading import Earlier, Reading
from trunkline.protocols.writing import Written

_PING: Final = b"\n\n"
_UNSAID: Final = Peek("")


class Gemini:
    """See :class:`trunkline.protocols.codec.Codec`, which documents every operation."""

    def __init__(self) -> None:
        self.name: str = PROTOCOL
        """The protocol's name in configurations."""

    def peek(self, body: bytes) -> Peek:
        """Nothing: the path says model and method."""
        del body
        return _UNSAID

    def rename(self, body: bytes, deployment: str, places: Mapping[str, Span] | None = None) -> bytes:
        """The body itself: the model's name goes into the path."""
        del deployment, places
        return body

    def decode_request(self, body: bytes) -> Request:
        """A client's request, model and stream flag left open."""
        return decode_request(body)

    @property
    def turns(self) -> str:
        """``contents``."""
        return "contents"

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
        return GeminiStreamDecoder(origin)

    def stream_encoder(self, context: ReplyContext) -> StreamEncoder:
        """For one client's stream."""
        return GeminiStreamEncoder(context)

    def stream_tap(self) -> StreamTap:
        """For one stream that is passed through."""
        return GeminiStreamTap()

    def usage_of(self, body: bytes) -> Usage | None:
        """The usage in a whole answer."""
        return usage_of(body)

    def drop_foreign_proofs(
        self, body: bytes, owned: Callable[[str], bool]
    ) -> tuple[bytes, tuple[Loss, ...]]:
        """A passed-through body without other makers' signatures."""
        return foreign_proofs.drop_foreign_proofs(body, owned)

    def holds_proofs(self, body: bytes) -> bool:
        """Whether any part of it may be another maker's thinking."""
        return foreign_proofs.holds_proofs(body)

    def decode_error(self, head: HttpHead, body: bytes) -> GatewayError:
        """What an error answer means."""
        return errors.decode_error(head, body)

    def encode_error(self, error: GatewayError, request_id: str) -> ErrorReply:
        """An error before the first byte."""
        return errors.encode_error(error, request_id)

    def encode_stream_error(self, error: GatewayError, request_id: str) -> bytes:
        """An error inside a stream. Chunks have no place for the request's id: headers told it."""
        del request_id
        return errors.encode_stream_error(error)

    def ping(self, *, begun: bool) -> bytes:
        """An empty line. Not a comment: Gemini CLI's SDK finds no event after one and loses the answer."""
        del begun
        return _PING


GEMINI: Final = Gemini()

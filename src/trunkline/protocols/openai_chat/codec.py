"""The room's codec: the interface of :mod:`trunkline.protocols.codec`, spoken for Chat Completions."""

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
from trunkline.protocols.openai_chat import (
    errors,
    foreign_proofs,
    request_decode,
    request_encode,
)
from trunkline.protocols.openai_chat.response import decode_response, encode_response, usage_of
from trunkline.protocols.openai_chat.stream_decode import ChatStreamDecoder
from trunkline.protocols.openai_chat.stream_encode import ChatStreamEncoder
from trunkline.protocols.openai_chat.tap import ChatStreamTap
from trunkline.protocols.openai_chat.wire import ENCODER, NAME
from trunkline.protocols.reading import Earlier, Reading
from trunkline.protocols.writing import Written

PING: Final = b": ping\n\n"


class OpenAIChat:
    """OpenAI Chat Completions and everything that calls itself compatible."""

    def __init__(self) -> None:
        self.name: str = NAME
        """``openai_chat``."""

    def peek(self, body: bytes) -> Peek:
        """Model and stream flag."""
        return request_decode.peek(body)

    def rename(self, body: bytes, deployment: str, places: Mapping[str, Span] | None = None) -> bytes:
        """The model's name replaced."""
        return splice(body, {"model": ENCODER.encode(deployment)}, places)

    def decode_request(self, body: bytes) -> Request:
        """A client's request."""
        return request_decode.decode_request(body)

    @property
    def turns(self) -> str:
        """``messages``."""
        return "messages"

    def read_request(self, body: bytes, earlier: Earlier | None = None) -> Reading:
        """A client's request, or what it has beyond an earlier one."""
        return request_decode.read_request(body, earlier)

    def encode_request(self, request: Request, facts: Facts, earlier: Written | None = None) -> Encoded:
        """A body for a target."""
        return request_encode.encode_request(request, facts, earlier)

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
        """Chunks to events."""
        return ChatStreamDecoder(origin)

    def stream_encoder(self, context: ReplyContext) -> StreamEncoder:
        """Events to chunks."""
        return ChatStreamEncoder(context)

    def stream_tap(self) -> StreamTap:
        """The observer of a pass-through."""
        return ChatStreamTap()

    def usage_of(self, body: bytes) -> Usage | None:
        """The usage in a whole answer."""
        return usage_of(body)

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
        """The error inside a stream. Chunks have no place for the request's id: headers told it."""
        del request_id
        return errors.encode_stream_error(error)

    def ping(self, *, begun: bool) -> bytes:
        """A comment line: every client skips it, before and after the first chunk."""
        del begun
        return PING


OPENAI_CHAT: Final = OpenAIChat()

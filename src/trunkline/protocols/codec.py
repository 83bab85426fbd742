"""What a protocol room exports. Everything here is pure: bytes and values in, bytes and values out."""

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Raw, Struct

from trunkline.core.errors import GatewayError
from trunkline.core.events import StreamEvent
from trunkline.core.facts import Facts
from trunkline.core.http import Headers, HttpHead
from trunkline.core.losses import Loss
from trunkline.core.splice import Span
from trunkline.core.sse import SSEvent
from trunkline.core.types import Request, Response
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.reading import Earlier, Reading
from trunkline.protocols.writing import Written


class Keeping(Struct, frozen=True, kw_only=True):
    """What a request says of answers that outlive their exchange (openai_responses)."""

    keep: bool = True
    """Its own answer is to be kept, so that a later request can continue it by its id."""
    previous: str | None = None
    """The id of the answer it continues."""
    only: str | None = None
    """A field that nobody but a provider which keeps answers itself can serve: ``conversation``..."""


class Peek(Struct, frozen=True):
    """The little that routing needs of a request, read without decoding the rest."""

    model: str
    stream: bool = False
    keeping: Keeping | None = None
    """None: the exchange stands alone, as in most protocols all do."""


class Encoded(Struct, frozen=True, kw_only=True):
    """A request body for a target, what it could not say, and how to undo renamings in the answer."""

    body: bytes
    losses: tuple[Loss, ...] = ()
    tool_names: Mapping[str, str] = {}
    """Tool name as sent upstream -> the client's name, for those that had to change."""
    custom_tools: frozenset[str] = frozenset()
    """Client's names of freeform tools that were sent as functions with one string ``input``."""
    structured_tool: str | None = None
    """Upstream name of the tool that was forced to get structured output; its input is the answer's text."""
    written: Written | None = None
    """What the next encoding may take over; set if it was asked for and the room can."""


class ReplyContext(Struct, frozen=True, kw_only=True):
    """What an answer needs to know of its request. ``id`` is unique, without a vendor's prefix."""

    id: str
    model: str
    """The name the client asked for; answers echo it."""
    created: int
    """Unix time in seconds."""
    input_estimate: int = 0
    """Input tokens by our estimate, for protocols that must state them before the upstream does."""
    stream_usage: bool = False
    """An openai_chat client asked for the usage chunk."""
    kept: bool = False
    """The answer can be referred to later; openai_responses says so as ``store``."""
    previous: str | None = None
    """The id of the answer that the request continues, as the client named it."""
    request: Request | None = None
    """The client's request, for protocols that echo it, group tools or type calls (openai_responses)."""
    tools: Raw | None = None
    """What :meth:`Codec.repeat_tools` makes of it, where that is known already."""


class ErrorReply(Struct, frozen=True):
    """An error in the client's protocol, before anything was sent."""

    status: int
    headers: Headers
    body: bytes


class StreamDecoder(Protocol):
    """Vendor frames to neutral events, under the law of :mod:`trunkline.core.events`."""

    def feed(self, frame: SSEvent) -> list[StreamEvent]:
        """The events of one frame. Never raises: a broken or error frame becomes ``Failed``.

        After ``Finished`` or ``Failed`` it returns nothing more.
        """
        ...

    def close(self) -> list[StreamEvent]:
        """The upstream closed: what is still owed, ``Failed`` (TRUNCATED) if the end was not seen."""
        ...


class StreamEncoder(Protocol):
    """Neutral events to client bytes; ``Failed`` becomes one error event and no terminator follows it."""

    def feed(self, event: StreamEvent) -> bytes:
        """The bytes of one event, ``b""`` when nothing is due yet."""
        ...


class StreamTap(Protocol):
    """Watches a stream that is passed through; changes nothing."""

    def feed(self, frame: SSEvent) -> None:
        """Look at one frame."""
        ...

    @property
    def content_seen(self) -> bool:
        """The first part or the end came: from here on an error can no longer fall back."""
        ...

    @property
    def finished(self) -> bool:
        """The protocol's own terminal was seen."""
        ...

    @property
    def error(self) -> GatewayError | None:
        """An error event that came inside the stream."""
        ...

    @property
    def usage(self) -> Usage | None: ...

    @property
    def stop(self) -> Stop | None: ...

    @property
    def signatures(self) -> tuple[str, ...]:
        """Thinking signatures that were completed so far."""
        ...


class Carrier(Protocol):
    """What it takes to pass a protocol's requests and answers through as they are. Stateless."""

    @property
    def name(self) -> str:
        """``anthropic_messages``, ``openai_chat``..."""
        ...

    def peek(self, body: bytes) -> Peek:
        """Model and stream flag. Raises GatewayError (INVALID_REQUEST) naming what is missing or wrong."""
        ...

    def rename(self, body: bytes, deployment: str, places: Mapping[str, Span] | None = None) -> bytes:
        """The one edit of a pass-through: the model's name. All other bytes stay.

        ``places``: where the fields stand, if that is known.
        """
        ...

    def stream_tap(self) -> StreamTap: ...

    def usage_of(self, body: bytes) -> Usage | None:
        """The usage in a whole answer that is passed through; None when there is none. Never raises."""
        ...

    def drop_foreign_proofs(
        self, body: bytes, owned: Callable[[str], bool]
    ) -> tuple[bytes, tuple[Loss, ...]]:
        """For a pass-through: thinking whose signature (as the client sent it) is not ``owned`` goes.

        Returns ``body`` itself, untouched, when nothing has to go. A sealed signature that is owned is
        unsealed in place.
        """
        ...

    def decode_error(self, head: HttpHead, body: bytes) -> GatewayError:
        """What an upstream's error answer means. Never raises; keeps the upstream's wording, status,
        retry hint and raw body."""
        ...

    def encode_error(self, error: GatewayError, request_id: str) -> ErrorReply:
        """The error as a client of this protocol expects it before the first byte."""
        ...

    def encode_stream_error(self, error: GatewayError, request_id: str) -> bytes:
        """The error as one event inside a stream that already began; nothing may follow it."""
        ...

    def ping(self, *, begun: bool) -> bytes:
        """A whole frame that keeps a silent stream alive. ``begun``: the client has seen the stream's start."""
        ...


class ProviderCodec(Protocol):
    """The half of a protocol that faces a provider: all there is of one that no client speaks."""

    @property
    def name(self) -> str:
        """``bedrock_converse``, or the name of a whole codec."""
        ...

    def encode_request(self, request: Request, facts: Facts, earlier: Written | None = None) -> Encoded:
        """A body for a target. Raises GatewayError (INVALID_REQUEST) for content it cannot carry.

        Deterministic: the same request gives the same bytes, and a longer conversation keeps the
        bytes of its earlier turns. Signed thinking of another origin than ``facts.origin`` stays behind.
        What ``earlier`` has of it need not be written again: the outcome is the same.
        """
        ...

    def decode_response(self, body: bytes, origin: str) -> Response:
        """A whole answer; thinking gets ``origin``. Raises GatewayError: an error body under status 200
        keeps its meaning, anything unreadable is UPSTREAM_FAILED."""
        ...

    def stream_decoder(self, origin: str) -> StreamDecoder: ...

    def decode_error(self, head: HttpHead, body: bytes) -> GatewayError:
        """As a carrier does."""
        ...


class Codec(Carrier, ProviderCodec, Protocol):
    """One protocol of generation, to and from the neutral form.

    Stateless; the three stream objects are made anew for each answer.
    """

    def decode_request(self, body: bytes) -> Request:
        """A client's request. Raises GatewayError (INVALID_REQUEST) with the path of what is wrong.

        Unknown fields and blocks never raise. Thinking signatures come out unsealed.
        """
        ...

    def holds_proofs(self, body: bytes) -> bool:
        """Whether ``drop_foreign_proofs`` has anything to look at; the same in any part of a body."""
        ...

    @property
    def turns(self) -> str:
        """The field of a request that holds its turns."""
        ...

    def read_request(self, body: bytes, earlier: Earlier | None = None) -> Reading:
        """As ``decode_request``, and what it takes to read a longer one.

        With ``earlier``, ``body`` is what a request has beyond that one, and the request that is read is the whole.
        """
        ...

    def repeat_tools(self, request: Request) -> Raw | None:
        """The tools as answers repeat them, None in protocols whose answers do not."""
        ...

    def encode_response(self, response: Response, context: ReplyContext) -> bytes:
        """A whole answer for a client; signatures are sealed with their origin."""
        ...

    def stream_encoder(self, context: ReplyContext) -> StreamEncoder: ...


class CarriedCodec(Carrier, Protocol):
    """An operation without a neutral form: it goes to providers that have it, and nowhere else."""

    @property
    def what(self) -> str:
        """The operation in words, for messages: ``embeddings``."""
        ...

    def check(self, body: bytes) -> None:
        """Raises GatewayError for a whole answer that is none: an error under status 200, or unreadable."""
        ...

    def as_stream(self, body: bytes) -> bytes:
        """A whole answer as the stream that the client asked for."""
        ...


class CountCodec(Protocol):
    """Token counting, for protocols that have the operation."""

    def encode_count(self, input_tokens: int) -> bytes: ...

    def decode_count(self, body: bytes) -> int: ...

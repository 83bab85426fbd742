"""Databricks' cursor route, which no client speaks: a Chat address whose GPT models are asked as in Responses.

Its answers are Chat chunks, or Responses events: what came first tells (databricks.md 1.7, 7.1).
"""

from typing import Final, final

import msgspec
from msgspec import Struct

from trunkline.core.errors import GatewayError
from trunkline.core.events import StreamEvent
from trunkline.core.facts import Facts
from trunkline.core.http import HttpHead
from trunkline.core.sse import SSEvent
from trunkline.core.types import Request, Response
from trunkline.protocols.codec import Encoded, ProviderCodec, StreamDecoder
from trunkline.protocols.writing import Written

NAME: Final = "databricks_cursor"


class _Told(Struct):
    """What tells the two forms apart."""

    type: str = ""
    output: object = None


_TOLD: Final = msgspec.json.Decoder(_Told)


@final
class Cursor:
    """Implements :class:`trunkline.protocols.codec.ProviderCodec` out of the two protocols that it mixes."""

    def __init__(self, responses: ProviderCodec, chat: ProviderCodec) -> None:
        self._responses = responses
        self._chat = chat

    name: str = NAME
    """As surfaces have it."""

    def encode_request(self, request: Request, facts: Facts, earlier: Written | None = None) -> Encoded:
        """A body for a target, in the form of Responses."""
        return self._responses.encode_request(request, facts, earlier)

    def decode_response(self, body: bytes, origin: str) -> Response:
        """A whole answer of either form."""
        return self.of(body).decode_response(body, origin)

    def stream_decoder(self, origin: str) -> StreamDecoder:
        """For one upstream's stream, of either form."""
        return _EitherDecoder(self, origin)

    def decode_error(self, head: HttpHead, body: bytes) -> GatewayError:
        """What an error answer means; the two protocols have the same errors."""
        return self._responses.decode_error(head, body)

    def of(self, body: bytes) -> ProviderCodec:
        """Whose form a body or an event has: Responses says so, everything else is Chat's to judge."""
        try:
            told = _TOLD.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._chat
        mine = told.type.startswith("response.") or told.output is not None
        return self._responses if mine else self._chat


class _EitherDecoder:
    """The decoder of whichever form the first event has."""

    def __init__(self, cursor: Cursor, origin: str) -> None:
        self._cursor = cursor
        self._origin = origin
        self._chosen: StreamDecoder | None = None

    def feed(self, frame: SSEvent) -> list[StreamEvent]:
        """The events of one frame."""
        if self._chosen is None:
            self._chosen = self._cursor.of(frame.data).stream_decoder(self._origin)
        return self._chosen.feed(frame)

    def close(self) -> list[StreamEvent]:
        """What is still owed; a stream without one event is one that broke off."""
        chosen = self._chosen or self._cursor.of(b"").stream_decoder(self._origin)
        return chosen.close()

"""The room's half codec."""

from typing import Final, final

from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.http import HttpHead
from trunkline.core.types import Request, Response
from trunkline.protocols.bedrock_converse import errors, request_encode, response
from trunkline.protocols.bedrock_converse.stream_decode import ConverseStreamDecoder
from trunkline.protocols.bedrock_converse.wire import NAME
from trunkline.protocols.codec import Encoded, ProviderCodec, StreamDecoder
from trunkline.protocols.writing import Written


@final
class BedrockConverse:
    """Implements :class:`trunkline.protocols.codec.ProviderCodec`."""

    def __init__(self) -> None:
        self.name: str = NAME
        """As in ``speaks``."""

    def encode_request(self, request: Request, facts: Facts, earlier: Written | None = None) -> Encoded:
        """A body for a target."""
        del earlier
        return request_encode.encode_request(request, facts)

    def decode_response(self, body: bytes, origin: str) -> Response:
        """A whole answer."""
        return response.decode_response(body, origin)

    def stream_decoder(self, origin: str) -> StreamDecoder:
        """For one upstream's stream."""
        return ConverseStreamDecoder(origin)

    def decode_error(self, head: HttpHead, body: bytes) -> GatewayError:
        """What an error answer means."""
        return errors.decode_error(head, body)


BEDROCK_CONVERSE: Final[ProviderCodec] = BedrockConverse()

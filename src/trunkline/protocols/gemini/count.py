"""Token counting in this protocol (``:countTokens``)."""

from typing import Final

import msgspec
from msgspec import Struct

from trunkline.core.errors import GatewayError, Kind
from trunkline.protocols.gemini.wire import Number, encode


class _Count(Struct, rename="camel"):
    total_tokens: Number = 0


_decode: Final = msgspec.json.Decoder(_Count).decode


class GeminiCount:
    """See :class:`trunkline.protocols.codec.CountCodec`."""

    def encode_count(self, input_tokens: int) -> bytes:
        """The body of a ``countTokens`` answer."""
        return encode({"totalTokens": input_tokens})

    def decode_count(self, body: bytes) -> int:
        """The count in an upstream's answer; a zero is left out there. Raises GatewayError (UPSTREAM_FAILED)."""
        try:
            return int(_decode(body).total_tokens)
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            raise GatewayError(
                Kind.UPSTREAM_FAILED, f"the upstream's count of tokens cannot be read: {cause}", local=False
            ) from cause


GEMINI_COUNT: Final = GeminiCount()

"""Token counting in this protocol."""

from typing import Final

import msgspec
from msgspec import Struct

from trunkline.core.errors import GatewayError, Kind
from trunkline.protocols.anthropic_messages.wire import encode


class _Count(Struct, gc=False):
    input_tokens: int


_decode: Final = msgspec.json.Decoder(_Count).decode


class AnthropicCount:
    """See :class:`trunkline.protocols.codec.CountCodec`."""

    def encode_count(self, input_tokens: int) -> bytes:
        """The body of a ``count_tokens`` answer."""
        return encode(_Count(input_tokens))

    def decode_count(self, body: bytes) -> int:
        """The count in an upstream's answer. Raises GatewayError (UPSTREAM_FAILED) when there is none."""
        try:
            return _decode(body).input_tokens
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            raise GatewayError(
                Kind.UPSTREAM_FAILED, f"the upstream's token count is unreadable: {cause}", local=False
            ) from cause


ANTHROPIC_COUNT: Final = AnthropicCount()

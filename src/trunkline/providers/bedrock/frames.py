"""Claude's own events out of Bedrock's event stream: each message holds one of them, base64 in JSON."""

import base64
import binascii
from typing import Final

import msgspec
from msgspec import Struct

from trunkline.core.aws_eventstream import EventStreamUnframer, Message
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.framing import encode_event
from trunkline.protocols.bedrock_converse import exception_of

ERROR_TYPES: Final = {
    "throttlingException": "rate_limit_error",
    "validationException": "invalid_request_error",
    "accessDeniedException": "permission_error",
    "resourceNotFoundException": "not_found_error",
    "modelTimeoutException": "timeout_error",
    "serviceUnavailableException": "overloaded_error",
}
"""An exception in the words of Claude's own protocol; every other one is an ``api_error``."""


class _Chunk(Struct):
    bytes: str = ""


class _Said(Struct):
    message: str | None = None
    Message: str | None = None


class _Typed(Struct):
    type: str = ""


_CHUNK: Final = msgspec.json.Decoder(_Chunk)
_SAID: Final = msgspec.json.Decoder(_Said)
_TYPED: Final = msgspec.json.Decoder(_Typed)


class ClaudeUnframer(EventStreamUnframer):
    """Claude's own events; an exception becomes its ``error`` event."""

    def __init__(self) -> None:
        super().__init__(_event)


def _event(message: Message) -> bytes:
    exception = exception_of(message)
    if exception is not None:
        return _error(exception, message)
    if message.headers.get(":event-type") != "chunk":
        return b""
    try:
        data = base64.b64decode(_CHUNK.decode(message.payload).bytes, validate=True)
        return encode_event(_TYPED.decode(data).type.encode(), data)
    except (msgspec.DecodeError, binascii.Error, UnicodeDecodeError) as cause:
        raise GatewayError(
            Kind.UPSTREAM_FAILED, f"an event of the upstream's stream is unreadable: {cause}", local=False
        ) from cause


def _error(exception: str, message: Message) -> bytes:
    try:
        said = _SAID.decode(message.payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = _Said(message.headers.get(":error-message"))
    kind = ERROR_TYPES.get(exception[:1].lower() + exception[1:], "api_error")
    text = said.message or said.Message or f"Bedrock broke the stream off with {exception}"
    data = msgspec.json.encode({"type": "error", "error": {"type": kind, "message": text}})
    return encode_event(b"error", data)

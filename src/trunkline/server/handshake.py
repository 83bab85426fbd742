"""The opening of a WebSocket (RFC 6455, 4.2), on headers that have been read."""

import base64
import binascii
import hashlib
from typing import Final

from trunkline.core.errors import GatewayError, Kind
from trunkline.server.asgi import RawHeaders

_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VERSION: Final = b"13"


def wants_websocket(headers: RawHeaders) -> bool:
    """Whether a request asks for a WebSocket and for nothing else."""
    return any(name == b"upgrade" and value.strip().lower() == b"websocket" for name, value in headers)


def accept(headers: RawHeaders) -> RawHeaders:
    """The headers that agree to the upgrade; no extension and no subprotocol is taken.

    Raises GatewayError: 426 for another version, 400 for a key that is none.
    """
    found = dict(headers)
    if found.get(b"sec-websocket-version", b"").strip() != VERSION:
        raise GatewayError(
            Kind.UNSUPPORTED, "Only version 13 of the WebSocket protocol is spoken here.", status=426,
            should_retry=False,
        )  # fmt: skip
    key = found.get(b"sec-websocket-key", b"").strip()
    if not _is_key(key):
        raise GatewayError(
            Kind.INVALID_REQUEST, "Sec-WebSocket-Key is not 16 bytes in base64.", should_retry=False
        )
    digest = hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest()
    return [
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-accept", base64.b64encode(digest)),
    ]


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False

"""Reading a request's body: bounded before it is held, decompressed within bounds."""

import asyncio
import zlib
from io import BytesIO
from typing import Final

from trunkline.core.errors import GatewayError, Kind
from trunkline.relay.ports import ClientGone
from trunkline.server.asgi import Receive

MAX_RATIO: Final = 100
RATIO_FLOOR: Final = 256 * 1024
"""Decoded bytes below which the ratio is not looked at: a small repetitive body is no bomb."""
STEP: Final = 256 * 1024
"""Bytes decompressed before other work gets its turn."""

_WINDOW: Final[dict[str, int]] = {"gzip": 31, "x-gzip": 31, "deflate": 15}


def too_large(limit: int) -> GatewayError:
    """The 413 for a body above ``limit`` bytes."""
    return GatewayError(
        Kind.TOO_LARGE,
        f"The request body is larger than {limit} bytes (server.max_body).",
        should_retry=False,
    )


def check_encoding(encoding: str) -> None:
    """Raises GatewayError (415) for a content encoding that is not understood."""
    if encoding and encoding not in _WINDOW:
        raise GatewayError(
            Kind.INVALID_REQUEST,
            f"The content encoding {encoding[:40]!r} is not understood; send the body as it is, or as gzip or deflate.",
            status=415,
            should_retry=False,
        )


async def read_body(receive: Receive, *, declared: int | None, encoding: str, limit: int) -> bytes:
    """The whole body, decoded.

    Raises GatewayError: TOO_LARGE above ``limit`` bytes, at once when the declared length says so, and
    INVALID_REQUEST for an encoding that is unknown (415) or broken (400). Raises ClientGone.
    """
    check_encoding(encoding)
    if declared is not None and declared > limit:
        raise too_large(limit)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    body = message.get("body", b"")
    if message.get("more_body", False):
        body = await _read_rest(receive, body, limit)
    if len(body) > limit:
        raise too_large(limit)
    return await _decompress(body, _WINDOW[encoding], limit) if encoding else body


async def _read_rest(receive: Receive, first: bytes, limit: int) -> bytes:
    """BytesIO hands its buffer out without a copy, so that a large body is in memory once."""
    buffer = BytesIO()
    size = buffer.write(first)
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        size += buffer.write(message.get("body", b""))
        if size > limit:
            raise too_large(limit)
        more = message.get("more_body", False)
    return buffer.getvalue()


async def _decompress(body: bytes, window: int, limit: int) -> bytes:
    """Never holds more than ``limit`` decoded bytes and one step."""
    decoder = zlib.decompressobj(window)
    decoded = BytesIO()
    size = 0
    pending = body
    try:
        while not decoder.eof:
            piece = decoder.decompress(pending, STEP)
            pending = decoder.unconsumed_tail
            size += decoded.write(piece)
            if size > limit:
                raise too_large(limit)
            if size > RATIO_FLOOR and size > len(body) * MAX_RATIO:
                raise GatewayError(
                    Kind.TOO_LARGE,
                    f"The request body expands to more than {MAX_RATIO} times its size.",
                    should_retry=False,
                )
            if not piece and not pending:
                raise _broken("it ends too early")
            await asyncio.sleep(0)
    except zlib.error as cause:
        raise _broken(str(cause)) from cause
    if decoder.unused_data:
        raise _broken("something follows its end")
    return decoded.getvalue()


def _broken(why: str) -> GatewayError:
    return GatewayError(
        Kind.INVALID_REQUEST, f"The request body cannot be decompressed: {why}.", should_retry=False
    )

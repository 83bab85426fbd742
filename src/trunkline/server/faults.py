"""Errors on their way to a client of HTTP, and those that are the gateway's own."""

import asyncio
from typing import Final

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import Headers
from trunkline.protocols.codec import Carrier
from trunkline.relay.ports import CALLED_OFF
from trunkline.server.sink import ClientSink

TOO_DEEP: Final = GatewayError(
    Kind.INVALID_REQUEST, "The request body is nested too deeply.", should_retry=False
)


def inside(request_id: str) -> GatewayError:
    """Something of ours broke; the log knows what."""
    return GatewayError(Kind.INTERNAL, f"The gateway failed on this request; its log has {request_id}.")


def draining() -> GatewayError:
    """The process stops before the exchange has ended."""
    return GatewayError(
        Kind.OVERLOADED, "The gateway is shutting down; try again in a moment.", timeout="drain"
    )


def called_off() -> GatewayError:
    """An administrator ended the exchange; nobody is to try it again by itself."""
    return GatewayError(
        Kind.PERMISSION, "This request was stopped by an administrator of the gateway.", should_retry=False
    )


def cancelled(cause: asyncio.CancelledError) -> GatewayError:
    """Why an exchange ended whose client is still there."""
    return called_off() if cause.args == (CALLED_OFF,) else draining()


async def send_error(
    sink: ClientSink, codec: Carrier, error: GatewayError, request_id: str, *headers: tuple[str, str]
) -> None:
    """The error as the whole answer."""
    reply = codec.encode_error(error, request_id)
    await send_whole(sink, reply.status, (*reply.headers, *error.headers, *headers), reply.body)


async def send_whole(sink: ClientSink, status: int, headers: Headers, body: bytes) -> None:
    """An answer in one piece."""
    kept = tuple(pair for pair in headers if pair[0] != "content-length")
    await sink.start(status, (*kept, ("content-length", str(len(body)))))
    await sink.send(body)


async def end_with(sink: ClientSink, codec: Carrier, error: GatewayError, request_id: str) -> None:
    """Say what happened in whatever way is still open. Raises ``error`` when none is."""
    if not sink.started:
        await send_error(sink, codec, error, request_id)
    elif sink.event_stream and not sink.complete:
        await sink.interrupt(codec.encode_stream_error(error, request_id))
    else:
        raise error

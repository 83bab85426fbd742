"""Responses over WebSocket: requests on one socket, one after the other, each an exchange of its own."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

from trunkline.config.secret import Secret
from trunkline.core.errors import GatewayError
from trunkline.core.http import Headers, Take
from trunkline.core.sse import SSEFramer
from trunkline.protocols.codec import Carrier
from trunkline.protocols.openai_responses.socket import DONE, decode_message, error_event, in_lane
from trunkline.relay.inbound import Inbound
from trunkline.relay.kept import AnswerStore
from trunkline.relay.ports import CALLED_OFF, AtOnce, ClientGone, Sink
from trunkline.server.asgi import RawHeaders, Upgradable
from trunkline.server.faults import TOO_DEEP, cancelled, inside
from trunkline.server.identifiers import RequestIds

if TYPE_CHECKING:
    from trunkline.server.websocket import WebSocket

log: Final = logging.getLogger(__name__)

GOING_AWAY: Final = 1001
RESTART: Final = 1012
MAX_REMEMBERED: Final = 64
"""Answers that a connection remembers; its client continues the last one, or forks from one of the last."""
MAX_BYTES: Final = 16 * 1024 * 1024


class Relay(Protocol):
    """What serves a request."""

    def run(self, inbound: Inbound, sink: Sink) -> Awaitable[None]: ...


class SocketCaller(Struct, frozen=True, kw_only=True):
    """What the handshake said, and holds for every request on the socket."""

    codec: Carrier
    headers: Headers
    tenant: str
    token: Secret | None = None


class SocketSink:
    """One answer: events leave as messages, several together when they came together."""

    direct: Take | None = None
    """Messages are queued and waited for."""
    at_once: AtOnce | None = None

    def __init__(self, socket: "WebSocket", lane: bytes | None) -> None:
        self._socket = socket
        self.lane = lane
        self._framer = SSEFramer()
        self.started = False

    async def start(self, status: int, headers: Headers) -> None:
        """Status and headers have no place on a socket: what is not a stream of events is an error."""
        del status, headers
        self.started = True

    async def send(self, data: bytes) -> None:
        """More of the stream. Signs of life are not for the client: the connection has its own."""
        events = [frame.data for frame in self._framer.feed(data) if frame.data != DONE]
        if events:
            await self._socket.send([in_lane(event, self.lane) for event in events])


class Session:
    """The whole life of one socket."""

    def __init__(self, socket: "WebSocket", ids: RequestIds, caller: SocketCaller) -> None:
        self._socket = socket
        self._ids = ids
        self._caller = caller
        loop = asyncio.get_running_loop()
        self._memory = AnswerStore(loop.time, max_entries=MAX_REMEMBERED, max_bytes=MAX_BYTES)

    async def run(self, relay: Relay) -> None:
        """Until the client leaves or the server stops; ``relay`` serves what is asked."""
        code = GOING_AWAY
        try:
            while (message := await self._socket.receive()) is not None:
                await self._turn(message, relay)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
            code = RESTART
        finally:
            self._memory.clear()
            self._socket.close(code)

    async def _turn(self, message: bytes, relay: Relay) -> None:
        """One request: its answer, or one error event."""
        request_id = self._ids.next()
        sink = SocketSink(self._socket, None)
        try:
            asked = decode_message(message)
            sink = SocketSink(self._socket, asked.lane)
            inbound = Inbound(
                codec=self._caller.codec,
                operation="generate" if asked.generate else "prepare",
                body=asked.body,
                headers=self._caller.headers,
                request_id=request_id,
                client=self._caller.tenant,
                token=self._caller.token,
                memory=self._memory,
            )
            await self._exchange(inbound, sink, relay)
        except ClientGone:
            return
        except GatewayError as error:
            await self._say(sink, error, request_id)
        except RecursionError:
            await self._say(sink, TOO_DEEP, request_id)
        except Exception:
            log.exception("request %s failed inside the gateway", request_id)
            await self._say(sink, inside(request_id), request_id)

    async def _exchange(self, inbound: Inbound, sink: SocketSink, relay: Relay) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self._socket.lost is not None:
            return
        self._socket.on_lost = task.cancel
        try:
            await relay.run(inbound, sink)
        except asyncio.CancelledError as cause:
            if self._socket.lost is None:
                await self._say(sink, cancelled(cause), inbound.request_id)
                if cause.args != (CALLED_OFF,):
                    raise
            task.uncancel()
        finally:
            self._socket.on_lost = None

    async def _say(self, sink: SocketSink, error: GatewayError, request_id: str) -> None:
        """An error: in place of an answer, or as the end of one that has begun."""
        codec = self._caller.codec
        if sink.started:
            await sink.send(codec.encode_stream_error(error, request_id))
        else:
            event = error_event(error, codec.encode_error(error, request_id), sink.lane)
            await self._socket.send([event])


async def upgrade(connection: Upgradable, headers: RawHeaders, max_message: int) -> "WebSocket":
    """The connection as a WebSocket, once agreed. The framing is loaded for the first one, beside the loop."""
    kind = await asyncio.to_thread(_load)
    if connection.lost is not None:
        raise ClientGone
    socket = kind(max_message=max_message, deadlines=connection.deadlines)
    connection.hand_over(socket, headers)
    return socket


def _load() -> "type[WebSocket]":
    from trunkline.server.websocket import WebSocket

    return WebSocket

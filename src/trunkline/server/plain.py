"""The application under a server with an HTTP protocol of its own, such as plain ``uvicorn module:app``.

Our own protocol class tells an exchange when its client goes or takes nothing; here both are learned from
ASGI's own means. What it refuses at the edge before a request is complete is left to the other server.
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from trunkline.core.http import Take
from trunkline.relay.ports import ClientGone
from trunkline.server.asgi import CONNECTION, Receive, Received, Scope, Send, SendWhole, Sent
from trunkline.server.succession import Succession

FORWARDED: Final = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip"})
REFUSE_SOCKET: Final[Sent] = {"type": "websocket.close"}


class _Connection:
    """One request's connection, as far as ASGI says something of it."""

    def __init__(self, receive: Receive, send: Send, stall: float) -> None:
        self.on_lost: Callable[[str], object] | None = None
        self.lost: str | None = None
        self.leaving = False
        self.push: Take | None = None
        self.whole: SendWhole | None = None
        self._receive = receive
        self._send = send
        self._stall = stall
        self._body_read = asyncio.Event()

    def arrived(self, limit: int) -> None:
        """The other server does not tell."""

    async def receive(self) -> Received:
        """The next message of the body."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.lost = "client_closed"
        elif not message.get("more_body", False):
            self._body_read.set()
        return message

    async def send(self, message: Sent) -> None:
        """Raises ClientGone when the client takes nothing for too long."""
        try:
            async with asyncio.timeout(self._stall):
                await self._send(message)
        except TimeoutError:
            self.lost = "client_stalled"
            raise ClientGone(stalled=True) from None

    async def watch(self) -> None:
        """Wait for the client to go, once its body is here: nobody else listens then."""
        await self._body_read.wait()
        message = await self._receive()
        if message["type"] == "http.disconnect" and self.lost is None:
            self.lost = "client_closed"
            if self.on_lost is not None:
                self.on_lost(self.lost)


class PlainApplication:
    """ASGI. Websockets are not spoken: clients that try fall back to plain HTTP.

    ``stall``: seconds that a client may take nothing. Without client keys nobody may hide behind a proxy:
    servers such as uvicorn put the address a proxy names in the place of the connection's own.
    """

    def __init__(self, application: Succession, *, stall: float) -> None:
        self._application = application
        self._stall = stall

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "websocket":
            await receive()
            await send(REFUSE_SOCKET)
            return
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        connection = _Connection(receive, send, self._stall)
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(connection.watch())
            try:
                await self._application(self._known(scope, connection), connection.receive, connection.send)
            finally:
                watcher.cancel()

    def _known(self, scope: Scope, connection: _Connection) -> Scope:
        """The scope with our connection in it; an upgrade that came this far is not offered by the server."""
        headers = [pair for pair in scope["headers"] if pair[0] != b"upgrade"]
        changed = {**scope, "headers": headers, "extensions": {CONNECTION: connection}}
        if not self._application.has_keys and any(name in FORWARDED for name, _ in scope["headers"]):
            changed["client"] = None
        return cast(Scope, changed)

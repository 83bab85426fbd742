"""Administration over HTTP: who may, and what a route of it is asked and answers.

The routes are claude-code-router's own (reference ccr.md 4.1). Who answers them is given to the application;
nothing here is on the way of a model request.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from hmac import compare_digest, digest
from typing import Final, Protocol

from msgspec import Struct

from trunkline.config.schema import Server
from trunkline.core.errors import GatewayError, Kind
from trunkline.server import peers
from trunkline.server.asgi import Connection, RawHeaders, Receive, Scope, connection_of
from trunkline.server.bodies import read_body
from trunkline.server.client_keys import (
    Caller,
    Door,
    is_loopback_host,
    is_loopback_peer,
    presented_keys,
    refused,
)
from trunkline.server.faults import send_whole
from trunkline.server.heads import Head
from trunkline.server.routes import Match
from trunkline.server.sign_in import Sessions, signed_in
from trunkline.server.sink import ClientSink

MAX_BODY: Final = 8 * 1024 * 1024
"""Bytes of a request to administration."""
FORWARDED: Final = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"})
"""What a proxy adds: behind one, everybody seems to be on this machine."""


class AdminCall(Struct, frozen=True, kw_only=True):
    """A request that may be answered. ``path`` is the route's, ``rest`` what its ``*`` stands for, decoded."""

    path: str
    method: str
    rest: str = ""
    query: str = ""
    body: bytes = b""


class AdminAnswer(Struct, frozen=True, kw_only=True):
    """An answer in one piece, or a stream of ``events`` that never ends by itself: ``b""`` is nothing new."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    events: AsyncGenerator[bytes] | None = None


Administration = Callable[[AdminCall], Awaitable[AdminAnswer]]
"""Raises GatewayError."""


async def no_administration(call: AdminCall) -> AdminAnswer:
    """Of a gateway that has none."""
    raise GatewayError(
        Kind.UNSUPPORTED, f"{call.path} is not served by this gateway.", status=501, should_retry=False
    )


class Host(Protocol):
    """Where the desk stands."""

    @property
    def leaving(self) -> bool:
        """Whether it ends: nobody is to wait for what never ends by itself."""
        ...


class AdminDesk:
    """Lets administrators in, has their requests answered. Implements :class:`trunkline.server.sign_in.Admission`."""

    def __init__(
        self,
        server: Server,
        door: Door,
        administration: Administration,
        sessions: Sessions | None,
        host: Host,
    ) -> None:
        self._door = door
        self._key = AdminKey(server)
        self._sessions = sessions
        self._host = host
        self._administration = administration
        self._max_body = min(server.max_body, MAX_BODY)

    def admit(self, head: Head, scope: Scope) -> None:
        """Raises GatewayError. The admin key opens, or the cookie that was given for it; without one, the keys of clients
        do, from this machine only."""
        self.check_browser(head.caller)
        self.check_place(head, scope)
        if not signed_in(self._sessions, head, scope):
            self.check_keys(head.caller)

    def check_browser(self, caller: Caller) -> None:
        """Raises GatewayError (PERMISSION) for a request that another origin's page made a browser send."""
        self._door.check_browser(caller)

    def check_place(self, head: Head, scope: Scope) -> None:
        """Without an admin key: raises GatewayError (PERMISSION) to others than programs on this machine."""
        if not self._key.is_set:
            check_local(head.caller, scope["headers"])

    def check_keys(self, caller: Caller) -> None:
        """Raises GatewayError (AUTHENTICATION) without the admin key, or where none is set, a client's."""
        if self._key.is_set:
            self._key.check(caller)
        else:
            self._door.admit(caller)

    async def answer(
        self, scope: Scope, receive: Receive, found: Match, head: Head, sink: ClientSink
    ) -> None:
        """One request that was admitted. Raises GatewayError before the answer begins."""
        await self._check_owner(scope)
        body = await read_body(receive, declared=head.length, encoding=head.encoding, limit=self._max_body)
        call = AdminCall(
            path=found.route.path,
            method="GET" if scope["method"] == "HEAD" else scope["method"],
            rest=found.rest,
            query=scope["query_string"].decode("latin-1"),
            body=body,
        )
        answer = await self._administration(call)
        headers = (
            ("content-type", answer.content_type),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        )
        if answer.events is None:
            await send_whole(sink, answer.status, headers, answer.body)
        else:
            await sink.start(answer.status, headers)
            await self._follow(connection_of(scope), answer.events, sink)

    async def _follow(
        self, connection: Connection, events: AsyncGenerator[bytes], sink: ClientSink
    ) -> None:
        """Send what comes until the client goes or the server stops: nobody is to wait for this answer."""
        task = asyncio.current_task()
        assert task is not None, "a request is served by a task"
        if connection.lost is None:
            connection.on_lost = task.cancel
        try:
            async with aclosing(events):
                async for piece in events:
                    if piece:
                        await sink.send(piece)
                    if connection.lost or connection.leaving or self._host.leaving:
                        break
        except asyncio.CancelledError:
            if connection.lost is None:
                raise
            task.uncancel()
        finally:
            connection.on_lost = None
        await sink.end()

    async def _check_owner(self, scope: Scope) -> None:
        """Without any key, a machine's other users are kept out. Raises GatewayError (PERMISSION)."""
        client = scope["client"]
        if self._key.is_set or self._door.has_keys or client is None:
            return
        if not await asyncio.to_thread(peers.is_ours, *client[:2]):
            raise refused(
                "Without server.admin_key the gateway is administered by the user it runs for, not by others on this "
                "machine."
            )


class AdminKey:
    """``server.admin_key``."""

    def __init__(self, server: Server) -> None:
        self._pepper = os.urandom(32)
        key = server.admin_key
        self._wanted = None if key is None else self._digest(key.reveal().encode())

    def _digest(self, value: bytes) -> bytes:
        return digest(self._pepper, value, "sha256")

    @property
    def is_set(self) -> bool:
        """Whether the admin key decides, and nothing else."""
        return self._wanted is not None

    def check(self, caller: Caller) -> None:
        """Raises GatewayError (AUTHENTICATION) without the key. Call where it is set."""
        assert self._wanted is not None, "there is no key to check"
        keys = list(presented_keys(caller))
        if any(compare_digest(self._digest(key), self._wanted) for key in keys):
            return
        raise GatewayError(
            Kind.AUTHENTICATION,
            "This is not the gateway's server.admin_key; keys of clients open no administration."
            if keys
            else "Administration wants server.admin_key, as x-api-key or Authorization: Bearer.",
            should_retry=False,
        )


def check_local(caller: Caller, headers: RawHeaders) -> None:
    """Raises GatewayError to anything but a program on this machine that asks for it by a local name."""
    if caller.peer is None or not is_loopback_peer(caller.peer) or not is_loopback_host(caller.host):
        raise refused(
            "Without server.admin_key the gateway is administered from its own machine only, as localhost or "
            "127.0.0.1; set one to do it from elsewhere."
        )
    if any(name in FORWARDED for name, _ in headers):
        raise refused("This request came through a proxy: set server.admin_key to administer through one.")

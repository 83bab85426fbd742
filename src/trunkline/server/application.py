"""The gateway as an ASGI application: routes, admission, bodies, and one exchange per request."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Final

from msgspec import Struct, structs

from trunkline.config.schema import Server
from trunkline.core.errors import GatewayError, Kind
from trunkline.protocols.codec import Carrier, Peek
from trunkline.protocols.gemini import read_path
from trunkline.providers.provider import ListedModel
from trunkline.relay.inbound import Inbound, Operation, Subject
from trunkline.relay.ports import ClientGone
from trunkline.server.admin import AdminDesk, Administration, no_administration
from trunkline.server.asgi import (
    CONNECTION,
    Connection,
    Receive,
    Scope,
    Send,
    Spelling,
    connection_of,
)
from trunkline.server.bodies import read_body
from trunkline.server.client_keys import NO_KEYS, Door, query_key
from trunkline.server.envelope import spoken
from trunkline.server.faults import TOO_DEEP, cancelled, draining, end_with, inside, send_error
from trunkline.server.handshake import accept, wants_websocket
from trunkline.server.heads import Head, read_head
from trunkline.server.health import Status
from trunkline.server.identifiers import RequestIds
from trunkline.server.page import Files, no_files, send_page
from trunkline.server.ports import (
    Relay,
    Takeover,
    allowed,
    no_metrics,
    no_presets,
    no_routes,
    no_sessions,
    nothing,
)
from trunkline.server.regulars import Admitted, Regulars, declared, spell
from trunkline.server.routes import Match, Route, match, unknown_path
from trunkline.server.sign_in import Sessions, SignIn
from trunkline.server.sink import ClientSink, sink_for
from trunkline.server.socket_session import Session, SocketCaller, upgrade
from trunkline.server.telling import TELLS, Telling

log: Final = logging.getLogger(__name__)

_KEPT: Final[dict[tuple[str, str], Operation]] = {
    ("kept", "GET"): "retrieve",
    ("kept", "DELETE"): "delete",
    ("kept_input", "GET"): "list_input",
    ("kept_cancel", "POST"): "cancel",
}
_INSIDE: Final = frozenset({"health_detailed", "metrics", "preset"})
"""What is for those alone who may use the gateway for being who they are: presets have credentials of their own."""


class Visit(Struct, frozen=True):
    """One request on its way through the application."""

    scope: Scope
    receive: Receive
    connection: Connection
    sink: ClientSink
    request_id: str


class Application:
    """Bare ASGI: no middleware, and nothing read from a URL that was put together from headers."""

    def __init__(
        self,
        *,
        server: Server,
        codecs: Mapping[str, Carrier],
        relay: Relay,
        models: Callable[[], Sequence[ListedModel]],
        status: Callable[[], Status],
        metrics: Callable[[], Awaitable[bytes]] = no_metrics,
        probe: Callable[[], Awaitable[None]] = nothing,
        check_direct: Callable[[], None] = allowed,
        administration: Administration = no_administration,
        passes_tokens: bool = False,
        presets: Callable[[Scope], Awaitable[Takeover]] = no_presets,
        added: Callable[[bytes], Match | None] = no_routes,
        page: Files = no_files,
        sessions: Callable[[Server], Sessions | None] = no_sessions,
    ) -> None:
        self._codecs = codecs
        self.relay = relay
        self._telling = Telling(models, status, metrics, probe)
        self._check_direct = check_direct
        self._passes_tokens = passes_tokens
        self._presets = presets
        self._added = added
        self._page = page
        self._ids = RequestIds()
        self.active = 0
        """Requests under way, counted by whoever calls :meth:`answer`."""
        self.when_quiet: Callable[[], None] | None = None
        """Called whenever none is."""
        self.draining = False
        """Set when the process has been told to stop; ``/readyz`` says so."""
        self._door = Door(server)
        self._regulars = Regulars()
        signed_in = sessions(server)
        self._desk = AdminDesk(server, self._door, administration, signed_in, self)
        self._sign_in = SignIn(signed_in, self._desk)
        self._max_body = server.max_body

    @property
    def leaving(self) -> bool:
        """Whether it ends, for good or because another one follows: what never ends by itself is to end."""
        return self.draining or self.when_quiet is not None

    @property
    def has_keys(self) -> bool:
        """Whether clients must present one."""
        return self._door.has_keys

    def check_tenant(self, tenant: str) -> None:
        """For one who was let in before. Raises GatewayError (AUTHENTICATION) when that would not be so now."""
        self._door.check_tenant(tenant)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> Session | None:
        """Answer one request; or the WebSocket that was agreed to, to be run by the caller."""
        request_id, connection = self._ids.next(), connection_of(scope)
        spelling = spell(scope)
        regular = self._regulars.find(spelling)
        work: Coroutine[object, object, Takeover | Session | None]
        if regular is not None:
            codec = regular.codec
            sink = sink_for(regular.found, send, request_id, connection)
            visit = Visit(scope, receive, connection, sink, request_id)
            work = self._begin(visit, regular)
        else:
            found = match(scope["raw_path"], scope["query_string"]) or self._added(scope["raw_path"])
            head = read_head(scope["headers"], scope["client"])
            codec = self._envelope(found, head, scope["raw_path"])
            sink = sink_for(found, send, request_id, connection)
            work = self._dispatch(
                Visit(scope, receive, connection, sink, request_id), found, head, spelling
            )
        successor: Takeover | Session | None = None
        try:
            successor = await work
        except ClientGone:
            return None
        except GatewayError as error:
            if sink.started:
                raise
            await send_error(sink, codec, error, request_id)
        except RecursionError:
            if sink.started:
                raise
            await send_error(sink, codec, TOO_DEEP, request_id)
        except Exception:
            log.exception("request %s failed inside the gateway", request_id)
            await end_with(sink, codec, inside(request_id), request_id)
        if successor is None or isinstance(successor, Session):
            return successor
        await successor(receive, send)
        return None

    def _envelope(self, found: Match | None, head: Head, raw_path: bytes) -> Carrier:
        """Whose shape an error of this request has."""
        if found is None or found.added is not None or found.route.what == "preset":
            return self._codecs[spoken(None, head, raw_path)]
        if found.route.what not in TELLS:
            return self._codecs.get(found.route.protocol) or self._codecs["openai_chat"]
        return self._codecs[spoken(found, head, raw_path)]

    async def _dispatch(
        self, visit: Visit, found: Match | None, head: Head, spelling: Spelling
    ) -> Takeover | Session | None:
        """Everything that may be refused, in order; then the route's own work, or who does it in our place."""
        scope, sink = visit.scope, visit.sink
        self._door.check_source(head.caller)
        if found is None:
            raise GatewayError(Kind.NOT_FOUND, unknown_path(scope["raw_path"]), should_retry=False)
        route = found.route
        tenant = self._admit(scope, route, head)
        if head.upgrade and route.protocol == "openai_responses" and wants_websocket(scope["headers"]):
            return await self._converse(visit, found, head, tenant)
        if scope["method"] not in route.methods:
            await self._wrong_method(visit, found, head)
        elif route.what == "generate" or route.what == "count_tokens" or route.what == "compact":
            admitted = self._admitted(found, route.what, head, tenant)
            self._regulars.keep(spelling, admitted)
            await self._exchange(visit, admitted, head.length)
        elif route.what in TELLS:
            await self._telling.answer(scope["query_string"], found, head, sink, draining=self.draining)
        elif route.what == "preset":
            if head.upgrade and self.draining:
                raise draining()
            return await self._presets(scope)
        elif route.what == "administer":
            await self._desk.answer(scope, visit.receive, found, head, sink)
        elif route.what == "session":
            return await self._sign_in.answer(scope, visit.receive, head, visit.request_id)
        elif route.what == "page":
            await send_page(self._page, scope, found, sink)
        else:
            await self._look_up(visit, found, head, tenant)
        return None

    def _admit(self, scope: Scope, route: Route, head: Head) -> str:
        """The tenant. Raises GatewayError."""
        if route.role == "admin":
            self._desk.admit(head, scope)
        if route.role != "client":
            return NO_KEYS
        self._door.check_browser(head.caller)
        if route.protocol == "gemini" or route.what == "preset":
            head.caller.query_key = query_key(scope["query_string"])
        tenant = self._door.admit(head.caller)
        if route.what in _INSIDE:
            self._door.check_inside(head.caller)
        return tenant

    async def _wrong_method(self, visit: Visit, found: Match, head: Head) -> None:
        scope = visit.scope
        if found.route.protocol == "gemini" and scope["method"] == "POST" and ":" in found.rest:
            read_path(scope["raw_path"].decode("latin-1"))  # raises: it is a method that does not exist
        allow = ", ".join(found.route.methods)
        error = GatewayError(
            Kind.INVALID_REQUEST, f"{scope['method']} is not for this path; it takes {allow}.", status=405,
            should_retry=False,
        )  # fmt: skip
        codec = self._envelope(found, head, scope["raw_path"])
        await send_error(visit.sink, codec, error, visit.request_id, ("allow", allow))

    def _admitted(self, found: Match, operation: Operation, head: Head, tenant: str) -> Admitted:
        codec, called = self._codecs.get(found.route.protocol), found.called
        if codec is None:
            raise not_served(found)
        return Admitted(
            found=found,
            codec=codec,
            operation=operation,
            headers=head.headers,
            encoding=head.encoding,
            tenant=tenant,
            peek=None if called is None else Peek(called.model, called.stream),
            token=self._door.token_of(head.caller) if self._passes_tokens else None,
        )

    def _begin(self, visit: Visit, asked: Admitted) -> Coroutine[object, object, None]:
        """The exchange, with its body if that is here; else it is read first."""
        plain = not asked.encoding and asked.found.route.direct is None
        body = visit.connection.arrived(self._max_body) if plain else None
        if body is None:
            return self._exchange(visit, asked, declared(visit.scope["headers"]))
        return self._run(visit, self._inbound(visit, asked, body))

    async def _exchange(self, visit: Visit, asked: Admitted, length: int | None) -> None:
        limit = self._max_body
        body = await read_body(visit.receive, declared=length, encoding=asked.encoding, limit=limit)
        await self._run(visit, self._inbound(visit, asked, body))

    def _inbound(self, visit: Visit, asked: Admitted, body: bytes) -> Inbound:
        peek, direct = asked.peek, asked.found.route.direct
        if direct is not None:
            self._check_direct()
            if direct:
                peek = structs.replace(asked.codec.peek(body), model=direct)
        return Inbound(
            codec=asked.codec,
            operation=asked.operation,
            body=body,
            headers=asked.headers,
            request_id=visit.request_id,
            client=asked.tenant,
            peek=peek,
            token=asked.token,
            added=asked.found.added,
        )

    async def _look_up(self, visit: Visit, found: Match, head: Head, tenant: str) -> None:
        """Everything about an answer that is kept; such requests have no body."""
        scope = visit.scope
        if "/" in found.rest:
            raise GatewayError(Kind.NOT_FOUND, unknown_path(scope["raw_path"]), should_retry=False)
        inbound = Inbound(
            codec=self._codecs[found.route.protocol],
            operation=_KEPT[found.route.what, scope["method"]],
            body=b"",
            headers=head.headers,
            request_id=visit.request_id,
            client=tenant,
            peek=Peek(""),
            subject=Subject(found.rest, scope["query_string"].decode("latin-1")),
            token=self._door.token_of(head.caller) if self._passes_tokens else None,
        )
        await self._run(visit, inbound)

    async def _converse(self, visit: Visit, found: Match, head: Head, tenant: str) -> Session:
        """Responses over WebSocket. Raises GatewayError before the upgrade, and only then."""
        scope = visit.scope
        if found.route.what != "generate" or scope["method"] != "GET" or "extensions" not in scope:
            raise GatewayError(
                Kind.UNSUPPORTED,
                "WebSocket is spoken on GET /responses and /v1/responses only; use plain HTTP here.",
                status=426,
                should_retry=False,
            )
        if self.draining:
            raise draining()
        headers = [*accept(scope["headers"]), (b"x-trunkline-request-id", visit.request_id.encode("ascii"))]
        socket = await upgrade(scope["extensions"][CONNECTION], headers, self._max_body)
        codec = self._codecs[found.route.protocol]
        token = self._door.token_of(head.caller) if self._passes_tokens else None
        caller = SocketCaller(codec=codec, headers=head.headers, tenant=tenant, token=token)
        return Session(socket, self._ids, caller)

    async def _run(self, visit: Visit, inbound: Inbound) -> None:
        """The exchange, called off when the client goes."""
        connection, sink = visit.connection, visit.sink
        task = asyncio.current_task()
        assert task is not None
        if connection.lost is not None:
            return
        connection.on_lost = task.cancel
        try:
            await self.relay.run(inbound, sink)
        except asyncio.CancelledError as cause:
            task.uncancel()
            if connection.lost is None:
                await end_with(sink, inbound.codec, cancelled(cause), inbound.request_id)
            return
        finally:
            connection.on_lost = None
        if not sink.started:
            raise RuntimeError("the relay returned without an answer")
        if not sink.complete:
            await sink.end()


def not_served(found: Match) -> GatewayError:
    """The answer of a route whose protocol has no codec yet."""
    return GatewayError(
        Kind.UNSUPPORTED, f"{found.route.path} is not yet served by this gateway.", should_retry=False
    )

"""The gateway as an ASGI application: routes, admission, bodies, and one exchange per request."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, assert_never

from msgspec import structs

from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Server
from trunkline.core.errors import GatewayError, Kind
from trunkline.protocols.codec import Carrier, Peek
from trunkline.protocols.gemini import read_path
from trunkline.providers.provider import ListedModel
from trunkline.relay.inbound import Inbound, Operation, Subject
from trunkline.relay.ports import ClientGone
from trunkline.server import health
from trunkline.server.admin import AdminDesk, Administration, no_administration
from trunkline.server.asgi import CONNECTION, Receive, Scope, Send, connection_of
from trunkline.server.bodies import read_body
from trunkline.server.client_keys import NO_KEYS, Door, query_key
from trunkline.server.envelope import spoken
from trunkline.server.faults import TOO_DEEP, draining, end_with, inside, send_error, send_whole
from trunkline.server.handshake import accept, wants_websocket
from trunkline.server.heads import Head, read_head
from trunkline.server.health import Status
from trunkline.server.identifiers import RequestIds
from trunkline.server.leaving import handed_over, leave_when_told
from trunkline.server.models import encode_list, encode_model
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
from trunkline.server.routes import DEPRECATED, Match, Route, match, unknown_path
from trunkline.server.sign_in import Sessions, SignIn
from trunkline.server.signals import before_exit
from trunkline.server.sink import ArraySink, ClientSink
from trunkline.server.socket_session import Session, SocketCaller, upgrade

log: Final = logging.getLogger(__name__)

WIND_UP: Final = 2.0
"""Seconds that interrupted exchanges get to say so before everything is closed."""

_JSON: Final = ("content-type", "application/json")
METRICS: Final = ("content-type", "text/plain; version=0.0.4; charset=utf-8")
"""Prometheus' text format."""
_KEPT: Final[dict[tuple[str, str], Operation]] = {
    ("kept", "GET"): "retrieve",
    ("kept", "DELETE"): "delete",
    ("kept_input", "GET"): "list_input",
    ("kept_cancel", "POST"): "cancel",
}
KNOWN: Final = b"known"
"""In the query of ``/health/detailed``: what is known is enough, nobody is asked."""
_TELLS: Final = frozenset(
    {"hello", "health", "health_detailed", "alive", "ready", "metrics", "models", "model"}
)
"""Routes that answer by themselves; all others are exchanges."""
_INSIDE: Final = frozenset({"health_detailed", "metrics", "preset"})
"""What is for those alone who may use the gateway for being who they are: presets have credentials of their own."""


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
        startup: Callable[[], Awaitable[None]] = nothing,
        shutdown: Callable[[], Awaitable[None]] = nothing,
    ) -> None:
        self._codecs = codecs
        self._relay = relay
        self._models = models
        self._status = status
        self._metrics = metrics
        self._probe = probe
        self._check_direct = check_direct
        self._administration = administration
        self._passes_tokens = passes_tokens
        self._presets = presets
        self._added = added
        self._page = page
        self._sessions = sessions
        self._startup = startup
        self._shutdown = shutdown
        self._ids = RequestIds()
        self._active = 0
        self._quiet: asyncio.Event | None = None
        self.draining = False
        """Set when the process has been told to stop; ``/readyz`` says so."""
        self.refusal: ConfigurationError | None = None
        """Why it did not start, where the configuration is to blame."""
        self.configure(server)

    def configure(self, server: Server) -> None:
        """Take over who may call and how much, from the next request on."""
        self._door = Door(server)
        sessions = self._sessions(server)
        self._desk = AdminDesk(server, self._door, self._administration, sessions)
        self._sign_in = SignIn(sessions, self._desk)
        self._max_body = server.max_body

    def _drain(self) -> None:
        self.draining = not handed_over()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._active += 1
            try:
                await self._answer(scope, receive, send)
            finally:
                self._active -= 1
                if not self._active and self._quiet is not None:
                    self._quiet.set()
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            raise RuntimeError(f"{scope['type']} is not served")

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = self._ids.next()
        found = match(scope["raw_path"], scope["query_string"]) or self._added(scope["raw_path"])
        called = None if found is None else found.called
        kind = ClientSink if called is None or called.framing == "sse" else ArraySink
        sink = kind(send, request_id.encode("ascii"), connection_of(scope).push)
        if found is not None and found.route.direct is not None:
            sink.extra = DEPRECATED
        client = scope["client"]
        head = read_head(scope["headers"], client[0] if client else None)
        codec = self._envelope(found, head, scope["raw_path"])
        successor: Takeover | None = None
        try:
            successor = await self._dispatch(scope, receive, found, head, sink, request_id)
        except ClientGone:
            return
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
        if successor is not None:
            await successor(receive, send)

    def _envelope(self, found: Match | None, head: Head, raw_path: bytes) -> Carrier:
        """Whose shape an error of this request has."""
        if found is None or found.added is not None or found.route.what == "preset":
            return self._codecs[spoken(None, head, raw_path)]
        if found.route.what not in _TELLS:
            return self._codecs.get(found.route.protocol) or self._codecs["openai_chat"]
        return self._codecs[spoken(found, head, raw_path)]

    async def _dispatch(
        self,
        scope: Scope,
        receive: Receive,
        found: Match | None,
        head: Head,
        sink: ClientSink,
        request_id: str,
    ) -> Takeover | None:
        """Everything that may be refused, in order; then the route's own work, or who does it in our place."""
        self._door.check_source(head.caller)
        if found is None:
            raise GatewayError(Kind.NOT_FOUND, unknown_path(scope["raw_path"]), should_retry=False)
        route = found.route
        tenant = self._admit(scope, route, head)
        if head.upgrade and route.protocol == "openai_responses" and wants_websocket(scope["headers"]):
            await self._converse(scope, found, head, tenant, request_id)
        elif scope["method"] not in route.methods:
            await self._wrong_method(scope, found, head, sink, request_id)
        elif route.what == "generate" or route.what == "count_tokens" or route.what == "compact":
            await self._exchange(scope, receive, found, route.what, head, tenant, sink, request_id)
        elif route.what in _TELLS:
            if route.what == "health_detailed" and KNOWN not in scope["query_string"]:
                await self._probe()
            await self._tell(found, head, sink)
        elif route.what == "preset":
            if head.upgrade and self.draining:
                raise draining()
            return await self._presets(scope)
        elif route.what == "administer":
            await self._desk.answer(scope, receive, found, head, sink)
        elif route.what == "session":
            return await self._sign_in.answer(scope, receive, head, request_id)
        elif route.what == "page":
            await send_page(self._page, scope, found, sink)
        else:
            await self._look_up(scope, found, head, tenant, sink, request_id)
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

    async def _wrong_method(
        self, scope: Scope, found: Match, head: Head, sink: ClientSink, request_id: str
    ) -> None:
        if found.route.protocol == "gemini" and scope["method"] == "POST" and ":" in found.rest:
            read_path(scope["raw_path"].decode("latin-1"))  # raises: it is a method that does not exist
        allow = ", ".join(found.route.methods)
        error = GatewayError(
            Kind.INVALID_REQUEST, f"{scope['method']} is not for this path; it takes {allow}.", status=405,
            should_retry=False,
        )  # fmt: skip
        codec = self._envelope(found, head, scope["raw_path"])
        await send_error(sink, codec, error, request_id, ("allow", allow))

    async def _tell(self, found: Match, head: Head, sink: ClientSink) -> None:
        """The routes that answer by themselves."""
        what = found.route.what
        status, kind = 200, _JSON
        match what:
            case "hello":
                body = health.encode_hello(self._status())
            case "health" | "health_detailed":
                body = health.encode_health(self._status(), detailed=what == "health_detailed")
            case "alive":
                body = health.encode_word("alive")
            case "ready":
                status = 503 if self.draining else 200
                body = health.encode_word("draining" if self.draining else "ready")
            case "metrics":
                body, kind = await self._metrics(), METRICS
            case "models" | "model":
                protocol = spoken(found, head, b"")
                if what == "models":
                    body = encode_list(self._models(), protocol)
                else:
                    body = encode_model(self._models(), found.rest, protocol)
            case "generate" | "count_tokens" | "compact" | "kept" | "kept_input" | "kept_cancel":
                raise RuntimeError("model operations have an exchange")
            case "administer" | "preset" | "page" | "session":
                raise RuntimeError("others answer these")
            case _:
                assert_never(what)
        await send_whole(sink, status, (kind,), body)

    async def _exchange(
        self,
        scope: Scope,
        receive: Receive,
        found: Match,
        operation: Operation,
        head: Head,
        tenant: str,
        sink: ClientSink,
        request_id: str,
    ) -> None:
        codec = self._codecs.get(found.route.protocol)
        if codec is None:
            raise not_served(found)
        body = await read_body(receive, declared=head.length, encoding=head.encoding, limit=self._max_body)
        peek = None if found.called is None else Peek(found.called.model, found.called.stream)
        if found.route.direct is not None:
            self._check_direct()
            if found.route.direct:
                peek = structs.replace(codec.peek(body), model=found.route.direct)
        inbound = Inbound(
            codec=codec,
            operation=operation,
            body=body,
            headers=head.headers,
            request_id=request_id,
            client=tenant,
            peek=peek,
            token=self._door.token_of(head.caller) if self._passes_tokens else None,
            added=found.added,
        )
        await self._run(scope, inbound, sink)

    async def _look_up(
        self, scope: Scope, found: Match, head: Head, tenant: str, sink: ClientSink, request_id: str
    ) -> None:
        """Everything about an answer that is kept; such requests have no body."""
        if "/" in found.rest:
            raise GatewayError(Kind.NOT_FOUND, unknown_path(scope["raw_path"]), should_retry=False)
        inbound = Inbound(
            codec=self._codecs[found.route.protocol],
            operation=_KEPT[found.route.what, scope["method"]],
            body=b"",
            headers=head.headers,
            request_id=request_id,
            client=tenant,
            peek=Peek(""),
            subject=Subject(found.rest, scope["query_string"].decode("latin-1")),
            token=self._door.token_of(head.caller) if self._passes_tokens else None,
        )
        await self._run(scope, inbound, sink)

    async def _converse(self, scope: Scope, found: Match, head: Head, tenant: str, request_id: str) -> None:
        """Responses over WebSocket. Raises GatewayError before the upgrade, and only then."""
        if found.route.what != "generate" or scope["method"] != "GET" or "extensions" not in scope:
            raise GatewayError(
                Kind.UNSUPPORTED,
                "WebSocket is spoken on GET /responses and /v1/responses only; use plain HTTP here.",
                status=426,
                should_retry=False,
            )
        if self.draining:
            raise draining()
        headers = [*accept(scope["headers"]), (b"x-trunkline-request-id", request_id.encode("ascii"))]
        socket = await upgrade(scope["extensions"][CONNECTION], headers, self._max_body)
        codec = self._codecs[found.route.protocol]
        token = self._door.token_of(head.caller) if self._passes_tokens else None
        caller = SocketCaller(codec=codec, headers=head.headers, tenant=tenant, token=token)
        await Session(socket, self._relay, self._ids, caller).run()

    async def _run(self, scope: Scope, inbound: Inbound, sink: ClientSink) -> None:
        """The exchange, called off when the client goes."""
        connection = connection_of(scope)
        task = asyncio.current_task()
        assert task is not None
        if connection.lost is not None:
            return
        connection.on_lost = task.cancel
        try:
            await self._relay.run(inbound, sink)
        except asyncio.CancelledError:
            task.uncancel()
            if connection.lost is None:
                await end_with(sink, inbound.codec, draining(), inbound.request_id)
            return
        finally:
            connection.on_lost = None
        if not sink.started:
            raise RuntimeError("the relay returned without an answer")
        await sink.end()

    async def _live(self, receive: Receive, send: Send) -> None:
        """The lifespan: start, wait, stop. What is still running when it stops gets a moment to end."""
        await receive()
        try:
            await self._startup()
        except ConfigurationError as cause:
            log.error("%s", cause)
            self.refusal = cause
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        except Exception as cause:
            log.exception("the gateway cannot start")
            await send({"type": "lifespan.startup.failed", "message": str(cause)})
            return
        before_exit(self._drain)
        leave_when_told()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._quiet = asyncio.Event()
        if self._active:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._quiet.wait(), WIND_UP)
        await self._shutdown()
        await send({"type": "lifespan.shutdown.complete"})


def not_served(found: Match) -> GatewayError:
    """The answer of a route whose protocol has no codec yet."""
    return GatewayError(
        Kind.UNSUPPORTED, f"{found.route.path} is not yet served by this gateway.", should_retry=False
    )

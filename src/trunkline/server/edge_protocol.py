"""The HTTP/1.1 edge: what uvicorn's server hands connections to, with the deadlines and refusals of reliability_ux.md A2 and A4.

Every connection has one timer that looks at what is due and sets itself again, so that a request which
arrives whole, as nearly all do, arms and cancels nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NoReturn, cast

import httptools
from msgspec.structs import replace
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.utils import get_remote_addr
from uvicorn.server import ServerState

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from trunkline.server import edge_rules
from trunkline.server.asgi import CONNECTION, RawHeaders, Scope, Successor, Upgradable
from trunkline.server.cycle import Application, Cycle
from trunkline.server.deadlines import LINGER, PARTING, Deadlines
from trunkline.server.default_headers import DefaultHeaders
from trunkline.server.edge_rules import Refusal, Refused, framing, judge_head, origin_form
from trunkline.server.handshake import wants_websocket
from trunkline.server.identifiers import RequestIds
from trunkline.server.known_head import Habit
from trunkline.server.leaving import handed_over
from trunkline.server.stall import StallWatch

_IDS: Final = RequestIds()


class EdgeProtocol(asyncio.Protocol):
    """One client connection. Requests on it are answered one after the other, in order."""

    transport: asyncio.Transport
    flow: FlowControl

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        deadlines: Deadlines,
    ) -> None:
        if not config.loaded:
            config.load()
        self.loop = _loop or asyncio.get_running_loop()
        self.server_state = server_state
        self._application = cast("Application", config.loaded_app)  # pyright: ignore[reportUnknownMemberType]
        self.deadlines = deadlines
        self._stall = StallWatch(deadlines.write_stall)
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        # A request that ends the connection is answered, whatever follows it.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._client: tuple[str, int] | None = None
        self._url = b""
        self._headers: RawHeaders = []
        self._expects = False
        self.default_headers = DefaultHeaders(server_state)
        self._timer: asyncio.TimerHandle | None = None
        self._cycle: Cycle | None = None
        """The request read last; with pipelining the one being answered is another."""
        self._running: Cycle | None = None
        self._pipeline: deque[Cycle] = deque()
        self._extensions: dict[str, Upgradable] = {CONNECTION: self}
        self.on_lost: Callable[[str], object] | None = None
        self.lost: str | None = None
        self._verdict: Refusal | None = None
        self._owed: Refusal | None = None
        self._deaf = False
        self.leaving = False
        self._resuming = False
        self._closing_since: float | None = None
        self._head_open = False
        self._body_open = False
        self._since = 0.0
        self._heard = 0.0
        self._head_bytes = 0
        self._arrived = 0
        self._pieces = 0
        self._body_bytes = 0
        self._after_upgrade = b""
        self._habit = Habit()

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.flow = FlowControl(self.transport)
        self.server_state.connections.add(cast("HttpToolsProtocol", self))
        self._client = get_remote_addr(self.transport)
        self._since = self.loop.time()
        self._look_in(self.deadlines.keepalive)

    def connection_lost(self, exc: Exception | None) -> None:
        self.server_state.connections.discard(cast("HttpToolsProtocol", self))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.lost is None:
            self.lost = "client_closed"
        if self._running is not None and not self._running.response_complete:
            self._drop(self._running)
        self._pipeline.clear()
        self.flow.resume_writing()
        if exc is None:
            self.transport.close()
        self._parser = None

    def _drop(self, cycle: Cycle) -> None:
        """Nobody waits for this answer any more: what is still sent goes nowhere, the work is called off."""
        cycle.disconnect()
        if self.on_lost is not None:
            self.on_lost(self.lost or "client_closed")
            self.on_lost = None

    def shutdown(self) -> None:
        """The server stops: an answer that is under way is the last one, or else that to a request which comes
        soon, because it is on its way. With a successor a client may take its time: others are served there."""
        self.leaving = True
        if self._cycle is not None and not self._cycle.response_complete:
            self._cycle.keep_alive = False
        elif not handed_over():
            self.deadlines = replace(self.deadlines, keepalive=PARTING)
            self._since = self.loop.time()
            self._look_in(PARTING)

    def push(self, data: bytes) -> bool:
        """More of the stream that is being answered; see :meth:`Cycle.push`."""
        assert self._running is not None, "a stream belongs to a request"
        return self._running.push(data)

    def arrived(self, limit: int) -> bytes | None:
        """The body of the request that is being answered; see :meth:`Cycle.arrived`."""
        return None if self._running is None else self._running.arrived(limit)

    def whole(self, status: int, lines: bytes, body: bytes) -> bool:
        """The whole answer to the request that is being answered; see :meth:`Cycle.whole`."""
        assert self._running is not None, "an answer belongs to a request"
        return self._running.whole(status, lines, body)

    # Bytes in

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._heard = self.loop.time()
        head_was_open = self._head_open
        between = not (head_was_open or self._body_open)
        if between and self._again(data):
            return
        self._arrived = len(data) + self._head_bytes if head_was_open else len(data)
        parser = self._parser
        assert parser is not None, "data after the connection was lost"
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if not self._goes_on(data[cast("int", upgrade.args[0]) :]):
                return
        except httptools.HttpParserError:
            self._refuse(self._verdict or edge_rules.MALFORMED)
            return
        if self._head_open:
            self._head_bytes = self._arrived
            if head_was_open and self._head_bytes > edge_rules.MAX_HEAD + edge_rules.MAX_TARGET:
                self._refuse(edge_rules.HEAD_TOO_LARGE)
            elif not head_was_open:
                self._since = self._heard
                self._look_in(self.deadlines.header)
        elif self._body_open:
            self._look_in(min(self.deadlines.body_idle, self.deadlines.body_total))
            cycle = self._cycle
            if cycle is not None and cycle.held > edge_rules.MAX_HELD and not cycle.response_complete:
                self.flow.pause_reading()
        elif between:
            self._learn(data)

    def _again(self, data: bytes) -> bool:
        """Begin the request in ``data`` if it is a whole one with the known head and nothing is before it.

        The parser, which is between two messages, misses nothing.
        """
        before = self._cycle
        if self.leaving or before is None or not (before.response_complete and before.keep_alive):
            return False
        request = self._habit.again(data)
        if request is None:
            return False
        self._since = self._heard
        self._cycle = self._running = cycle = Cycle(request.scope, self, body=request.body)
        cycle.start(self._application, self.server_state.tasks)
        return True

    def _learn(self, data: bytes) -> None:
        """``data`` was parsed from one request's beginning to some request's end."""
        cycle = self._cycle
        if cycle is not None and cycle.keep_alive and not (self._deaf or self._expects):
            self._habit.learn(data, cycle.scope)

    def _goes_on(self, rest: bytes) -> bool:
        """Ignore an upgrade that a request offers; False when what follows is refused."""
        try:
            self._ignore_upgrade(rest)
        except httptools.HttpParserError:
            self._refuse(self._verdict or edge_rules.MALFORMED)
            return False
        return True

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Go on with a request that offers an upgrade, which nobody has to take, and has a body.

        The parser ends at the head of such a request. Java's client offers h2c with every first POST.
        """
        length = framing(self._headers)
        if length is None:
            if self._cycle is not None:
                self._cycle.keep_alive = False
            self._deaf = True
            if wants_websocket(self._headers):
                self._after_upgrade = rest  # what comes behind it waits until somebody has decided
                self.flow.pause_reading()
            return
        self._parser = parser = httptools.HttpRequestParser(self)
        self._resuming = True
        parser.feed_data(b"POST / HTTP/1.1\r\n%s: %s\r\n\r\n" % length)
        self._resuming = False
        parser.feed_data(rest)

    def on_message_begin(self) -> None:
        if self._resuming:
            return
        self._url = b""
        self._headers = []
        self._head_open = True

    def on_url(self, url: bytes) -> None:
        if self._resuming:
            return
        self._url += url
        if len(self._url) > edge_rules.MAX_TARGET:
            self._stop(edge_rules.TARGET_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_open:  # else a trailer: nobody has asked for it, and it must not pose as a header
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self._resuming:
            return
        parser = self._parser
        assert parser is not None, "the parser calls this itself"
        method, version = parser.get_method(), parser.get_http_version()
        fields = dict(self._headers)
        verdict = judge_head(method, version, self._headers, fields, self._arrived)
        if isinstance(verdict, Refusal):
            self._stop(verdict)
        target = origin_form(self._url, verdict)
        if target is None or not target.isascii():
            self._stop(edge_rules.TARGET)
        if len(self._pipeline) >= edge_rules.MAX_PIPELINE:
            self._stop(edge_rules.PIPELINE_FULL)
        self._head_open = False
        self._body_open = True
        self._since = self._heard
        self._pieces = self._body_bytes = 0
        self._expects = b"expect" in fields and fields[b"expect"].lower() == b"100-continue"
        path, _, query = target.partition(b"?")
        scope: Scope = {
            "type": "http",
            "method": method.decode("ascii"),
            "raw_path": path,
            "query_string": query,
            "headers": self._headers,
            "client": self._client,
            "extensions": self._extensions,
        }
        keep_alive = version != "1.0" and parser.should_keep_alive() and not self.leaving
        self._begin(Cycle(scope, self, keep_alive=keep_alive, expects=self._expects))

    def on_body(self, body: bytes) -> None:
        self._pieces += 1
        self._body_bytes += len(body)
        if self._pieces > edge_rules.SMALL_CHUNKS and edge_rules.drips(self._pieces, self._body_bytes):
            self._stop(edge_rules.TINY_CHUNKS)
        cycle = self._cycle
        assert cycle is not None, "a body comes after its head"
        if not cycle.response_complete:
            cycle.feed(body)
        elif self._body_bytes > edge_rules.MAX_DISCARD:
            self._stop(edge_rules.MALFORMED)

    def on_message_complete(self) -> None:
        parser, cycle = self._parser, self._cycle
        assert parser is not None, "the parser calls this itself"
        assert cycle is not None, "a body's end comes after its head"
        if parser.should_upgrade() and framing(self._headers) is not None:
            return
        self._body_open = False
        if not cycle.response_complete:
            cycle.end()

    # Requests

    def _begin(self, cycle: Cycle) -> None:
        """Have a request answered, now or after those before it."""
        before, self._cycle = self._cycle, cycle
        if before is None or before.response_complete:
            self._run(cycle)
        else:
            self.flow.pause_reading()
            self._pipeline.append(cycle)

    def _run(self, cycle: Cycle) -> None:
        self._running = cycle
        cycle.start(self._application, self.server_state.tasks)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self.on_lost = None
        if self.transport.is_closing():
            return
        if self._pipeline:
            self._run(self._pipeline.popleft())
            return
        self.flow.resume_reading()
        if self._owed is not None:
            self._answer(self._owed)
        elif self._body_open:
            # The rest of the body is read and dropped, so that the client comes to read this answer.
            if self._expects:
                self._linger()  # whether it will send the body is unknown: what follows is ambiguous
        elif not self._head_open:
            self._since = self.loop.time()

    def hand_over(self, successor: Successor, headers: RawHeaders) -> None:
        """Agree to the upgrade that the running request asks for: the connection is the successor's."""
        running, self._parser = self._running, None
        assert running is not None, "there is no request to upgrade"
        running.hand_over(headers)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        connections = cast("set[object]", self.server_state.connections)
        connections.discard(self)
        connections.add(successor)
        successor.gone = connections.discard
        self.transport.set_protocol(successor)
        successor.connection_made(self.transport)
        self.flow.resume_reading()
        successor.data_received(self._after_upgrade)

    # Refusals

    def _stop(self, refusal: Refusal) -> NoReturn:
        """Leave the parser, from inside a callback."""
        self._verdict = refusal
        raise Refused

    def _refuse(self, refusal: Refusal) -> None:
        """Answer nothing more on this connection but what is already under way, then this."""
        self._deaf = True
        broken = self._cycle if self._body_open else None
        if broken is not None and self._pipeline and self._pipeline[-1] is broken:
            self._pipeline.pop()
            broken = None
        if broken is None:
            if self._running is None or self._running.response_complete:
                self._answer(refusal)
            else:
                self._owed = refusal
        elif broken.response_complete:
            self._linger()
        elif broken.response_started:
            self.transport.abort()
        else:
            self._drop(broken)
            self._answer(refusal)

    def _answer(self, refusal: Refusal) -> None:
        self.transport.write(refusal.encode(_IDS.next()))
        self._linger()

    def _linger(self) -> None:
        """Send what is queued and an end, and go on reading a little: a reset would destroy the answer."""
        self._deaf = True
        self._closing_since = self.loop.time()
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._look_in(LINGER)

    # Time

    def resume_writing(self) -> None:
        self.flow.resume_writing()

    def pause_writing(self) -> None:
        self.flow.pause_writing()
        self._stall.queued = 0
        self._look_in(self._stall.step)

    def _look_in(self, seconds: float) -> None:
        """Have :meth:`_look` run in so many seconds at the latest."""
        when = self.loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self.loop.call_at(when, self._look)

    def _look(self) -> None:
        """Act on what has expired, and look again when the next thing may."""
        self._timer = None
        now = self.loop.time()
        if self._stall.stalled(self.transport.get_write_buffer_size(), now):
            self.lost = "client_stalled"
            self.transport.abort()
            return
        left, expiry = self._due(now)
        if left <= 0:
            if isinstance(expiry, Refusal):
                self._refuse(expiry)
            else:
                self.transport.close()
            left = self.deadlines.keepalive
        self._look_in(max(0.001, min(left, self._stall.step) if self._stall.queued else left))

    def _due(self, now: float) -> tuple[float, Refusal | None]:
        """Seconds until the present wait expires, and the refusal it ends with; None: just close."""
        deadlines = self.deadlines
        if self._closing_since is not None:
            return self._closing_since + LINGER - now, None
        if self._head_open:
            return self._since + deadlines.header - now, edge_rules.HEADER_TIMEOUT
        if self._body_open and not self._deaf and not self.flow.read_paused:
            idle = self._heard + deadlines.body_idle - now
            total = self._since + deadlines.body_total - now
            return (idle, edge_rules.BODY_IDLE) if idle <= total else (total, edge_rules.BODY_TOTAL)
        if self._running is None or self._running.response_complete:
            return self._since + deadlines.keepalive - now, None
        return deadlines.keepalive, None

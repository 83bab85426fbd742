"""The client's side of an exchange: headers once, content, signs of life, and at most one error event."""

from collections.abc import Callable

from trunkline.core.errors import GatewayError
from trunkline.core.http import Headers
from trunkline.core.losses import Loss
from trunkline.relay.inbound import Inbound
from trunkline.relay.journal import Journal
from trunkline.relay.ports import Sink
from trunkline.relay.response_headers import STREAM, request_id_header, trunkline_headers, whole_headers

MakeHeaders = Callable[[str, str, str, tuple[Loss, ...], int], Headers]


class Delivery:
    """Wraps the sink. ``started``: the status is out. ``committed``: content is out, nothing can be repeated."""

    def __init__(self, inbound: Inbound, sink: Sink, journal: Journal, time: Callable[[], float]) -> None:
        self.started = self.committed = False
        self.ended = False
        """An error event is out: nothing may follow it."""
        self.complete = False
        """The client has the whole answer. Some leave then, before the connection says so."""
        self.rewrite: Callable[[bytes], bytes] | None = None
        """What is made of a whole answer before it goes out."""
        self.passed_on: Headers = ()
        """Upstream headers that go along."""
        self._inbound = inbound
        self._sink = sink
        self._journal = journal
        self._time = time
        self.last = time()
        """Loop time at which the client last got something."""

    def through(self, wrap: Callable[[Sink], Sink]) -> None:
        """Let everything go through another sink, before anything has."""
        self._sink = wrap(self._sink)

    async def content(self, data: bytes) -> None:
        """A piece of a stream."""
        if not self.committed:
            if not self.started:
                await self._sink.start(200, self._opening(STREAM))
            self.committed = True
            self._journal.first_byte()
        await self._sink.send(data)
        self.last = self._time()

    @property
    def direct(self) -> bool:
        """Whether more content may go by :meth:`push`."""
        return self.committed and self._sink.direct is not None

    def push(self, data: bytes) -> bool:
        """A piece in mid-stream, without waiting; False when the client can take no more for now."""
        send = self._sink.direct
        assert send is not None, "asked for while it cannot be"
        self.last = self._time()
        return send(data)

    async def ping(self) -> None:
        """A sign of life; before the first content it fixes the status to 200, but commits to nothing."""
        self.last = self._time()
        if not self.started:
            await self._sink.start(200, self._opening(STREAM))
        await self._sink.send(self._inbound.codec.ping(begun=self.committed))
        self.last = self._time()

    def at_once(self, body: bytes) -> bool:
        """A complete JSON answer, handed over without waiting; False: it has to be :meth:`whole`."""
        send = self._sink.at_once
        if send is None or self.rewrite is not None:
            return False
        self.committed = True
        self._journal.first_byte()
        return send(self._about_it(whole_headers), self._own(), body)

    async def whole(self, body: bytes) -> None:
        """A complete JSON answer. Raises what ``rewrite`` raises, before anything is sent."""
        body = body if self.rewrite is None else self.rewrite(body)
        self.committed = True
        headers = self._about_it(whole_headers)
        await self._sink.start(200, (*headers, ("content-length", str(len(body))), *self._own()))
        self._journal.first_byte()
        await self._sink.send(body)

    async def break_off(self, error: GatewayError) -> None:
        """End a started stream with ``error``, unless the pipe has said it already."""
        if not self.ended:
            self.ended = True
            await self._sink.send(self._inbound.codec.encode_stream_error(error, self._inbound.request_id))

    def _opening(self, headers: Headers) -> Headers:
        """All headers of the answer, which starts now."""
        return (*headers, *self._about_it(trunkline_headers), *self._own())

    def _about_it(self, made: MakeHeaders) -> Headers:
        """What the answer, which starts now, says about the exchange."""
        self.started = True
        self._journal.status = 200
        return self.headers(len(self._journal.attempts) + 1, made)

    def _own(self) -> Headers:
        """What no other answer has: the request's id, and what the upstream said that its clients read."""
        inbound, passed = self._inbound, self.passed_on
        return (*request_id_header(inbound.codec.name, inbound.request_id, passed), *passed)

    def headers(self, attempts: int, made: MakeHeaders = trunkline_headers) -> Headers:
        """What an answer after so many attempts says about the exchange."""
        journal = self._journal
        target = journal.target
        if target is None:
            return made("-", "-", journal.route, journal.losses, attempts)
        return made(target.provider, target.deployment, journal.route, journal.losses, attempts)

"""Plugins at an endpoint: around a whole exchange, on the client's own body and on the bytes it is answered."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from msgspec.structs import replace

from trunkline.core.asking import Asking, UpstreamAnswer
from trunkline.core.errors import GatewayError
from trunkline.core.http import Headers, HttpHead, Take
from trunkline.core.splice import fields, splice
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import AtOnce, ClientGone, Sink
from trunkline.routing.session import session_of

log: Final = logging.getLogger(__name__)

AHEAD: Final = 256 * 1024
"""Bytes that may wait for a plugin."""

Serve = Callable[[Inbound, Sink], Awaitable[None]]


class Endpoint(Protocol):
    """The plugins; see :class:`trunkline.upstream.plugins.chain.Endpoint`."""

    @property
    def answers(self) -> bool: ...

    async def received(self) -> bytes: ...

    async def answered(self, answer: UpstreamAnswer) -> UpstreamAnswer: ...

    def leave(self) -> None: ...


def asking_of(inbound: Inbound) -> Asking:
    """The request as plugins at its endpoint know it: no provider is chosen yet."""
    return Asking(
        provider="",
        model="",
        url="",
        protocol=inbound.codec.name,
        request_id=inbound.request_id,
        headers=inbound.headers,
        body=inbound.body,
        client=inbound.codec.name,
        session=session_of(inbound.headers, inbound.body),
        passes=False,
        path=None if inbound.added is None else inbound.added.path,
        values={} if inbound.added is None else inbound.added.values,
    )


async def serve_through(endpoint: Endpoint, serve: Serve, inbound: Inbound, sink: Sink) -> None:
    """Serve what the plugins make of the request, and bring the client what they make of the answer.

    A plugin's own route asks for the model that the client named, where the plugin names none.
    Raises GatewayError before ``sink.start`` only, as an exchange does.
    """
    try:
        named = None if inbound.added is None else fields(inbound.body).get("model")
        inbound = replace(inbound, body=await endpoint.received())
        if named is not None and "model" not in fields(inbound.body):
            inbound = replace(inbound, body=splice(inbound.body, {"model": bytes(named)}))
        if not endpoint.answers:
            await serve(inbound, sink)
            return
        between = _Between(endpoint, sink)
        try:
            await serve(inbound, between)
            await between.finish()
        except GatewayError as error:
            if not between.started:
                raise
            log.warning("request %s: %s", inbound.request_id, error.message)
            await sink.send(inbound.codec.encode_stream_error(error, inbound.request_id))
        finally:
            await between.close()
    finally:
        endpoint.leave()


class _Between:
    """Implements :class:`trunkline.relay.ports.Sink` toward the exchange, and an open answer toward the plugins."""

    def __init__(self, endpoint: Endpoint, sink: Sink) -> None:
        self._endpoint = endpoint
        self._sink = sink
        self._plain = False
        self._chunks: list[bytes] = []
        self._size = 0
        self._ended = False
        self._change = asyncio.Event()
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.head = HttpHead(200)
        self.started = False
        """The client has a status."""

    @property
    def direct(self) -> Take | None:
        """Nothing goes past the plugins."""
        return None

    @property
    def at_once(self) -> AtOnce | None:
        """Nor does this."""
        return None

    async def start(self, status: int, headers: Headers) -> None:
        """See the port. What is no answer goes past the plugins, as from a provider."""
        if not 200 <= status < 300:
            self._plain = self.started = True
            await self._sink.start(status, headers)
            return
        self.head = HttpHead(status, headers)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        answer = await self._endpoint.answered(self)
        try:
            framed = tuple(pair for pair in answer.head.headers if pair[0] != "content-length")
            self.started = True
            await self._sink.start(answer.head.status, framed)
            while data := await answer.read():
                await self._sink.send(data)
        finally:
            await answer.close(reuse=False)

    async def send(self, data: bytes) -> None:
        """See the port."""
        if self._plain:
            await self._sink.send(data)
            return
        self._chunks.append(data)
        self._size += len(data)
        self._change.set()
        while self._size >= AHEAD and self._task is not None and not self._task.done():
            self._room.clear()
            room = asyncio.ensure_future(self._room.wait())
            try:
                await asyncio.wait({room, self._task}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                room.cancel()
        if self._task is not None and self._task.done():
            raise ClientGone  # nobody takes the rest: ``finish`` says why

    async def read(self) -> bytes:
        """More of what the exchange answers; see :class:`trunkline.core.asking.UpstreamAnswer`."""
        while not self._chunks:
            if self._ended:
                return b""
            self._change.clear()
            await self._change.wait()
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        self._room.set()
        return data

    def arrived(self) -> None:
        """See the port: it is made while it is read."""

    async def push(self, take: Take) -> None:
        """As of any answer."""
        while (data := await self.read()) and take(data):
            pass

    async def finish(self) -> None:
        """The exchange is over; until the client has all of it. Raises GatewayError, ClientGone."""
        self._ended = True
        self._change.set()
        if self._task is not None:
            await self._task

    async def close(self, *, reuse: bool = False) -> None:
        """Stop, if it has not ended."""
        task = self._task
        if task is None or task is asyncio.current_task():
            return
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # told already, or nobody is there to be told

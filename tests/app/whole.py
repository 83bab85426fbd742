"""The whole gateway in this process: a configuration as users write it, real sockets on loopback."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from trunkline.app.composition import Gateway
from trunkline.app.lasting import Lasting
from trunkline.app.providers import make_providers
from trunkline.app.reloading import Source, reloading
from trunkline.config.load import load
from trunkline.config.schema import Configuration
from trunkline.relay.ports import ExchangeRecord
from trunkline.server.run import LastWords, bind, uvicorn_config
from trunkline.server.succession import Succession
from upstream.raw_server import OK, Peer, chunk, serving

T = TypeVar("T")
NOTHING: Mapping[str, str] = {}


class Whole:
    """A running gateway: where it listens and what it recorded."""

    def __init__(self, succession: Succession, lasting: Lasting) -> None:
        self.succession = succession
        self.lasting = lasting
        self.port = 0
        self.records: list[ExchangeRecord] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def record(self, record: ExchangeRecord) -> None:
        self.records.append(record)


@asynccontextmanager
async def whole(config: str, folder: Path, environ: Mapping[str, str] = NOTHING) -> AsyncIterator[Whole]:
    """The gateway on ``config``, text of a Trunkline file; inside the caller's loop."""
    path = folder / "trunkline.yaml"
    path.write_text(config)
    async with at_work(load(str(path), environ), lambda: load(str(path), environ)) as running:
        yield running


@asynccontextmanager
async def at_work(
    configuration: Configuration, read: Callable[[], Configuration] | None = None
) -> AsyncIterator[Whole]:
    """The gateway on a configuration; inside the caller's loop. ``read`` is what a reload reads."""
    lasting = Lasting(configuration, os.environ)
    gateway = Gateway(configuration, make_providers(configuration), lasting)
    source = Source(said=configuration, read=read or (lambda: configuration))
    running = Whole(reloading(gateway, source), lasting)
    lasting.recorders.append(running)
    gateway.recorders.append(running)
    (listener,) = bind("127.0.0.1", 0)
    server = LastWords(uvicorn_config(running.succession, configuration.timeouts))
    async with asyncio.TaskGroup() as group:
        serve = group.create_task(serving_to_the_end(server, listener, running.succession))
        while not server.started:  # noqa: ASYNC110 - uvicorn has only a flag
            await asyncio.sleep(0.01)
        running.port = listener.getsockname()[1]
        try:
            yield running
        finally:
            server.should_exit = True
            await serve


async def serving_to_the_end(server: LastWords, listener: socket.socket, succession: Succession) -> None:
    """Serve. Raises what kept the gateway from starting: uvicorn only leaves the program."""
    try:
        await server.serve(sockets=[listener])
    except SystemExit:
        raise succession.refusal or AssertionError("the gateway did not start: see its log") from None
    finally:
        listener.close()
    assert server.started, "the gateway ended before it had started"


class Asked(msgspec.Struct, frozen=True):
    """A request that reached the upstream."""

    path: str
    head: bytes
    body: dict[str, object]


class Refusal(msgspec.Struct, frozen=True):
    """An error in a provider's own words."""

    status: int
    body: bytes


Reply = bytes | list[bytes] | int | Refusal
"""A JSON body, the data of a stream's frames, a status to refuse with, or all of a refusal."""
_REFUSED = b'{"error":{"message":"refused","type":"some_error"}}'


class Upstream:
    """A provider on loopback that answers by a function of what it is asked."""

    def __init__(self, answer: Callable[[Asked], Reply]) -> None:
        self._answer = answer
        self.asked: list[Asked] = []

    async def play(self, peer: Peer) -> None:
        path = peer.head.split(b" ", 2)[1].decode()
        body = msgspec.json.decode(peer.body, type=dict[str, object]) if peer.body else {}
        asked = Asked(path, peer.head, body)
        self.asked.append(asked)
        reply = self._answer(asked)
        if isinstance(reply, list):
            frames = b"".join(chunk(frame) for frame in reply)
            await peer.send(OK + frames + chunk(b""))
            return
        if isinstance(reply, int):
            reply = Refusal(reply, _REFUSED)
        status, data = (200, reply) if isinstance(reply, bytes) else (reply.status, reply.body)
        await peer.send(
            b"HTTP/1.1 %d Said\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
            % (status, len(data), data)
        )


def through(
    answer: Callable[[Asked], Reply],
    config: Callable[[str], str],
    folder: Path,
    ask: Callable[[str], T],
) -> tuple[T, Upstream, list[ExchangeRecord]]:
    """Run ``ask`` with the gateway's URL; ``config`` is made from the upstream's URL."""

    async def main() -> tuple[T, Upstream, list[ExchangeRecord]]:
        upstream = Upstream(answer)
        async with (
            serving(upstream.play) as server,
            whole(config(f"http://127.0.0.1:{server.port}"), folder) as running,
        ):
            return await asyncio.to_thread(ask, running.url), upstream, running.records

    return asyncio.run(main())

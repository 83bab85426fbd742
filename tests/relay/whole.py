"""The real server over the real relay over the real client, on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from relay.kit import KeyRing, Records, TestProvider
from server.harness import Standing
from trunkline.config.schema import Retry, Server, Timeouts
from trunkline.core.facts import Facts
from trunkline.protocols.codec import Peek
from trunkline.protocols.registry import CODECS
from trunkline.providers.provider import Surface
from trunkline.relay.exchange import Exchange
from trunkline.relay.inbound import Inbound
from trunkline.relay.learned import Learned
from trunkline.relay.proofs import ProofStore
from trunkline.routing.plan import Plan, Target
from trunkline.server.application import Application
from trunkline.server.health import Status
from trunkline.server.run import LastWords, bind, uvicorn_config
from trunkline.server.succession import Succession
from trunkline.upstream.clock import SystemClock
from trunkline.upstream.http1 import Http1Upstream


def surface(protocol: str, port: int) -> Surface:
    url = f"http://127.0.0.1:{port}/v1/x"
    return Surface(
        name="s", protocol=protocol, deployment="m", url=url, facts=Facts(provider="up", model="m")
    )


@asynccontextmanager
async def gateway(upstream_port: int, records: Records) -> AsyncIterator[tuple[int, Application]]:
    """The real server over the real relay over the real client."""
    clock = SystemClock()
    timeouts = Timeouts()
    upstream = Http1Upstream(connect_timeout=30, pool_timeout=30)
    one = TestProvider("up", (surface("openai_chat", upstream_port),))

    async def plan(inbound: Inbound, peek: Peek) -> Plan:
        return Plan((Target("up", "m"),), "test")

    exchange = Exchange(
        planner=plan,
        providers={"up": one},
        codecs=CODECS,
        upstream=upstream,
        credentials=KeyRing(),
        clock=clock,
        recorder=records,
        timeouts=timeouts,
        retry=Retry(),
        proofs=ProofStore(clock.now),
        learned=Learned(clock.now),
    )
    application = Application(
        server=Server(port=0),
        codecs=CODECS,
        relay=exchange,
        models=lambda: (),
        status=lambda: Status(version="0", rehearsal=False, details={}),
    )
    (listener,) = bind("127.0.0.1", 0)
    server = LastWords(uvicorn_config(Succession(Standing(application)), timeouts))
    async with asyncio.TaskGroup() as group:
        serve = group.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has only a flag
            await asyncio.sleep(0.01)
        try:
            yield listener.getsockname()[1], application
        finally:
            server.should_exit = True
            await serve
            await upstream.close()


def request(path: str, *, stream: bool) -> bytes:
    said: dict[str, object] = {"messages": [{"role": "user", "content": "hi"}]}
    if "responses" in path:
        said = {"input": "hi"}
    elif "models" in path:
        said = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    body = msgspec.json.encode({"model": "m", "max_tokens": 9, "stream": stream, **said})
    return (
        b"POST %s HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
        % (
            path.encode(),
            len(body),
            body,
        )
    )

"""T08: clients that leave at any moment, thousands of them, through real sockets on both sides.

``TRUNKLINE_DISCONNECTS`` sets how many; the nightly run asks for 10000.
"""

import asyncio
import gc
import os
import random
import sys
from collections import Counter

import pytest

from relay.kit import Records
from relay.whole import gateway, request
from trunkline.server.application import Application
from upstream.raw_server import OK, Peer, RawServer, chunk, serving

COUNT = int(os.environ.get("TRUNKLINE_DISCONNECTS", "600"))
AT_ONCE = 40
SECONDS = 300.0
"""For all of them, on a machine that has other things to do."""

DELTA = (
    b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"role":"assistant","content":"word "},"finish_reason":null}]}\n\n'
)


async def dawdle(peer: Peer) -> None:
    """Answer slowly: a pause before the head, then words without end."""
    await asyncio.sleep(random.random() * 0.01)
    await peer.send(OK)
    for _ in range(10_000):
        await peer.send(chunk(DELTA))
        await asyncio.sleep(0.004)


REQUESTS = [
    *(
        request(path, stream=stream)
        for path in ("/v1/messages", "/v1/chat/completions", "/v1/responses")
        for stream in (True, False)
    ),
    request("/v1beta/models/m:generateContent", stream=False),
    request("/v1beta/models/m:streamGenerateContent?alt=sse", stream=True),
    request("/v1beta/models/m:streamGenerateContent", stream=True),
]


async def leave(port: int, chance: random.Random) -> None:
    """Ask, wait for a moment, go: sometimes politely, sometimes with a reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(chance.choice(REQUESTS))
    await writer.drain()
    await asyncio.sleep(chance.random() * 0.03)
    if chance.random() < 0.5:
        transport = writer.transport
        assert isinstance(transport, asyncio.WriteTransport)
        transport.abort()
    else:
        writer.close()
    reader.feed_eof()


async def quiet(server: RawServer, application: Application) -> float:
    """Seconds until nothing of the disconnects is left."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while server.open or application.active:
        assert loop.time() - began < 5, (
            f"{server.open} upstream connections, {application.active} exchanges left"
        )
        await asyncio.sleep(0.01)
    return loop.time() - began


async def settled() -> int:
    """How many tasks there are once their number no longer changes: streams of the test's own end a little later."""
    tasks = -1
    while tasks != len(asyncio.all_tasks()):
        tasks = len(asyncio.all_tasks())
        await asyncio.sleep(0.2)
    return tasks


@pytest.mark.server
def test_T08_T10_E117_disconnects_leave_nothing_behind() -> None:
    records = Records()

    async def storm(port: int, count: int) -> None:
        chance = random.Random(count)

        async def client(number: int) -> None:
            for _ in range(number):
                await leave(port, chance)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(client(count // AT_ONCE))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with serving(dawdle) as server, gateway(server.port, records) as (port, application):
            await storm(port, 4 * AT_ONCE)
            await quiet(server, application)
            records.clear()
            gc.collect()
            tasks, files = await settled(), len(os.listdir("/proc/self/fd"))
            blocks = sys.getallocatedblocks()
            began = loop.time()
            await storm(port, COUNT)
            assert await quiet(server, application) < 1.5
            assert loop.time() - began < SECONDS
            left = await settled()
            outcomes = Counter(record.outcome for record in records)
            records.clear()
            server.requests.clear()
            gc.collect()
            grown = sys.getallocatedblocks() - blocks
            print(  # noqa: T201 - the figures of a nightly run
                f"{COUNT} disconnects in {loop.time() - began:.1f} s, {outcomes}, {grown} blocks more"
            )
            assert abs(left - tasks) <= 2
            assert abs(len(os.listdir("/proc/self/fd")) - files) <= 2
            assert grown < 500 + COUNT // 5
            assert set(outcomes) <= {"client_closed"}
            assert outcomes["client_closed"] > COUNT * 0.5

    asyncio.run(main())


@pytest.mark.server
def test_T08_the_upstream_sees_the_close() -> None:
    """One at a time."""
    records = Records()
    asked = 0

    async def main() -> None:
        nonlocal asked
        loop = asyncio.get_running_loop()
        async with serving(dawdle) as server, gateway(server.port, records) as (port, application):
            for raw in REQUESTS * 5:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(raw)
                while not server.open:  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0.02)
                began = loop.time()
                writer.close()
                while server.open:
                    await asyncio.sleep(0.001)
                    assert loop.time() - began < 60
                asked += 1
                await quiet(server, application)
                del reader

    asyncio.run(main())
    assert len(records) == asked

"""More clients than places, and streams that say nothing (reliability_ux.md T28, T32)."""

import asyncio
import gc
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from app.chat import says, text
from app.whole import Whole, whole
from upstream.raw_server import OK, Peer, RawServer, chunk, serving

pytestmark = pytest.mark.server

PLACES = 4
STREAMS = 100
IDLE = 60_000
"""Bytes that a stream may hold while nothing happens on it."""


class Provider:
    """Answers once it is ``let``; streams have begun before."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.asked = 0

    async def play(self, peer: Peer) -> None:
        stream = b'"stream":true' in peer.body
        said = says(text("words and the rest"), stream=stream)
        if isinstance(said, list):
            await peer.send(OK + chunk(said[0]))
        self.asked += 1
        await self.let.wait()
        if isinstance(said, list):
            await peer.send(b"".join(map(chunk, said[1:])) + chunk(b""))
        elif isinstance(said, bytes):
            head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:"
            await peer.send(f"{head} {len(said)}\r\n\r\n".encode() + said)


def scenario(
    folder: Path, limits: str, main: Callable[[Whole, Provider, RawServer], Awaitable[None]]
) -> None:
    async def run() -> None:
        provider = Provider()
        async with asyncio.timeout(120), serving(provider.play) as server:
            url = f"http://127.0.0.1:{server.port}/v1"
            config = f"""{limits}
models: {{m: up/m}}
providers: {{up: {{kind: custom, key: x, models: [m], speaks: {{openai_chat: "{url}"}}}}}}
"""
            async with whole(config, folder) as gateway:
                await main(gateway, provider, server)

    asyncio.run(run())


class Asked:
    """One request on a connection of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def begin(cls, gateway: Whole, *, stream: bool) -> "Asked":
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        body = msgspec.json.encode(
            {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
        )
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length:"
        )
        writer.write(f"{head} {len(body)}\r\n\r\n".encode() + body)
        return cls(reader, writer)

    async def until(self, words: bytes) -> None:
        await self._reader.readuntil(words)

    async def end(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        head, _, body = (await self.rest()).partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        pairs = (line.partition(": ") for line in lines)
        return int(first.split()[1]), {name.lower(): value for name, _, value in pairs}, body

    async def rest(self) -> bytes:
        """All that has not been read."""
        said = await self._reader.read(-1)
        self._writer.close()
        await self._writer.wait_closed()
        return said


async def until(met: Callable[[], bool]) -> None:
    while not met():  # noqa: ASYNC110 - the other side has no event for it
        await asyncio.sleep(0.005)


def test_T28_three_times_the_capacity_is_served_as_far_as_it_goes_and_the_rest_told_to_come_back(
    tmp_path: Path,
) -> None:
    limits = f"server: {{max_concurrent: {PLACES}}}\ntimeouts: {{queue_wait: 0.001}}"

    async def main(gateway: Whole, provider: Provider, server: RawServer) -> None:
        first = [await Asked.begin(gateway, stream=False) for _ in range(PLACES)]
        await until(lambda: provider.asked == PLACES)
        for _ in range(2 * PLACES):
            status, headers, body = await (await Asked.begin(gateway, stream=False)).end()
            assert (status, headers["retry-after"]) == (503, "1")
            assert b"queue.wait" in body
        assert provider.asked == PLACES, "who is turned away costs the provider nothing"
        provider.let.set()
        assert [(await asked.end())[0] for asked in first] == [200] * PLACES
        while (await (await Asked.begin(gateway, stream=False)).end())[0] != 200:
            pass  # the last place is given back when its answer has gone out

    scenario(tmp_path, limits, main)


def test_T32_a_stream_that_says_nothing_holds_little(tmp_path: Path) -> None:
    """Python's own memory, of both of its connections; what the system holds for sockets comes on top."""

    async def main(gateway: Whole, provider: Provider, server: RawServer) -> None:
        async def open_streams(count: int) -> list[Asked]:
            before = provider.asked
            streams = [await Asked.begin(gateway, stream=True) for _ in range(count)]
            for stream in streams:
                await stream.until(b"words")
            assert provider.asked == before + count
            return streams

        streams = await open_streams(5)  # what is loaded and made once is there
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            streams += await open_streams(STREAMS)
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (after - before) / STREAMS < IDLE
        provider.let.set()
        for stream in streams:
            assert b"[DONE]" in await stream.rest()

    scenario(tmp_path, "server: {max_concurrent: 1024}\ntimeouts: {up_pool: 60}", main)

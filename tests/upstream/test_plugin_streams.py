"""Streams through a plugin in JavaScript: no faster than they are read, and no longer than they are wanted."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.plugged import FIXTURES
from trunkline.config.schema import Timeouts, Transform
from trunkline.core.asking import Asking
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead, HttpRequest, Take
from trunkline.upstream.plugins.chain import Chain
from trunkline.upstream.plugins.helper import NodeHelper
from trunkline.upstream.plugins.host import PluginFile, PluginHost, ProviderUse

pytestmark = pytest.mark.server

PIECE = b"x" * 16_384
ASKING = Asking(
    provider="up",
    model="m",
    url="http://127.0.0.1:9/v1/chat/completions",
    protocol="openai_chat",
    request_id="1",
    headers=(),
    body=b'{"stream":true}',
    client="openai_chat",
    session=None,
    passes=True,
)
REQUEST = HttpRequest("POST", ASKING.url, (("authorization", "Bearer k"),), b"{}")


class Endless:
    """An answer without an end, unless it breaks after some pieces."""

    def __init__(self, breaks_after: int | None = None) -> None:
        self.head = HttpHead(200, (("content-type", "text/event-stream"),))
        self.given = 0
        self.breaks_after = breaks_after
        self.closed: list[bool] = []

    async def read(self) -> bytes:
        await asyncio.sleep(0)
        if self.given == self.breaks_after:
            raise GatewayError(Kind.TRUNCATED, "the upstream broke off", local=False)
        self.given += 1
        return PIECE

    def arrived(self) -> None:
        return None

    async def push(self, take: Take) -> None:
        while take(await self.read()):
            pass

    async def close(self, *, reuse: bool) -> None:
        self.closed.append(reuse)


def with_plugin(folder: Path, use: Callable[[Chain], Awaitable[None]]) -> None:
    node = shutil.which("node")
    assert node is not None, "these tests need Node.js"

    async def main() -> None:
        helper = NodeHelper(node, router=None, environment={}, mask=str, timeout=60)
        options: dict[str, object] = {"file": str(folder / "cancelled")}
        file = PluginFile(
            place=str(FIXTURES / "passing.js"),
            shown="passing.js",
            javascript=True,
            name=None,
            options=options,
        )
        use_of = ProviderUse(transforms=(Transform(name="passing"),), by_model={}, speaks={}, models=("m",))
        host = PluginHost([file], {"up": use_of}, helper, Timeouts(), lambda name: False)
        try:
            await host.start()
            assert host.concern("up", "m")
            chain = host.enter(ASKING)
            assert await chain.sent(REQUEST) == REQUEST
            await use(chain)
            chain.leave()
        finally:
            await host.close()

    asyncio.run(main())


def test_nobody_runs_ahead_of_the_reader(tmp_path: Path) -> None:
    async def use(chain: Chain) -> None:
        source = Endless()
        answer = await chain.answered(source)
        assert await answer.read()
        still, before = 0, -1
        while still < 25:  # until nothing moves any more
            await asyncio.sleep(0.01)
            still, before = (still + 1, before) if source.given == before else (0, source.given)
        assert source.given * len(PIECE) < 2_000_000
        for _ in range(10):
            assert set(await answer.read()) == {ord("x")}
        await answer.close(reuse=True)
        assert source.closed == [False]

    with_plugin(tmp_path, use)


def test_a_wait_that_is_cancelled_loses_nothing(tmp_path: Path) -> None:
    async def use(chain: Chain) -> None:
        source = Endless(breaks_after=200)
        answer = await chain.answered(source)
        size = 0
        with pytest.raises(GatewayError, match="the upstream broke off"):
            while True:
                task = asyncio.ensure_future(answer.read())
                await asyncio.sleep(0)
                if not task.done():
                    task.cancel()
                try:
                    size += len(await task)
                except asyncio.CancelledError:
                    await asyncio.sleep(0.001)
        # What the plugin itself had in hand when the upstream broke is gone with it.
        assert 195 * len(PIECE) <= size <= 200 * len(PIECE)
        await answer.close(reuse=False)

    with_plugin(tmp_path, use)


def test_a_client_that_leaves_ends_the_plugins_stream(tmp_path: Path) -> None:
    async def use(chain: Chain) -> None:
        source = Endless()
        answer = await chain.answered(source)
        assert await answer.read()
        await answer.close(reuse=False)
        assert source.closed == [False]
        async with asyncio.timeout(60):
            while not (tmp_path / "cancelled").exists():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.01)

    with_plugin(tmp_path, use)

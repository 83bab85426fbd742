"""Breakers of a running gateway, with two hundred clients at once (reliability_ux.md T24)."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from app.chat import says, text
from app.whole import Whole, whole
from upstream.raw_server import Peer, RawServer, serving

CLIENTS = 200
ANSWER = says(text("fine"), stream=False)
assert isinstance(ANSWER, bytes)
FINE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
    len(ANSWER),
    ANSWER,
)
DOWN = b"HTTP/1.1 503 Down\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
BODY = msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
ASK = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
BRIEF = "breaker: {open: 0.001, cap: 0.001}\n"
"""Open for so short a time that whoever comes next is the probe."""


class Provider:
    """Refuses while ``down``; otherwise answers when it is ``let``."""

    def __init__(self) -> None:
        self.down = False
        self.let = asyncio.Event()
        self.let.set()
        self.asked = 0
        self.waiting = 0

    async def play(self, peer: Peer) -> None:
        self.asked += 1
        if self.down:
            await peer.send(DOWN)
            return
        self.waiting += 1
        await self.let.wait()
        self.waiting -= 1
        await peer.send(FINE)


def config(one: RawServer, *others: RawServer) -> str:
    lines = [f"{BRIEF}models: {{m: [{', '.join(f'p{n}/m' for n in range(1 + len(others)))}]}}\nproviders:"]
    for number, server in enumerate((one, *others)):
        url = f'"http://127.0.0.1:{server.port}/v1"'
        lines.append(f"  p{number}: {{kind: custom, key: x, speaks: {{openai_chat: {url}}}, models: [m]}}")
    return "\n".join(lines)


async def ask(gateway: Whole) -> tuple[int, str]:
    """The status, and who answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(ASK)
    answer = await reader.read(-1)
    writer.close()
    await writer.wait_closed()
    head = answer.partition(b"\r\n\r\n")[0].decode().lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in head[1:])
    return int(head[0].split()[1]), headers["x-trunkline-provider"]


async def until(met: object, probe: object) -> None:
    while probe() != met:  # type: ignore[operator]  # noqa: ASYNC110 - the other side has no event for it
        await asyncio.sleep(0.005)


@pytest.mark.server
def test_T24_one_of_two_hundred_tries_an_open_breaker_and_nobody_waits_for_it(tmp_path: Path) -> None:
    async def main() -> None:
        sick, well = Provider(), Provider()
        async with (
            asyncio.timeout(120),
            serving(sick.play) as one,
            serving(well.play) as two,
            whole(config(one, two), tmp_path) as gateway,
        ):
            sick.down = True
            while sick.asked < 5:
                assert await ask(gateway) == (200, "p1")
            sick.down = False
            sick.let.clear()
            before = sick.asked
            clients = [asyncio.ensure_future(ask(gateway)) for _ in range(CLIENTS)]
            await until(CLIENTS - 1, lambda: sum(client.done() for client in clients))
            assert (sick.asked, sick.waiting) == (before + 1, 1)
            sick.let.set()
            answered = [provider for _, provider in await asyncio.gather(*clients)]
            assert (answered.count("p0"), answered.count("p1")) == (1, CLIENTS - 1)
            again = await asyncio.gather(*(ask(gateway) for _ in range(20)))
            assert again == [(200, "p0")] * 20, "closed: everybody is served there"

    asyncio.run(main())


@pytest.mark.server
def test_T24_the_only_target_is_asked_whatever_its_breaker_says(tmp_path: Path) -> None:
    async def main() -> None:
        sick = Provider()
        async with (
            asyncio.timeout(120),
            serving(sick.play) as one,
            whole(config(one).replace(BRIEF, ""), tmp_path) as gateway,
        ):
            sick.down = True
            while sick.asked < 10:
                assert await ask(gateway) == (503, "p0")
            sick.down = False
            answers = await asyncio.gather(*(ask(gateway) for _ in range(CLIENTS)))
            assert answers == [(200, "p0")] * CLIENTS

    asyncio.run(main())

"""The feed: what begins and ends, as server-sent events, to one page. It never holds anything up: what a page does not
take in time is dropped, and the page is told how much."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Final

import msgspec

from trunkline.core.errors import GatewayError, Kind
from trunkline.dashboard.changes import MOST, Change, Missed, missed
from trunkline.dashboard.local import Local
from trunkline.dashboard.workers import PATIENCE, TICK, Workers

HEARTBEAT: Final = 15.0
"""Seconds of silence after which the page gets a sign of life."""
LIFE: Final = 1800.0
"""Seconds after which a page has to come again, and to show its cookie again."""
LOOK_ROUND: Final = 5.0
"""Seconds between two looks for workers that have come."""
MOST_FEEDS: Final = 32


class Feeds:
    """Every page that follows along in this process; their number is bounded."""

    def __init__(self, local: Local, workers: Workers) -> None:
        self._local = local
        self._workers = workers
        self._open = 0

    def begin(self) -> AsyncGenerator[bytes]:
        """One page's feed. Raises GatewayError when too many follow already."""
        if self._open >= MOST_FEEDS:
            raise GatewayError(
                Kind.OVERLOADED, f"{MOST_FEEDS} pages follow this gateway already: close one.", status=503
            )
        return self._run()

    async def _run(self) -> AsyncGenerator[bytes]:
        self._open += 1
        feed = Feed(self._workers)
        try:
            async with aclosing(feed.run(self._local)) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            self._open -= 1
            await feed.close()


class Feed:
    """One page's."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._waiting: deque[Change] = deque()
        self._dropped = 0
        self._following: dict[Path, asyncio.Task[None]] = {}

    async def run(self, local: Local) -> AsyncGenerator[bytes]:
        """Events as they come, gathered; ``b""`` when there are none, so that whoever sends can look up."""
        loop = asyncio.get_running_loop()
        end = loop.time() + LIFE
        beat = loop.time() + HEARTBEAT
        changes = local.follow()
        await self._follow_others(loop)
        look_round = loop.time() + LOOK_ROUND
        yield b"retry: 1000\n: here\n\n"
        while (now := loop.time()) < end:
            if now >= look_round:
                await self._follow_others(loop)
                look_round = now + LOOK_ROUND
            for change in changes.look(local.unix()):
                self._add(change)
            piece = self._taken()
            if piece:
                beat = now + HEARTBEAT
            elif now >= beat:
                piece = b": here\n\n"
                beat = now + HEARTBEAT
            yield piece
            await asyncio.sleep(TICK)

    def _add(self, change: Change) -> None:
        if change.event == "missed":
            self._dropped += msgspec.json.decode(change.data, type=Missed).rows
            return
        if len(self._waiting) >= MOST:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(change)

    def _taken(self) -> bytes:
        events = [missed(self._dropped)] if self._dropped else []
        events += self._waiting
        self._waiting.clear()
        self._dropped = 0
        return b"".join(
            b"event: %b\ndata: %b\n\n" % (event.event.encode(), bytes(event.data)) for event in events
        )

    async def _follow_others(self, loop: asyncio.AbstractEventLoop) -> None:
        """Follow the workers that are there now and were not before; until they tell, or take too long for it."""
        new: list[asyncio.Event] = []
        for place in self._workers.others():
            task = self._following.get(place)
            if task is None or task.done():
                new.append(asyncio.Event())
                self._following[place] = loop.create_task(self._follow(place, new[-1]))
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                for told in new:
                    await told.wait()

    async def _follow(self, place: Path, told: asyncio.Event) -> None:
        try:
            async for change in self._workers.follow(place):
                told.set()
                if change.event != "here":
                    self._add(change)
        except (OSError, msgspec.DecodeError):
            return  # it has ended; whether another one comes is looked for again
        finally:
            told.set()

    async def close(self) -> None:
        """The page has gone."""
        tasks = list(self._following.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

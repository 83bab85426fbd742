"""All workers of one gateway behind one page: the one that is asked asks the others.

Each listens on a socket in a folder that only the gateway's user can open; the supervisor makes it and takes it away.
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar, cast

import msgspec

from trunkline.dashboard.changes import HERE, Change
from trunkline.dashboard.local import Local, Question

PATIENCE: Final = 3.0
"""Seconds that another worker has for its answer."""
MOST_BYTES: Final = 16 * 1024 * 1024
TICK: Final = 0.1
"""Seconds between two looks at what is new."""
BACKLOG: Final = 64

T = TypeVar("T")
_QUESTION: Final = msgspec.json.Decoder(Question)
_ENCODER: Final = msgspec.json.Encoder()


class Workers:
    """``folder``: where the others are to be found; None: there are none, or they cannot be asked here."""

    def __init__(self, local: Local, folder: Path | None) -> None:
        self._local = local
        self._folder = folder
        self._own = f"{os.getpid()}.sock"
        self._server: asyncio.Server | None = None
        self._answering: set[asyncio.Task[object]] = set()
        self.silent = 0
        """Workers that did not answer the last question."""

    async def start(self) -> None:
        """Listen to the others. Raises OSError."""
        if self._folder is None:
            return
        place = self._folder / self._own
        with suppress(FileNotFoundError):
            place.unlink()
        self._server = await asyncio.start_unix_server(self._serve, str(place), backlog=BACKLOG)
        place.chmod(0o600)

    async def close(self) -> None:
        """Stop listening."""
        if self._server is None or self._folder is None:
            return
        self._server.close()
        with suppress(FileNotFoundError):
            (self._folder / self._own).unlink()
        tasks = list(self._answering)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def ask(self, question: Question, kind: type[T]) -> list[T]:
        """Every worker's answer, our own first. Those that are silent are counted and left out."""
        line = _ENCODER.encode(question) + b"\n"
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._ask(place, line)) for place in self.others()]
            own = cast("T", await self._local.answer(question))
        said = [task.result() for task in asked]
        self.silent = said.count(None)
        return [own, *(msgspec.json.decode(one, type=kind) for one in said if one is not None)]

    def others(self) -> list[Path]:
        """Where the other workers listen."""
        if self._folder is None:
            return []
        return sorted(place for place in self._folder.glob("*.sock") if place.name != self._own)

    async def _ask(self, place: Path, line: bytes) -> bytes | None:
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await asyncio.open_unix_connection(str(place), limit=MOST_BYTES)
                try:
                    writer.write(line)
                    await writer.drain()
                    return await reader.readline() or None
                finally:
                    writer.transport.abort()
        except ConnectionRefusedError:
            _forget(place)
            return None
        except (OSError, TimeoutError, ValueError):
            return None

    async def follow(self, place: Path) -> AsyncGenerator[Change]:
        """What is new in another worker, until it ends. Raises OSError, msgspec.DecodeError."""
        decode = msgspec.json.Decoder(Change).decode
        reader, writer = await asyncio.open_unix_connection(str(place), limit=MOST_BYTES)
        try:
            writer.write(_ENCODER.encode(Question(verb="follow")) + b"\n")
            while line := await reader.readline():
                yield decode(line)
        finally:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One question of another worker."""
        task = asyncio.current_task()
        assert task is not None, "a connection is served by a task"
        self._answering.add(task)
        try:
            question = _QUESTION.decode(await reader.readline())
            if question.verb == "follow":
                await self._tell(writer)
            else:
                writer.write(_ENCODER.encode(await self._local.answer(question)) + b"\n")
                await writer.drain()
        except (OSError, ValueError):
            return  # it has gone, or asked for nothing
        except asyncio.CancelledError:
            writer.transport.abort()  # we end
        finally:
            self._answering.discard(task)
            writer.close()

    async def _tell(self, writer: asyncio.StreamWriter) -> None:
        """What is new here, until the other one goes."""
        changes = self._local.follow()
        writer.write(_ENCODER.encode(HERE) + b"\n")
        while not writer.is_closing():
            new = changes.look(self._local.unix())
            if new:
                writer.write(b"".join(_ENCODER.encode(change) + b"\n" for change in new))
                await writer.drain()
            await asyncio.sleep(TICK)


def _forget(place: Path) -> None:
    """Nobody listens there any more: its process was killed."""
    with suppress(OSError):
        place.unlink()

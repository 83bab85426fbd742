"""One life of the JavaScript helper: its process, the socket to it, and what is under way there."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar, cast

import msgspec
from msgspec import Struct

from trunkline.upstream.plugins.frames import Framer, Sent, frame, read_fields, with_fields

log: Final = logging.getLogger(__name__)
T = TypeVar("T")

PROGRAM: Final = Path(__file__).parent / "helper" / "main.cjs"
ENDING: Final = 2.0
"""Seconds that the process gets to end once its socket is closed."""
LEVELS: Final = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO}


class HookFailed(Exception):
    """The user's code failed, or took too long; the message says how."""


class HelperGone(HookFailed):
    """The process ended under way."""

    def __init__(self) -> None:
        super().__init__("the Node process that runs it ended")


class HookLate(HookFailed):
    """The user's code took too long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"it did not return within {seconds:g} s (plugin.hook)")


class Taker(Protocol):
    """Whoever waits for frames of one number."""

    def take(self, kind: int, payload: memoryview) -> None:
        """One frame; the payload is only good within the call."""
        ...

    def gone(self) -> None:
        """No more frames come: the process ended."""
        ...


class Failure(Struct):
    """What a failed frame says."""

    message: str


class _Line(Struct):
    level: str
    text: str


class _Reply(Generic[T]):
    """The one answer to a call."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self.future: asyncio.Future[tuple[T, bytes]] = asyncio.get_running_loop().create_future()

    def take(self, kind: int, payload: memoryview) -> None:
        if self.future.done():
            return
        if kind == Sent.FAILED:
            self.future.set_exception(HookFailed(read_fields(payload, Failure)[0].message))
        else:
            self.future.set_result(read_fields(payload, self._kind))

    def gone(self) -> None:
        if not self.future.done():
            self.future.set_exception(HelperGone())


class _Pong:
    """The answer to a ping."""

    def __init__(self) -> None:
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self, kind: int, payload: memoryview) -> None:
        self.gone()

    def gone(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class Link(asyncio.Protocol):
    """Frames to and from one process. Made by :func:`start_link`; :meth:`end` it."""

    def __init__(
        self, process: asyncio.subprocess.Process, watched: int, mask: Callable[[str], str]
    ) -> None:
        self._process = process
        self._watched: int | None = watched
        self._mask = mask
        self._framer = Framer(self._took)
        self._takers: dict[int, Taker] = {}
        self._transport: asyncio.Transport | None = None
        self._numbers = 0
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.alive = True
        """False: a new one is needed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's: the socket is ours."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """asyncio's: bytes from the process."""
        try:
            self._framer.feed(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.error("the plugin helper is stopped, it spoke out of turn: %s", error)
            self.abandon()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's: the process ended, or we closed the socket."""
        self.alive = False
        if not self._lost.done():
            self._lost.set_result(None)
        takers, self._takers = self._takers, {}
        for taker in takers.values():
            taker.gone()

    def _took(self, kind: int, number: int, payload: memoryview) -> None:
        if kind == Sent.LOG:
            line, _ = read_fields(payload, _Line)
            log.log(LEVELS.get(line.level, logging.INFO), "plugin: %s", self._mask(line.text))
        elif (taker := self._takers.get(number)) is not None:
            taker.take(kind, payload)

    def number(self, taker: Taker | None = None) -> int:
        """A number for a call or an exchange, and who takes its frames. Raises HelperGone."""
        if not self.alive:
            raise HelperGone
        self._numbers += 1
        if taker is not None:
            self._takers[self._numbers] = taker
        return self._numbers

    def forget(self, number: int) -> None:
        """Nobody takes these frames any more."""
        self._takers.pop(number, None)

    def send(self, data: bytes) -> None:
        """Frames, as they are. What goes to a process that has ended is lost: its takers know."""
        if self.alive and self._transport is not None:
            self._transport.write(data)

    async def ask(
        self, kind: Sent, fields: object, data: bytes, answer: type[T], limit: float
    ) -> tuple[T, bytes]:
        """A call and its answer. Raises HookFailed, HelperGone, and HookLate after ``limit`` seconds."""
        reply = _Reply(answer)
        number = self.number(reply)
        self.send(with_fields(kind, number, fields, data))
        try:
            async with asyncio.timeout(limit):
                return await reply.future
        except TimeoutError:
            raise HookLate(limit) from None
        finally:
            self.forget(number)

    async def responds(self, limit: float) -> bool:
        """Whether the process still does anything."""
        pong = _Pong()
        try:
            number = self.number(pong)
        except HelperGone:
            return False
        self.send(frame(Sent.PING, number))
        try:
            async with asyncio.timeout(limit):
                await pong.future
        except TimeoutError:
            return False
        finally:
            self.forget(number)
        return self.alive

    def abandon(self) -> None:
        """Stop the process at once."""
        self.alive = False
        if self._transport is not None:
            self._transport.abort()
        with suppress(ProcessLookupError):
            self._process.kill()
        self._unwatch()

    def _unwatch(self) -> None:
        """Let go of the pipe by which the process sees that we are gone."""
        watched, self._watched = self._watched, None
        if watched is not None:
            os.close(watched)

    async def end(self) -> None:
        """Let the process end, and see to it."""
        self.alive = False
        if self._transport is not None:
            self._transport.close()
        self._unwatch()
        try:
            async with asyncio.timeout(ENDING):
                await self._process.wait()
        except TimeoutError:
            self.abandon()
            await self._process.wait()
        await self._lost


async def start_link(node: str, mask: Callable[[str], str]) -> Link:
    """A new process, the socket to it, and the pipe whose end tells it that we are gone. Raises OSError."""
    ours, theirs = socket.socketpair()
    seen, watched = os.pipe()  # no other process that we start has it
    try:
        process = await asyncio.create_subprocess_exec(
            node,
            str(PROGRAM),
            str(theirs.fileno()),
            str(seen),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=_stderr(),
            stderr=_stderr(),
            pass_fds=(theirs.fileno(), seen),
        )
    except BaseException:
        ours.close()
        os.close(watched)
        raise
    finally:
        theirs.close()
        os.close(seen)
    ours.setblocking(False)
    loop = asyncio.get_running_loop()
    _, link = await loop.create_unix_connection(lambda: Link(process, watched, mask), sock=ours)
    return link


def _stderr() -> int:
    """Where what Node itself prints goes: what plugins print comes by the socket."""
    try:
        os.fstat(2)
    except OSError:
        return asyncio.subprocess.DEVNULL
    return 2

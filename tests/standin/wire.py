"""HTTP/1.1 by hand, so that the server can misbehave on purpose.

A :class:`Reply` is a head and a list of steps; the loop in :func:`send` plays them. Nothing here knows
what is in the bytes.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

READ_SIZE = 65536
MAX_HEAD = 256 * 1024

End = Literal["complete", "tidy", "cut", "reset", "hang"]
"""How an answer ends: as it should; HTTP complete but the rest withheld; socket closed in the middle;
connection reset; open for ever."""


class Gone(Exception):
    """The client closed its side."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Seconds without a byte. The client going away ends it early."""

    seconds: float


Step = bytes | Pause


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. ``framing``: chunked (each step one chunk), length, or until close."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    steps: Sequence[Step] = ()
    framing: Literal["chunked", "length", "close"] = "length"
    end: End = "complete"
    before: float = 0.0
    """Seconds of silence before the head."""

    @property
    def body(self) -> bytes:
        return b"".join(step for step in self.steps if isinstance(step, bytes))


@dataclass(slots=True)
class Received:
    """One request as it came, and what became of it. ``aborted``: the client left before the end."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int
    at: float
    host: str = ""
    """Of the URL that was asked for, where it was asked without a socket."""
    status: int = 0
    refusal: str | None = None
    """The text of a refusal by the workspace's own rules; None when the script answered."""
    aborted: bool = False
    aborted_at: float | None = None
    finished: bool = False

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        """The last value of a header, whatever its case."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return found[-1] if found else None


@dataclass(slots=True)
class Inbox:
    """What a client sent on one connection, and whether it has gone."""

    reader: asyncio.StreamReader
    held: bytearray = field(default_factory=bytearray)

    async def fill(self) -> None:
        """Waits for more bytes. Raises Gone at the end of the client's side."""
        try:
            data = await self.reader.read(READ_SIZE)
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        self.held += data

    async def take(self, size: int) -> bytes:
        while len(self.held) < size:
            await self.fill()
        data = bytes(self.held[:size])
        del self.held[:size]
        return data

    async def line(self, ending: bytes = b"\r\n", limit: int = MAX_HEAD) -> bytes:
        while (at := self.held.find(ending)) < 0:
            if len(self.held) > limit:
                raise Gone
            await self.fill()
        data = await self.take(at + len(ending))
        return data[: -len(ending)]


async def receive(inbox: Inbox, writer: asyncio.StreamWriter, connection: int, now: float) -> Received:
    """The next request on a connection. Raises Gone when there is none."""
    head = (await inbox.line(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    fields = {name.lower(): value for name, value in headers}
    if fields.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in fields.get("transfer-encoding", "").lower():
        body = await _chunked(inbox)
    else:
        body = await inbox.take(int(fields.get("content-length", "0")))
    return Received(method, target, headers, body, connection, now)


async def _chunked(inbox: Inbox) -> bytes:
    pieces: list[bytes] = []
    while size := int((await inbox.line()).partition(b";")[0], 16):
        pieces.append(await inbox.take(size))
        await inbox.line()
    while await inbox.line():
        continue
    return b"".join(pieces)


async def send(
    reply: Reply, inbox: Inbox, writer: asyncio.StreamWriter, *, head_only: bool = False
) -> bool:
    """Plays a reply. True when the connection may serve another request; raises Gone."""
    if reply.before:
        await _pause(inbox, reply.before)
    writer.write(_head(reply))
    if not head_only:
        for step in reply.steps:
            if isinstance(step, Pause):
                await _drain(writer)
                await _pause(inbox, step.seconds)
            elif step:
                writer.write(b"%x\r\n%b\r\n" % (len(step), step) if reply.framing == "chunked" else step)
                await _drain(writer)
    return await _end(reply, inbox, writer)


async def _end(reply: Reply, inbox: Inbox, writer: asyncio.StreamWriter) -> bool:
    if reply.end == "hang":
        await _drain(writer)
        await _pause(inbox, 3600.0)
    if reply.end == "reset":
        await _drain(writer)
        await asyncio.sleep(0.02)  # what was sent before arrives; a reset would discard it
        _set_linger(writer)
        writer.transport.abort()
        return False
    if reply.end == "cut":
        await _drain(writer)
        return False
    if reply.framing == "chunked":
        writer.write(b"0\r\n\r\n")
    await _drain(writer)
    return reply.framing != "close"


def _head(reply: Reply) -> bytes:
    try:
        reason = HTTPStatus(reply.status).phrase
    except ValueError:
        reason = "Status"
    lines = [f"HTTP/1.1 {reply.status} {reason}", *(f"{name}: {value}" for name, value in reply.headers)]
    if reply.framing == "chunked":
        lines.append("transfer-encoding: chunked")
    elif reply.framing == "close":
        lines.append("connection: close")
    else:
        lines.append(f"content-length: {len(reply.body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _drain(writer: asyncio.StreamWriter) -> None:
    try:
        await writer.drain()
    except OSError as error:
        raise Gone from error


async def _pause(inbox: Inbox, seconds: float) -> None:
    """Silence, unless the client leaves: then Gone. Early bytes of a next request are kept."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                await inbox.fill()


def _set_linger(writer: asyncio.StreamWriter) -> None:
    """Makes the coming close a reset instead of an orderly end."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the bytes of an answer travel. The defaults: one event a chunk, at once, to the end."""

    chunk: int | Sequence[int] | None = None
    """Bytes per chunk, ignoring event boundaries: one size, or a cycle of sizes."""
    pause: float = 0.0
    """Seconds between chunks."""
    before: float = 0.0
    """Seconds before the head."""
    silence: tuple[int, float] | None = None
    """(events, seconds): a gap after so many events."""
    crlf: bool = False
    comments: bool = False
    """A keep-alive comment before each event."""
    end: End = "complete"
    after: int | None = None
    """Events that are sent before ``end`` happens; None: all."""
    done: bool = True
    """False: chat streams lack ``[DONE]``."""
    bare: bool = False
    """Chat chunks lack id, object, created and the choice's index."""
    error: tuple[int, bytes] | None = None
    """(events, data): after so many events one event with this data, then the end."""
    framing: Literal["chunked", "close"] = "chunked"


AT_ONCE = Delivery()


def deliver(events: Sequence[bytes], delivery: Delivery, headers: tuple[tuple[str, str], ...]) -> Reply:
    """A streamed reply of whole events (each with its blank line), shaped as asked."""
    chosen = list(events)
    if delivery.error is not None:
        count, data = delivery.error
        chosen = [*chosen[:count], b"data: " + data + b"\n\n"]
    if delivery.after is not None:
        chosen = chosen[: delivery.after]
    if delivery.comments:
        chosen = [b": keep-alive\n\n" + event for event in chosen]
    if delivery.crlf:
        chosen = [event.replace(b"\n", b"\r\n") for event in chosen]
    steps: list[Step] = []
    for index, piece in enumerate(_sliced(chosen, delivery.chunk)):
        if delivery.silence is not None and index == delivery.silence[0]:
            steps.append(Pause(delivery.silence[1]))
        elif delivery.pause and index:
            steps.append(Pause(delivery.pause))
        steps.append(piece)
    return Reply(
        headers=headers, steps=steps, framing=delivery.framing, end=delivery.end, before=delivery.before
    )


def _sliced(events: Sequence[bytes], chunk: int | Sequence[int] | None) -> Iterator[bytes]:
    if chunk is None:
        yield from events
        return
    sizes = [chunk] if isinstance(chunk, int) else list(chunk)
    data = b"".join(events)
    at = 0
    while at < len(data):
        for size in sizes:
            if data[at : at + size]:
                yield data[at : at + size]
            at += size

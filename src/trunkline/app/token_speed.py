"""How fast answers come, for status lines: what claude-code-router's ``token-speed`` measures (ccr.md 1.1, 1.4, 6.5)."""

import asyncio
import logging
import os
import secrets
import stat
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from trunkline.accounting.estimate import output_tokens
from trunkline.config.speed_files import speed_file, speed_folder
from trunkline.core.errors import GatewayError
from trunkline.core.http import Headers, Take
from trunkline.core.sse import SSEFramer
from trunkline.relay.inbound import Inbound
from trunkline.relay.ports import AtOnce, ExchangeRecord, Sink
from trunkline.routing.session import session_of

log: Final = logging.getLogger(__name__)

Serve = Callable[[Inbound, Sink], Awaitable[None]]

EVERY: Final = 1.0
"""Seconds between two reports of a stream, and what a report is about."""
MAX_PIECES: Final = 4096
"""Pieces of a stream that one report looks back on."""
KEPT: Final = 24 * 3600.0
"""Seconds after which a session's file is removed."""


class _Delta(Struct):
    text: str = ""
    partial_json: str = ""
    thinking: str = ""


class _Event(Struct):
    type: str = ""
    delta: _Delta = msgspec.field(default_factory=_Delta)


_EVENT: Final = msgspec.json.Decoder(_Event)


class Report(Struct, frozen=True, kw_only=True):
    """What a file says, in CCR's words. ``timestamp``: milliseconds since 1970."""

    requestId: str
    sessionId: str
    stream: bool
    tokenCount: int
    tokensPerSecond: int
    timeToFirstToken: str
    duration: str
    timestamp: int


class Watched:
    """Implements :class:`trunkline.relay.ports.Sink`: counts what passes."""

    def __init__(self, inbound: Inbound, session: str, sink: Sink, now: Callable[[], float]) -> None:
        self.request_id = inbound.request_id
        self._session = session
        self._sink = sink
        self._now = now
        self._began = now()
        self._first: float | None = None
        self._last = self._began
        self._framer: SSEFramer | None = None
        self._pieces: deque[tuple[float, int]] = deque(maxlen=MAX_PIECES)
        self._tokens = 0
        self.billed: int | None = None
        """The tokens of the whole answer, as its provider counts them."""

    @property
    def direct(self) -> Take | None:
        """The client's own way, with a look at what goes there."""
        take = self._sink.direct
        if take is None:
            return None

        def counted(data: bytes) -> bool:
            self._look(data)
            return take(data)

        return counted

    @property
    def at_once(self) -> AtOnce | None:
        """Nothing is to be seen of an answer that comes at once."""
        return self._sink.at_once

    async def start(self, status: int, headers: Headers) -> None:
        """See the port."""
        if any(name == "content-type" and "event-stream" in value for name, value in headers):
            self._framer = SSEFramer()
        await self._sink.start(status, headers)

    async def send(self, data: bytes) -> None:
        """See the port."""
        self._look(data)
        await self._sink.send(data)

    def _look(self, data: bytes) -> None:
        if self._framer is None:
            return
        try:
            frames = self._framer.feed(data)
        except GatewayError:  # an event too large to be looked at
            self._framer = None
            return
        for frame in frames:
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                self._count(_EVENT.decode(frame.data))

    def _count(self, event: _Event) -> None:
        if event.type not in ("content_block_start", "content_block_delta"):
            return
        now = self._now()
        self._first = now if self._first is None else self._first
        letters = len(event.delta.text) + len(event.delta.partial_json) + len(event.delta.thinking)
        if letters:
            tokens = output_tokens(1, letters)
            self._tokens += tokens
            self._last = now
            self._pieces.append((now, tokens))

    def current(self) -> Report:
        """The speed of the last second."""
        since = self._now() - EVERY
        return self._report(self._tokens, sum(tokens for at, tokens in self._pieces if at > since))

    def final(self) -> Report | None:
        """The speed of the whole answer; None where nothing was answered."""
        tokens = self._tokens if self.billed is None else self.billed
        if not tokens:
            return None
        if self._first is None:
            self._first = self._last = self._now()  # all of it came at once
        seconds = self._last - self._began
        return self._report(tokens, round(tokens / seconds) if seconds > 0 else 0)

    def _report(self, tokens: int, speed: int) -> Report:
        waited = "N/A" if self._first is None else f"{round((self._first - self._began) * 1000)}ms"
        return Report(
            requestId=self.request_id,
            sessionId=self._session,
            stream=self._framer is not None,
            tokenCount=tokens,
            tokensPerSecond=speed,
            timeToFirstToken=waited,
            duration=f"{self._last - self._began:.2f}s",
            timestamp=int(time.time() * 1000),
        )


class TokenSpeed:
    """Watches the answers of sessions, and writes a file for each while :meth:`run` runs. ``now``: monotonic seconds."""

    def __init__(self, environ: Mapping[str, str], now: Callable[[], float]) -> None:
        self._folder = Path(speed_folder(environ))
        self._now = now
        self._running: dict[str, Watched] = {}
        self._ended: dict[str, Report] = {}
        self._wake = asyncio.Event()
        self._writing = threading.Lock()
        self._failed = False

    def watch(self, inbound: Inbound, sink: Sink) -> Watched | None:
        """What to answer on in place of ``sink``; None for what no status line is about."""
        if inbound.codec.name != "anthropic_messages" or inbound.operation != "generate":
            return None
        session = session_of(inbound.headers, inbound.body)
        if session is None:
            return None
        watched = self._running[inbound.request_id] = Watched(inbound, session, sink, self._now)
        self._wake.set()
        return watched

    def around(self, serve: Serve) -> Serve:
        """``serve``, watched."""

        async def watching(inbound: Inbound, sink: Sink) -> None:
            watched = self.watch(inbound, sink)
            if watched is None:
                await serve(inbound, sink)
                return
            try:
                await serve(inbound, watched)
            finally:
                self.leave(watched)

        return watching

    def record(self, record: ExchangeRecord) -> None:
        """What the provider has counted."""
        watched = self._running.get(record.request_id)
        if watched is not None and record.usage is not None and not record.usage.estimated:
            watched.billed = record.usage.output

    def leave(self, watched: Watched) -> None:
        """The answer is over."""
        self._running.pop(watched.request_id, None)
        if (report := watched.final()) is not None:
            self._ended[report.sessionId] = report
            self._wake.set()

    async def run(self) -> None:
        """Write what there is to say, until cancelled; then what is left."""
        try:
            await asyncio.to_thread(self._clean)
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(EVERY if self._running else None):
                        await self._wake.wait()
                self._wake.clear()
                await asyncio.to_thread(self._write, self._due())
        finally:
            self._write(self._due())

    def _due(self) -> list[Report]:
        ended, self._ended = self._ended, {}
        reports = [watched.current() for watched in self._running.values()]
        return [*reports, *ended.values()]

    def _write(self, reports: list[Report]) -> None:
        with self._writing:  # the last of a cancelled run may still be at it
            self._write_all(reports)

    def _write_all(self, reports: list[Report]) -> None:
        for report in reports if not self._failed else ():
            try:
                self._check_folder()
                place = self._folder / speed_file(report.sessionId)
                beside = place.with_suffix(f".{secrets.token_hex(8)}")
                descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(msgspec.json.encode(report))
                beside.replace(place)
            except OSError as error:
                self._failed = True  # said once: it would be so for every answer
                log.warning("the speed of answers is not written: %s: %s", self._folder, error.strerror)
                return

    def _check_folder(self) -> None:
        """Everybody may write where it is: somebody else's folder is not used. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self._folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "geteuid") and found.st_uid != os.geteuid()):
            raise PermissionError(0, "it is another user's")

    def _clean(self) -> None:
        """Take away what sessions of other days have left."""
        with suppress(OSError):
            self._check_folder()
            for place in self._folder.glob(speed_file("*")):
                if time.time() - place.lstat().st_mtime > KEPT:
                    place.unlink()

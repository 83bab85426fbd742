"""Running the application: sockets, workers, signals."""

import asyncio
import errno
import logging
import math
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Generator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import FrameType
from typing import Final, Protocol, cast

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from trunkline.config.schema import Server, Timeouts
from trunkline.server.client_keys import check_exposure
from trunkline.server.deadlines import LINGER, Deadlines
from trunkline.server.edge_protocol import EdgeProtocol
from trunkline.server.errors import AddressTaken, StartRefused
from trunkline.server.hosts import bare
from trunkline.server.leaving import HANDED_OVER
from trunkline.server.signals import EXIT_SIGNALS, HANG_UP, hang_ups_held, terminal_ended
from trunkline.server.succession import Succession

log: Final = logging.getLogger(__name__)

BACKLOG: Final = 2048
WORKER_START: Final = 30.0
"""Seconds a worker process gets to begin serving."""
NO_START: Final = "The gateway could not start; the reason is in its log."
PACE: Final = 2.0
"""Seconds between two starts in place of one worker."""


Started = Callable[[str, int], None]
"""Called with host and port once requests are answered."""


class MakesWorkers(Protocol):
    """Makes the application in each worker process, where it is taken by pickle."""

    def __call__(self) -> Succession: ...

    def follow(self) -> None:
        """Called in the supervisor when the workers were told to read the configuration anew."""


def run_server(
    app: Succession | MakesWorkers,
    server: Server,
    timeouts: Timeouts,
    *,
    workers: int = 1,
    on_started: Started | None = None,
    listeners: list[socket.socket] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain and return.

    ``app`` is the application, or with several workers what makes it in each. ``listeners`` are
    sockets that listen already, as :func:`bind` makes them; they are closed at the end. Raises Exposed,
    AddressTaken or ConfigurationError before anything is served.
    """
    check_exposure(server)
    with ExitStack() as stack:
        listeners = listeners or bind(server.host, server.port)
        for listener in listeners:
            stack.enter_context(listener)
        host, port = listeners[0].getsockname()[:2]
        started = partial(on_started, host, port) if on_started is not None else None
        stack.enter_context(_signals_end_here())
        if isinstance(app, Succession):
            _serve(uvicorn_config(app, timeouts, started=started), listeners)
        else:
            supervisor = _Supervisor(
                app, uvicorn_config(app, timeouts, workers=workers), listeners, started
            )
            supervisor.run()
            if supervisor.refused:
                raise StartRefused(NO_START)


class Departing(Protocol):
    """A connection, as the server that ends knows it."""

    transport: asyncio.Transport


class LastWords(uvicorn.Server):
    """uvicorn's server, which does not end its loop under connections that still have something to say."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain; then what the cancelled answers said goes out, and whoever stays longer is cut off."""
        await super().shutdown(sockets)
        connections = cast("set[Departing]", self.server_state.connections)
        deadline = time.monotonic() + LINGER
        while connections and not self.force_exit and time.monotonic() < deadline:  # noqa: ASYNC110 - as uvicorn waits
            await asyncio.sleep(0.02)
        for connection in list(connections):
            connection.transport.abort()
        await asyncio.sleep(0)


def uvicorn_config(
    app: Succession | MakesWorkers,
    timeouts: Timeouts,
    *,
    workers: int = 1,
    started: Callable[[], None] | None = None,
) -> uvicorn.Config:
    """uvicorn with everything off that we do ourselves or do not want."""

    protocol = partial(EdgeProtocol, deadlines=Deadlines.of(timeouts))
    return uvicorn.Config(
        cast("str", app),
        factory=not isinstance(app, Succession),
        http=cast("type[EdgeProtocol]", protocol),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        backlog=BACKLOG,
        workers=workers,
        timeout_graceful_shutdown=math.ceil(timeouts.drain),
        callback_notify=None if started is None else _once(started),
        timeout_notify=2**30,
    )


def bind(host: str, port: int) -> list[socket.socket]:
    """Listening sockets on every address of ``host``, all on one port. Raises AddressTaken."""
    listeners: list[socket.socket] = []
    try:
        for family, address in _addresses(host, port):
            if listeners:
                address = (address[0], listeners[0].getsockname()[1], *address[2:])
            dual = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
            listeners.append(
                socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=dual)
            )
    except OSError as cause:
        for listener in listeners:
            listener.close()
        raise AddressTaken(_why_not(host, port, cause)) from cause
    return listeners


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    found = socket.getaddrinfo(bare(host) or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    unique = {(family, cast("tuple[str, int]", address)): None for family, _, _, _, address in found}
    return sorted(unique, key=lambda pair: pair[0] == socket.AF_INET6)


def _why_not(host: str, port: int, cause: OSError) -> str:
    if cause.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is taken. If it is another Trunkline, stop it (trunkline stop); otherwise "
            "choose a port with --port or server.port."
        )
    if cause.errno == errno.EACCES:
        return f"Port {port} on {host} needs privileges; choose one above 1023 with --port or server.port."
    return f"Cannot listen on {host} port {port}: {cause.strerror or cause}. Check server.host."


def _serve(config: uvicorn.Config, listeners: list[socket.socket]) -> None:
    try:
        LastWords(config).run(sockets=listeners)
    except SystemExit as cause:
        if isinstance(config.app, Succession) and config.app.refusal is not None:
            raise config.app.refusal from None
        raise StartRefused(NO_START) from cause


@contextmanager
def _signals_end_here() -> Generator[None]:
    """uvicorn raises a signal once more after it has drained; a drained gateway has ended well."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ignore(_number: int, _frame: FrameType | None) -> None:
        return

    before = {number: signal.signal(number, ignore) for number in EXIT_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _once(call: Callable[[], None]) -> Callable[[], Coroutine[object, object, None]]:
    """For a hook that uvicorn calls again and again."""
    left = [call]

    async def notify() -> None:
        if left:
            left.pop()()

    return notify


class _Supervisor(Multiprocess):
    """uvicorn's supervisor: restarts workers that die, has all reload on SIGHUP, and tells when all serve."""

    def __init__(
        self,
        maker: MakesWorkers,
        config: uvicorn.Config,
        listeners: list[socket.socket],
        started: Callable[[], None] | None,
    ) -> None:
        super().__init__(config, listeners)
        self._maker = maker
        self._started = started
        self.refused = False
        """A worker could not start when the gateway did."""
        self._behind = False
        self._since: dict[int, float] = {}
        """Place of a worker that was replaced -> when the new one began."""
        signal.signal(HANDED_OVER, self._leave)
        if HANG_UP:
            self._terminal_ended = terminal_ended()
            signal.signal(HANG_UP, self._hang_up)

    def init_processes(self) -> None:
        with hang_ups_held():
            super().init_processes()
        for process in self.processes:
            process.wait_until_ready(WORKER_START, self.should_exit)
        self.refused = any(process.exitcode == STARTUP_FAILURE for process in self.processes)
        if self.refused:
            self.should_exit.set()
        elif self._started is not None:
            self._started()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that died or hang. One that cannot even start is tried again and again: the others serve."""
        if self._behind:
            self._behind = False
            self._maker.follow()
        for place, process in enumerate(self.processes):
            age = time.monotonic() - self._since.get(place, -math.inf)
            if not self.should_exit.is_set() and age >= PACE and not self._lives(process, age):
                process.kill()
                process.join()
                log.error("worker %s has ended: another one takes its place", process.pid)
                self._begin(place)

    def _lives(self, process: Process, age: float) -> bool:
        if age < WORKER_START:  # it need not answer yet
            return process.process.is_alive()
        return process.is_alive(timeout=self.config.timeout_worker_healthcheck)

    def _begin(self, place: int) -> None:
        process = Process(self.config, self.sockets)
        with hang_ups_held():
            process.start()
        self.processes[place] = process
        self._since[place] = time.monotonic()

    def _leave(self, _number: int, _frame: FrameType | None) -> None:
        """A successor listens: every worker is to know before it is told to end."""
        self._tell(HANDED_OVER)
        self.should_exit.set()

    def _hang_up(self, number: int, _frame: FrameType | None) -> None:
        """Every worker reads the configuration anew; one that is only starting, once it has."""
        if self._terminal_ended():
            self.should_exit.set()
        else:
            self._behind = True
            self._tell(number)

    def _tell(self, number: int) -> None:
        for process in self.processes:
            if process.pid is not None and process.exitcode is None:
                os.kill(process.pid, number)

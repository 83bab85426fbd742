"""Starting the gateway in the background and waiting until it serves."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from trunkline.app.log_files import log_files
from trunkline.cli.exits import FAILED, USAGE, Failure
from trunkline.cli.service.orders import Orders, Report
from trunkline.cli.service.places import Places
from trunkline.config.schema import Server

PATIENCE: Final = 3.0
"""Seconds that a service has to begin serving; ``TRUNKLINE_START_TIMEOUT`` gives slow machines more."""
LOCK_PATIENCE: Final = 15.0
"""Seconds to wait for another command that starts or stops the service."""
LAST_LINES: Final = 20
"""Lines of the log that a failed start shows."""


class Wish(Struct, frozen=True, kw_only=True):
    """What is to be served. ``config`` is the file that was named, if one was."""

    server: Server
    config: str | None
    workers: int = 1


def start(places: Places, wish: Wish) -> Report:
    """Start a service and wait until it answers; what it said. Call with :func:`exclusive` held.

    Raises Exposed, AddressTaken, or Failure with the last lines of its log.
    """
    from trunkline.server.client_keys import check_exposure  # the server is loaded only when one is started
    from trunkline.server.run import bind

    check_exposure(wish.server)
    listeners = bind(wish.server.host, wish.server.port)
    try:
        return spawn(places, wish, [listener.fileno() for listener in listeners])
    finally:
        for listener in listeners:
            listener.close()


def spawn(places: Places, wish: Wish, listeners: Sequence[int]) -> Report:
    """Start a service on sockets that listen already and wait until it answers; what it said."""
    patience(os.environ)
    before = set(log_files(places.logs))
    hears, tells = os.pipe()
    try:
        orders = Orders(
            home=str(places.home),
            config=wish.config,
            host=wish.server.host,
            port=wish.server.port,
            workers=wish.workers,
            listeners=tuple(listeners),
            report=tells,
        )
        _run(places, orders, (*listeners, tells))
        os.close(tells)
        tells = -1
        report = _wait(hears)
    finally:
        os.close(hears)
        if tells >= 0:
            os.close(tells)
    if report is None or report.errors:
        raise _why_not(places, before, report)
    return report


def _run(places: Places, orders: Orders, handed: tuple[int, ...]) -> None:
    """Run the service's process, which leaves us at once. Arguments are seen by others: they hold no secret."""
    command = [sys.executable, "-P", "-m", "trunkline.cli.service.daemon"]
    subprocess.run(  # noqa: S603 - our own interpreter and module
        [*command, msgspec.json.encode(orders).decode()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=places.home,
        pass_fds=handed,
        start_new_session=True,
        check=True,
    )


def _wait(hears: int) -> Report | None:
    """What the service says first; None when it says nothing in time or ends without a word."""
    until = time.monotonic() + patience(os.environ)
    said = b""
    while (left := until - time.monotonic()) > 0:
        if not select.select([hears], [], [], left)[0]:
            break
        data = os.read(hears, 65_536)
        if not data:
            break
        said += data
    return msgspec.json.decode(said, type=Report) if said else None


def patience(environ: Mapping[str, str]) -> float:
    """Seconds that a start may take. Raises Failure when the user's number is none."""
    named = environ.get("TRUNKLINE_START_TIMEOUT")
    try:
        return PATIENCE if named is None else float(named)
    except ValueError:
        raise Failure(f'TRUNKLINE_START_TIMEOUT is "{named}": give a number of seconds.', USAGE) from None


def _why_not(places: Places, before: set[Path], report: Report | None) -> Failure:
    """The service's own words; without any, the end of its log."""
    if report is not None:
        return Failure("\n".join(report.errors), report.code)
    new = [file for file in log_files(places.logs) if file not in before]
    text = new[-1].read_text(errors="replace") if new else ""
    lines = text.splitlines()[-LAST_LINES:]
    what = (
        f"The gateway did not answer in time. The end of its log, {new[-1]}:"
        if new
        else (f"The gateway did not start, and there is no log of it in {places.logs}.")
    )
    return Failure("\n".join((what, *(f"  {line}" for line in lines))), FAILED)


@contextmanager
def exclusive(places: Places) -> Generator[None]:
    """Make the folder and be the only one who starts or stops a service there. Raises Failure, OSError."""
    if os.name == "nt":
        raise Failure(
            "There is no background gateway on Windows: run trunkline serve in a terminal of its own."
        )
    import fcntl  # not on Windows

    try:
        places.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(places.lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Failure(
            f"Cannot write in {places.home}: {error.strerror}. Set TRUNKLINE_HOME to a folder that can be written."
        ) from None
    try:
        until = time.monotonic() + LOCK_PATIENCE
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > until:
                raise Failure("Another trunkline command is starting or stopping the gateway. Try again.")
            time.sleep(0.02)
        yield
    finally:
        os.close(lock)

"""Serving one configuration until told to stop, in this process or in several."""

import os
import socket
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from tempfile import TemporaryDirectory
from typing import Final

from trunkline.app.board import FOLDER_VARIABLE, SEVERAL_VARIABLE
from trunkline.app.memory import settle
from trunkline.app.open_files import raise_limit
from trunkline.app.reloading import Source, make_application
from trunkline.app.worker import WorkerStart
from trunkline.config.schema import Configuration
from trunkline.providers.provider import Provider
from trunkline.server.run import Started, run_server
from trunkline.server.succession import Succession

MOST_PATH: Final = 80
"""Bytes of a folder's path: the address of a socket in it has 104 at the most, on every system."""


def serve(
    configuration: Configuration,
    providers: Mapping[str, Provider],
    *,
    source: Source,
    path: str | None,
    workers: int,
    on_started: Started,
    listeners: list[socket.socket] | None = None,
    working: bool = True,
) -> None:
    """Serve, drain when told to stop, and return.

    ``source`` is what ``configuration`` was read from, for reloads; ``path`` the file, where it was named, and
    ``working`` whether the working directory counts: worker processes read it themselves.
    ``listeners`` are sockets to serve on in place of new ones. Raises Exposed or AddressTaken.
    """
    raise_limit()
    for name in (FOLDER_VARIABLE, SEVERAL_VARIABLE):
        os.environ.pop(name, None)  # of another gateway, whose worker started us
    app: Succession | WorkerStart = (
        make_application(configuration, providers, source)
        if workers == 1
        else WorkerStart(configuration, path, working=working)
    )
    with _told_workers(workers) if workers > 1 else nullcontext():
        settle()
        run_server(
            app,
            configuration.server,
            configuration.timeouts,
            workers=workers,
            on_started=on_started,
            listeners=listeners,
        )


@contextmanager
def _told_workers(workers: int) -> Generator[None]:
    """This process's own environment tells workers where they find each other."""
    os.environ[SEVERAL_VARIABLE] = str(workers)
    with ExitStack() as stack:
        with suppress(OSError):  # without it each worker shows itself alone, and says so
            folder = stack.enter_context(
                TemporaryDirectory(prefix="trunkline-", ignore_cleanup_errors=True)
            )
            if os.name != "nt" and len(folder) <= MOST_PATH:
                os.environ[FOLDER_VARIABLE] = folder
        yield

"""Serving one configuration until told to stop, in this process or in several."""

import os
import socket
from collections.abc import Mapping

from trunkline.app.memory import settle
from trunkline.app.reloading import Source, make_application
from trunkline.app.worker import CONFIG_VARIABLE, HOST_VARIABLE, PORT_VARIABLE, WORKER
from trunkline.config.schema import Configuration
from trunkline.providers.provider import Provider
from trunkline.server.run import Started, run_server


def serve(
    configuration: Configuration,
    providers: Mapping[str, Provider],
    *,
    source: Source,
    path: str | None,
    workers: int,
    on_started: Started,
    listeners: list[socket.socket] | None = None,
) -> None:
    """Serve, drain when told to stop, and return.

    ``source`` is what ``configuration`` was read from, for reloads; ``path`` the file, where it was named: worker
    processes read it themselves.
    ``listeners`` are sockets to serve on in place of new ones. Raises Exposed or AddressTaken.
    """
    app = make_application(configuration, providers, source) if workers == 1 else WORKER
    if workers > 1:
        _tell_workers(path, configuration)
    settle()
    run_server(
        app,
        configuration.server,
        configuration.timeouts,
        workers=workers,
        on_started=on_started,
        listeners=listeners,
    )


def _tell_workers(path: str | None, configuration: Configuration) -> None:
    """Workers read the same configuration again: this process's own environment tells them where."""
    if path is not None:
        os.environ[CONFIG_VARIABLE] = path
    os.environ[HOST_VARIABLE] = configuration.server.host
    os.environ[PORT_VARIABLE] = str(configuration.server.port)

"""The background process itself: this module is run with its :class:`Orders` as the one argument."""

import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
from msgspec import structs

from trunkline import __version__
from trunkline.app.logs import configure_logging, log_to_files
from trunkline.app.providers import find_credentials, make_providers, missing_credentials
from trunkline.app.reloading import file_source
from trunkline.app.service import SERVICE_VARIABLE
from trunkline.app.serving import serve
from trunkline.cli.outcome import explained, say
from trunkline.cli.service.hand_over import offer
from trunkline.cli.service.orders import Orders, Report
from trunkline.cli.service.places import Places
from trunkline.cli.service.record import Service, born, forget_service, write_service
from trunkline.config.load import load
from trunkline.config.schema import Server

log: Final = logging.getLogger(__name__)


def main(argument: str) -> None:
    """Leave the terminal and whoever started us, then serve until told to stop."""
    orders = msgspec.json.decode(argument, type=Orders)
    if os.fork():
        os._exit(0)  # whoever started us may soon be an agent, which is not to get a child from us
    for descriptor in (orders.report, *orders.listeners):
        if descriptor is not None:
            os.set_inheritable(descriptor, False)  # whatever we start would keep them open
    teller = Teller(orders.report)
    try:
        run(orders, teller)
    except Exception as error:  # noqa: BLE001 - the reason goes to whoever waits for us and to the log
        errors, code = explained(error)
        say(errors)
        teller.tell(Report(pid=os.getpid(), errors=errors, code=code))
        sys.exit(code)


class Teller:
    """The pipe to whoever gave the orders; the first word on it is the last."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def tell(self, report: Report) -> bool:
        """False when somebody was to hear it and is gone."""
        if self._descriptor is None:
            return True
        with open(self._descriptor, "wb", buffering=0) as pipe:
            self._descriptor = None
            try:
                pipe.write(msgspec.json.encode(report))
            except OSError:
                return False
        return True


def run(orders: Orders, teller: Teller) -> None:
    """Serve until told to stop. Raises ConfigurationError, StartRefused, OSError."""
    places = Places(Path(orders.home))
    try:
        _serve(orders, places, teller)
    finally:
        forget_service(places, os.getpid())


def _serve(orders: Orders, places: Places, teller: Teller) -> None:
    log_to_files(places.logs)
    configure_logging()
    if orders.report is not None:
        os.environ[SERVICE_VARIABLE] = str(os.getpid())
    said = load(orders.config, os.environ, working=False)
    server = structs.replace(said.server, host=orders.host, port=orders.port)
    configuration = structs.replace(said, server=server)
    providers = make_providers(configuration)
    lacking = missing_credentials(providers, find_credentials(configuration, os.environ))
    warnings = (*configuration.warnings, *lacking)
    for warning in warnings:
        log.warning("%s", warning)
    listeners = [socket.socket(fileno=number) for number in orders.listeners]
    offer(places, listeners)

    def started(_host: str, port: int) -> None:
        write_service(places, _service(orders, port, said.server, configuration.source))
        if not teller.tell(Report(pid=os.getpid(), warnings=warnings)):
            log.error("whoever started this gateway has given up waiting: it ends")
            os.kill(os.getpid(), signal.SIGTERM)

    serve(
        configuration,
        providers,
        source=file_source(said, orders.config, working=False),
        path=orders.config,
        workers=orders.workers,
        listeners=listeners,
        on_started=started,
        working=False,
    )


def _service(orders: Orders, port: int, configured: Server, source: str) -> Service:
    return Service(
        pid=os.getpid(),
        born=born(os.getpid()) or "",
        since=time.time(),
        host=orders.host,
        port=port,
        configured_host=configured.host,
        configured_port=configured.port,
        supervised=orders.report is None,
        config=orders.config,
        source=source,
        workers=orders.workers,
        version=__version__,
    )


if __name__ == "__main__":
    main(sys.argv[1])

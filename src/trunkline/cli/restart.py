"""``trunkline restart``: the background gateway anew, without a refused connection."""

import os
import signal
from contextlib import suppress

import click
from msgspec import structs

from trunkline.cli.exits import Failure
from trunkline.cli.listing import config_option, json_option, print_json
from trunkline.cli.service.background import Wish, exclusive, spawn, start
from trunkline.cli.service.ending import end
from trunkline.cli.service.find import ensure, find
from trunkline.cli.service.hand_over import take
from trunkline.cli.service.places import Places
from trunkline.cli.service.probe import url
from trunkline.cli.service.record import Service, running_service
from trunkline.config.load import load
from trunkline.server.client_keys import check_exposure
from trunkline.server.leaving import HANDED_OVER


@click.command("restart")
@config_option
@click.option("--workers", type=click.IntRange(1, 64), help="Processes; as many as before when not given.")
@click.option("--service-pid", "pid", type=int, hidden=True, help="Only the service with this process id.")
@json_option
def command(path: str | None, workers: int | None, pid: int | None, as_json: bool) -> None:
    """Start the gateway in the background anew: with its configuration as it is now, or another one.

    The new process takes over the listening socket before the old one ends, which answers what it has begun: no
    request is refused. When the new one cannot start, the old one goes on. Started if it does not run.

    \b
    Exit code: 0 it runs, 1 it did not start, 3 configuration.
    """
    found = running_service(os.environ, pid)
    if found is None:
        if pid is not None:
            raise Failure(f"There is no service with the process id {pid} any more.")
        now, started = ensure(find(path), workers or 1)
        if not started:
            where = url(*now.address)
            raise Failure(
                f"The gateway at {where} was not started by trunkline start: restart it where it runs."
            )
        handed_over = False
    else:
        handed_over = _renew(*found, path, workers)
        now = find(path)
    where = url(*now.address)
    pid = None if now.service is None else now.service.pid
    if as_json:
        print_json("restart", {"url": where, "pid": pid, "handed_over": handed_over})
        return
    how = "" if handed_over or found is None else " The old one ended first."
    click.echo(f"Restarted: Trunkline listens on {where} (process {pid}).{how}")


def _renew(places: Places, service: Service, path: str | None, workers: int | None) -> bool:
    """Have a successor take over; whether it did so before the old process ended. Raises Failure, StartRefused."""
    if service.supervised:
        raise Failure("The gateway is run by systemd or a container: restart it there.")
    config = os.path.abspath(os.path.expanduser(path)) if path is not None else service.config
    configured = load(config, os.environ).server
    moved = (configured.host, configured.port) != (service.configured_host, service.configured_port)
    here = (configured.host, configured.port) if moved else (service.host, service.port)
    server = structs.replace(configured, host=here[0], port=here[1])
    wish = Wish(server=server, config=config, workers=workers or service.workers)
    with exclusive(places):
        if here != (service.host, service.port):
            start(places, wish)
            _signal(service, signal.SIGTERM)
            return True
        try:
            listeners = take(places)
        except OSError:
            end(places, service, now=False)
            start(places, wish)
            return False
        try:
            check_exposure(server)
            spawn(places, wish, [listener.fileno() for listener in listeners])
        finally:
            for listener in listeners:
                listener.close()
        _signal(service, HANDED_OVER)
        return True


def _signal(service: Service, number: int) -> None:
    """The process may have ended by itself in the meantime."""
    with suppress(ProcessLookupError):
        os.kill(service.pid, number)

"""``trunkline start``: the gateway in the background."""

import getpass
import os

import click

from trunkline.cli.listing import config_option, json_option, print_json
from trunkline.cli.service.background import exclusive
from trunkline.cli.service.find import Found, ensure, find, refuse_another
from trunkline.cli.service.orders import Orders
from trunkline.cli.service.probe import url
from trunkline.cli.service.unit import Unit, write_unit
from trunkline.config.homes import user_home


@click.command("start")
@config_option
@click.option("--host", help="The address to listen on; beyond this machine only with server.keys.")
@click.option("--port", type=click.IntRange(0, 65_535), help="The port; 0 picks a free one.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
@click.option("--foreground", is_flag=True, help="Stay; the usual way under systemd or in a container.")
@click.option("--service", is_flag=True, help="Write a unit file for systemd instead of starting anything.")
@click.option("--system", is_flag=True, help="With --service: for the whole machine, not for you alone.")
@json_option
def command(
    path: str | None,
    host: str | None,
    port: int | None,
    workers: int,
    foreground: bool,
    service: bool,
    system: bool,
    as_json: bool,
) -> None:
    """Start the gateway in the background; that it runs already is fine.

    Returns when it answers, within 3 s, or says why it does not.

    \b
    Exit code: 0 it runs, 1 it did not start, 3 configuration, 6 the port is taken.
    """
    if system and not service:
        raise click.UsageError("--system is for --service.")
    found = find(path, host, port)
    if service:
        make_service(found, system=system, as_json=as_json)
        return
    if foreground or is_main_process():
        serve_here(found, workers)
        return
    found, started = ensure(found, workers)
    where = url(*found.address)
    pid = None if found.service is None else found.service.pid
    if as_json:
        print_json("start", {"url": where, "pid": pid, "started": started, "logs": str(found.places.logs)})
        return
    number = "" if pid is None else f" (process {pid})"
    word = "Started" if started else "Already running"
    click.echo(f"{word}: Trunkline listens on {where}{number}.")


def make_service(found: Found, *, system: bool, as_json: bool) -> None:
    """Write the unit file and say how to put it to work. Raises OSError."""
    unit = Unit(
        home=user_home(os.environ),
        places=found.places,
        config=found.path,
        host=found.host,
        port=found.port,
        drain=found.configuration.timeouts.drain,
        system=system,
        user=getpass.getuser(),
    )
    file, commands = write_unit(unit, os.environ)
    if as_json:
        variables = str(unit.environment_file)
        print_json("start.service", {"unit": str(file), "environment": variables, "commands": commands})
        return
    click.echo(f"Wrote {file}.")
    click.echo(f"Variables that the configuration uses go in {unit.environment_file}. Then:")
    for line in commands:
        click.echo(f"  {line}")


def is_main_process() -> bool:
    """Whether systemd or a container runs just this and takes its end for the end of the service.

    systemd.exec(5): SYSTEMD_EXEC_PID is the id of the very process that systemd started.
    """
    return os.environ.get("SYSTEMD_EXEC_PID") == str(os.getpid()) or os.getpid() == 1


def serve_here(found: Found, workers: int) -> None:
    """Be the service. Raises Failure, StartRefused."""
    from trunkline.cli.service.daemon import Teller, run  # all of the gateway
    from trunkline.server.client_keys import check_exposure
    from trunkline.server.run import bind

    check_exposure(found.server)
    with exclusive(found.places):
        refuse_another(found.places)
        listeners = bind(found.server.host, found.server.port)
    run(
        Orders(
            home=str(found.places.home),
            config=found.path,
            host=found.server.host,
            port=found.server.port,
            workers=workers,
            listeners=tuple(listener.detach() for listener in listeners),
            report=None,
        ),
        Teller(None),
    )

"""Which gateway a command talks to: the service, one that runs otherwise, or one that is started now."""

import os
from collections.abc import Mapping
from typing import Final

import click
from msgspec import Struct, structs

from trunkline.cli.exits import NOT_RUNNING, Failure
from trunkline.cli.service.places import Places, places_for
from trunkline.cli.service.probe import NotTrunkline, ask, reachable, url
from trunkline.cli.service.record import Service, is_alive, read_service, running_service
from trunkline.config.load import load, working_file
from trunkline.config.schema import Configuration, Server

GLANCE: Final = 1.5
"""Seconds for whatever listens at an address to say that it is a gateway: a start has 3 in all."""


class Found(Struct, frozen=True, kw_only=True):
    """A gateway, running or not, with the configuration that its keys come from."""

    configuration: Configuration
    host: str
    port: int
    path: str | None
    """The configuration's file, absolute, if it was named."""
    places: Places
    service: Service | None
    """The background service, if that is what runs."""

    @property
    def address(self) -> tuple[str, int]:
        """Where to call it."""
        return reachable(self.host), self.port

    @property
    def server(self) -> Server:
        """Its settings, as it listens."""
        return structs.replace(self.configuration.server, host=self.host, port=self.port)


def find(
    path: str | None,
    host: str | None = None,
    port: int | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    working: bool = True,
) -> Found:
    """The gateway that the options mean: the service when they name no other one. Raises ConfigurationError.

    ``working``: whether a configuration in the working directory counts; not where that is a project of any origin.
    """
    found = running_service(environ)
    path = path or environ.get("TRUNKLINE_CONFIG") or None
    if path is not None:
        path = os.path.abspath(os.path.expanduser(path))  # a service works in another folder
    if found is not None and port in (None, 0, found[1].port) and path in (None, found[1].config):
        places, service = found
        return Found(
            configuration=load(service.config, environ),
            host=service.host,
            port=service.port,
            path=service.config,
            places=places,
            service=service,
        )
    configuration = load(path, environ, working=working)
    server = configuration.server
    here = working_file() if working else None
    if path is None and here is not None and configuration.source == str(here):
        path = str(here)
    return Found(
        configuration=configuration,
        host=host or server.host,
        port=server.port if port is None else port,
        path=path,
        places=places_for(configuration, environ),
        service=None,
    )


def answers(found: Found) -> bool:
    """Whether it runs. Raises Failure when something else answers there, or it refuses our key."""
    try:
        ask(found.address, found.server, GLANCE)
    except NotTrunkline:
        raise
    except Failure as failure:
        if failure.code == NOT_RUNNING:
            return False
        raise
    return True


def ensure(found: Found, workers: int = 1) -> tuple[Found, bool]:
    """That gateway, running; whether it was started for this, then in so many processes.

    Raises Failure, StartRefused.
    """
    if answers(found):
        return found, False
    from trunkline.cli.service.background import Wish, exclusive, start

    with exclusive(found.places):
        now = find(found.path, found.host, found.port, working=False)
        started = now.service is None
        if started:
            refuse_another(found.places)
            report = start(found.places, Wish(server=found.server, config=found.path, workers=workers))
            for warning in report.warnings:
                click.echo(f"trunkline: warning: {warning}", err=True)
    again = find(found.path, working=False)
    ask(again.address, again.server)
    return again, started


def refuse_another(places: Places) -> None:
    """Raises Failure when a service that is not the one wanted has its files there."""
    service = read_service(places)
    if service is not None and is_alive(service):
        raise Failure(
            f"A gateway runs already at {url(reachable(service.host), service.port)}, on another configuration "
            f"({service.source}). Stop it with: trunkline stop"
        )

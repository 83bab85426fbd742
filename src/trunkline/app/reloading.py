"""Reading the configuration anew while the gateway runs, and what of it only a restart can change."""

import asyncio
import os
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Final

from msgspec import Struct, structs

from trunkline.app.composition import Gateway, Reload
from trunkline.app.providers import find_credentials, make_providers, missing_credentials
from trunkline.config.load import load
from trunkline.config.problems import ConfigurationError, Problem
from trunkline.config.schema import Configuration
from trunkline.providers.provider import Provider
from trunkline.server.client_keys import check_exposure
from trunkline.server.errors import Exposed
from trunkline.server.succession import Next, Reloaded, Succession

BOUND: Final = ("host", "port")
HELD: Final = (
    "client_header", "client_body_idle", "client_body_total", "client_keepalive", "client_write_stall", "drain",
)  # fmt: skip
"""What the listening server has of ``server`` and of ``timeouts``: it stays as it was at the start."""


class Source(Struct, frozen=True, kw_only=True):
    """Where the configuration comes from: what it said at the start, and what reads it again.

    ``read`` raises ConfigurationError.
    """

    said: Configuration
    read: Callable[[], Configuration]


def file_source(said: Configuration, path: str | None, *, working: bool = True) -> Source:
    """A file that was named, or with None the one that is found; ``working``: whether the working directory counts."""
    return Source(said=said, read=lambda: load(path, os.environ, working=working))


def make_application(
    configuration: Configuration,
    providers: Mapping[str, Provider],
    source: Source,
    *,
    supervised: bool = False,
) -> Succession:
    """The application for a configuration and its providers, reloaded from ``source``.

    ``configuration`` is as it listens, whatever the file says. ``supervised``: in one of several workers.
    """
    return reloading(Gateway(configuration, providers), source, supervised=supervised)


def reloading(gateway: Gateway, source: Source, *, supervised: bool = False) -> Succession:
    """``gateway``, and those that follow it when the configuration is reloaded."""
    line = _Line(gateway, source)
    succession = Succession(
        gateway, successor=line.next, lasting=gateway.lasting.around(), supervised=supervised
    )
    line.reload = gateway.reload = succession.reload
    gateway.lasting.metrics.reloaded = lambda: succession.reloaded
    return succession


class _Line:
    """The gateways one after another."""

    def __init__(self, first: Gateway, source: Source) -> None:
        self._now = first
        self._source = source
        self.reload: Reload | None = None

    async def next(self) -> Next:
        """The gateway on the configuration as it is now. Raises ConfigurationError."""
        before = self._now
        said, providers, warnings = await asyncio.to_thread(_read, self._source)
        configuration = fitted(said, before.configuration)
        _check_exposure(configuration)
        gateway = Gateway(configuration, providers, before.lasting, before.listings_for(configuration))
        gateway.reload = self.reload

        def in_force() -> None:
            self._now = gateway
            gateway.lasting.follow(before.configuration, configuration)

        told = Reloaded(
            source=configuration.source, restart=unchangeable(self._source.said, said), warnings=warnings
        )
        return Next(gateway=gateway, told=told, in_force=in_force)


def _read(source: Source) -> tuple[Configuration, Mapping[str, Provider], tuple[str, ...]]:
    """What the file says now, its providers, and what is to be said about it. Raises ConfigurationError."""
    said = source.read()
    providers = make_providers(said)
    lacking = missing_credentials(providers, find_credentials(said, os.environ))
    return said, providers, (*said.warnings, *lacking)


def fitted(said: Configuration, before: Configuration) -> Configuration:
    """``said`` on the address and with the clients' timeouts that the server has."""
    bound = {name: getattr(before.server, name) for name in BOUND}
    held = {name: getattr(before.timeouts, name) for name in HELD}
    return structs.replace(
        said,
        server=structs.replace(said.server, **bound),
        timeouts=structs.replace(said.timeouts, **held),
    )


def unchangeable(start: Configuration, said: Configuration) -> tuple[str, ...]:
    """What ``said`` has otherwise than the ``start`` and only a restart can change, each in words."""
    names = [*(f"server.{name}" for name in BOUND), *(f"timeouts.{name}" for name in HELD)]
    values = [(name, attrgetter(name)(start), attrgetter(name)(said)) for name in names]
    return tuple(f"{name} is {now} and stays {then}" for name, then, now in values if then != now)


def _check_exposure(configuration: Configuration) -> None:
    """Raises ConfigurationError when nobody would be asked for a key from other machines."""
    try:
        check_exposure(configuration.server)
    except Exposed as error:
        problem = Problem(file=configuration.source, key="server.keys", message=str(error))
        raise ConfigurationError((problem,)) from None

"""The routing table of a configuration and what providers say they serve, with or without asking them."""

import asyncio
import os
from collections.abc import Iterable, Mapping

from trunkline.app.credentials import make_credentials
from trunkline.app.discovery import Listing, discover, served, to_discover
from trunkline.app.upstreams import Upstreams, make_upstreams
from trunkline.config.schema import Configuration
from trunkline.providers.provider import Provider
from trunkline.relay.ports import Credentials
from trunkline.routing.table import RoutingTable, build_table
from trunkline.upstream.clock import SystemClock


async def discover_all(
    providers: Iterable[Provider], upstreams: Upstreams, credentials: Credentials
) -> list[Listing]:
    """The lists of some providers, asked for at the same time."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(discover(provider, upstreams, credentials)) for provider in providers]
    return [task.result() for task in tasks]


async def look_around(
    configuration: Configuration, providers: Mapping[str, Provider], *, everyone: bool = False
) -> tuple[RoutingTable, list[Listing]]:
    """The table as the gateway would have it, and what the providers said; for commands.

    ``everyone``: ask those too whose models are configured.
    """
    asked = to_discover(configuration, providers, everyone=everyone)
    upstreams = make_upstreams(configuration, os.environ)
    credentials = make_credentials(configuration, os.environ, upstreams, SystemClock())
    try:
        listings = await discover_all(asked, upstreams, credentials)
    finally:
        await credentials.close()
        await upstreams.close()
    return build_table(configuration, served(configuration, providers, listings)), listings


def offline_table(configuration: Configuration, providers: Mapping[str, Provider]) -> RoutingTable:
    """The table without asking anybody."""
    return build_table(configuration, served(configuration, providers, ()))

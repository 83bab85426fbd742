"""``trunkline models``: the names clients can ask for, and who serves them."""

import asyncio
from collections.abc import Iterable, Sequence

import click
import msgspec
from msgspec import Struct

from trunkline.app.discovery import Listing, listed_models
from trunkline.app.tables import look_around
from trunkline.cli.listing import config_option, json_option, print_json
from trunkline.cli.sources import load_configuration, load_providers
from trunkline.config.schema import FAMILIES
from trunkline.routing.plan import Target
from trunkline.routing.table import RoutingTable


@click.command("models")
@config_option
@json_option
def command(path: str | None, as_json: bool) -> None:
    """List the models that clients can ask for; providers without a list are asked for theirs.

    \b
    Example: trunkline models --json
    """
    configuration = load_configuration(path)
    providers = load_providers(configuration)
    table, listings = asyncio.run(look_around(configuration, providers))
    notes = [listing.error.message for listing in listings if listing.error is not None]
    rows = model_rows(table, listings)
    if as_json:
        print_json("models", {"models": [msgspec.to_builtins(row) for row in rows], "notes": notes})
        return
    width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        click.echo(f"{row.kind:<6}  {row.name:<{width}}  {' then '.join(row.targets)}")
    for note in notes:
        click.echo(f"trunkline: {note}", err=True)


class Row(Struct, frozen=True):
    """One name: a ``name`` of the configuration, a ``route``, a Claude ``family``, or a ``model`` served."""

    kind: str
    name: str
    targets: tuple[str, ...]


def model_rows(table: RoutingTable, listings: Sequence[Listing]) -> list[Row]:
    """Every name a client can use, and the routes, each with its targets in order."""
    rows = [Row("name", alias.name, _written(alias.targets)) for alias in table.aliases.values()]
    rows += [Row("name", entry.glob.pattern, _written(entry.targets)) for entry in table.globs]
    rows += [Row("route", route.name, _written(route.targets)) for route in table.routes.values()]
    if "default" not in table.routes:
        families = ((family, table.claude.get(family)) for family in FAMILIES)
        rows += [Row("family", family, (str(target),)) for family, target in families if target is not None]
    known = {listing.provider: listing for listing in listings}
    for model in listed_models(table, known):
        if model.id.casefold() not in table.aliases:
            target = table.bare.get(model.id.casefold(), ())
            rows.append(Row("model", model.id, _written(target) or (model.id,)))
    return rows


def _written(targets: Iterable[Target]) -> tuple[str, ...]:
    return tuple(str(target) for target in targets)

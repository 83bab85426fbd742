"""``trunkline models``: the names clients can ask for, and who serves them."""

import asyncio

import click

from trunkline.app.composition import look_around
from trunkline.app.providers import make_providers
from trunkline.cli.listing import config_option, json_option, print_json
from trunkline.cli.sources import load_configuration
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
    providers = make_providers(configuration)
    table, listings = asyncio.run(look_around(configuration, providers))
    notes = [listing.error.message for listing in listings if listing.error is not None]
    rows = model_rows(table)
    if as_json:
        models = [{"id": name, "targets": targets} for name, targets in rows]
        print_json("models", {"models": models, "notes": notes})
        return
    width = max((len(name) for name, _ in rows), default=0)
    for name, targets in rows:
        click.echo(f"{name:<{width}}  {' then '.join(targets)}")
    for note in notes:
        click.echo(f"trunkline: {note}", err=True)


def model_rows(table: RoutingTable) -> list[tuple[str, list[str]]]:
    """(name, targets) for names of the configuration, globs too, then for what providers serve."""
    rows = [(alias.name, [str(target) for target in alias.targets]) for alias in table.aliases.values()]
    rows += [(entry.glob.pattern, [str(target) for target in entry.targets]) for entry in table.globs]
    rows += [(f"route {route.name}", [str(to) for to in route.targets]) for route in table.routes.values()]
    for provider, models in table.deployments.items():
        rows += [(f"{provider}/{model}", [f"{provider}/{model}"]) for model in models.values()]
    return rows

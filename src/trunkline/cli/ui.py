"""``trunkline ui``: the dashboard's address, once there is a dashboard."""

import click

from trunkline.cli.exits import FAILED, Failure
from trunkline.cli.service.find import answers, find
from trunkline.cli.service.probe import url


@click.command("ui")
def command() -> None:
    """Open the dashboard. This version has none: the exit code is 1."""
    found = find(None)
    where = url(*found.address)
    instead = (
        f"{where}/health/detailed, trunkline status and trunkline logs -f say how it is"
        if answers(found)
        else "trunkline start starts the gateway"
    )
    raise Failure(f"This version of Trunkline has no dashboard yet. Instead: {instead}.", FAILED)

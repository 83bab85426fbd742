"""``trunkline version``."""

import click

from trunkline import __version__
from trunkline.cli.listing import json_option, print_json


@click.command("version")
@json_option
def command(as_json: bool) -> None:
    """Show the version."""
    if as_json:
        print_json("version", {"version": __version__})
    else:
        click.echo(f"trunkline {__version__}")

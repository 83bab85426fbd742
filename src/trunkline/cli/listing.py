"""Output that programs read: one JSON document with its schema's name."""

import click
import msgspec

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
config_option = click.option(
    "--config",
    "path",
    metavar="FILE",
    help="The configuration file; without it TRUNKLINE_CONFIG, the usual places, the environment.",
)


def print_json(verb: str, fields: dict[str, object]) -> None:
    """Print ``fields`` with ``"schema": "trunkline.<verb>.v1"`` first."""
    document = msgspec.json.encode({"schema": f"trunkline.{verb}.v1", **fields})
    click.echo(msgspec.json.format(document, indent=2).decode())

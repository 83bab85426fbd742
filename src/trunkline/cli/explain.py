"""``trunkline explain``: the plan for a request, without sending it."""

import asyncio
import sys
from pathlib import Path

import click
import msgspec

from trunkline.app.custom_planner import plan_once
from trunkline.app.explaining import Explanation, explanation, model_in
from trunkline.app.tables import offline_table
from trunkline.cli.exits import FAILED, Failure
from trunkline.cli.listing import config_option, json_option, print_json
from trunkline.cli.sources import load_configuration, load_providers
from trunkline.config.schema import Configuration
from trunkline.core.errors import GatewayError
from trunkline.routing.plan import Plan
from trunkline.routing.table import RoutingTable

MAX_BODY = 256 * 1024 * 1024


@click.command("explain")
@click.argument("file", metavar="FILE|-")
@click.option(
    "--model", "named", metavar="NAME", help="The model, where the body has none: Gemini's is in the path."
)
@config_option
@json_option
def command(file: str, named: str | None, path: str | None, as_json: bool) -> None:
    """Show who would serve the request whose body is in FILE (- for stdin), and why. Nothing is sent.

    \b
    Example: echo '{"model": "claude-haiku-4-5"}' | trunkline explain -
    """
    body = _read(file)
    configuration = load_configuration(path)
    providers = load_providers(configuration)
    model, plan = _plan(file, body, named, configuration, offline_table(configuration, providers))
    try:
        told = explanation(configuration, providers, model, plan, body)
    except GatewayError as error:
        raise Failure(error.message, FAILED) from None
    if as_json:
        print_json("explain", told.table())
    else:
        _print(told)


def _print(told: Explanation) -> None:
    click.echo(f"model    {told.model}\nroute    {told.route}")
    for index, entry in enumerate(told.targets):
        click.echo(f"{'then' if index else 'target':<7}  {entry.target}")
        for surface in entry.surfaces:
            click.echo(f"           {surface.protocol}: {surface.url}")
        if entry.transforms:
            click.echo(f"           transforms: {', '.join(entry.transforms)}")
    if told.left:
        click.echo(f"         {told.left} more are not tried: retry.targets is {len(told.targets)}")
    if told.endpoint:
        click.echo(f"endpoint {', '.join(told.endpoint)}")
    if told.eyes:
        click.echo(f"pictures {' then '.join(told.eyes)}")
    seen = [name for name in ("thinking", "web_search", "image") if getattr(told.request, name)]
    click.echo(f"request  about {told.request.tokens} tokens{''.join(f', {name}' for name in seen)}")


def _plan(
    file: str, body: bytes, named: str | None, configuration: Configuration, table: RoutingTable
) -> tuple[str, Plan]:
    """The model asked for and its plan. Raises Failure when there is none."""
    try:
        model = named or model_in(body, configuration)
        if model is None:
            raise Failure(f"{file} names no model: give it with --model, as Gemini's path would", FAILED)
        return model, asyncio.run(plan_once(configuration, table, model, body))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Failure(f"{file} is not a request body: {error}", FAILED) from None
    except GatewayError as error:
        raise Failure(error.message, FAILED) from None


def _read(file: str) -> bytes:
    if file != "-":
        return Path(file).read_bytes()
    if sys.stdin is None:
        raise Failure("stdin is closed: give the request body as a file", FAILED)
    body = sys.stdin.buffer.read(MAX_BODY)
    if not body.strip():
        raise Failure("stdin is empty: give a request body", FAILED)
    return body

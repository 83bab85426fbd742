"""``trunkline explain``: the plan for a request, without sending it."""

import asyncio
import sys
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from trunkline.app.custom_planner import plan_once
from trunkline.app.tables import offline_table
from trunkline.cli.exits import FAILED, Failure
from trunkline.cli.listing import config_option, json_option, print_json
from trunkline.cli.sources import load_configuration, load_providers
from trunkline.config.schema import Configuration
from trunkline.core.errors import GatewayError
from trunkline.providers.provider import Provider
from trunkline.routing.plan import Plan, Target
from trunkline.routing.shape import shape_of
from trunkline.routing.table import RoutingTable

MAX_BODY = 256 * 1024 * 1024


class _Body(Struct):
    model: str | None = None


class Surface(Struct, frozen=True):
    """One way a target would be asked."""

    name: str
    protocol: str
    url: str


class Asked(Struct, frozen=True):
    """One target of the plan, with all ways to ask it, in the provider's order of preference."""

    target: str
    surfaces: tuple[Surface, ...]


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
    tried = plan.targets[: configuration.retry.targets]
    targets = [_asked(providers[target.provider], target) for target in tried]
    shape = shape_of(body)
    eyes = [str(target) for target in plan.eyes]
    if as_json:
        fields = {"model": model, "route": plan.route, "targets": targets, "eyes": eyes, "request": shape}
        print_json("explain", {key: msgspec.to_builtins(value) for key, value in fields.items()})
        return
    click.echo(f"model    {model}\nroute    {plan.route}")
    for index, entry in enumerate(targets):
        click.echo(f"{'then' if index else 'target':<7}  {entry.target}")
        for surface in entry.surfaces:
            click.echo(f"           {surface.protocol}: {surface.url}")
    if len(plan.targets) > len(tried):
        left = len(plan.targets) - len(tried)
        click.echo(f"         {left} more are not tried: retry.targets is {len(tried)}")
    if eyes:
        click.echo(f"pictures {' then '.join(eyes)}")
    seen = [name for name in ("thinking", "web_search", "image") if getattr(shape, name)]
    click.echo(f"request  about {shape.tokens} tokens{''.join(f', {name}' for name in seen)}")


def _plan(
    file: str, body: bytes, named: str | None, configuration: Configuration, table: RoutingTable
) -> tuple[str, Plan]:
    """The model asked for and its plan. Raises Failure when there is none."""
    try:
        model = named or msgspec.json.decode(body, type=_Body).model
        if model is None and configuration.any_name:
            model = ""
        if model is None:
            raise Failure(f"{file} names no model: give it with --model, as Gemini's path would", FAILED)
        return model, asyncio.run(plan_once(configuration, table, model, body))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Failure(f"{file} is not a request body: {error}", FAILED) from None
    except GatewayError as error:
        raise Failure(error.message, FAILED) from None


def _asked(provider: Provider, target: Target) -> Asked:
    try:
        surfaces = provider.surfaces(target.deployment)
    except GatewayError as error:
        raise Failure(error.message, FAILED) from None
    return Asked(str(target), tuple(Surface(s.name, s.protocol, s.url) for s in surfaces))


def _read(file: str) -> bytes:
    if file != "-":
        return Path(file).read_bytes()
    if sys.stdin is None:
        raise Failure("stdin is closed: give the request body as a file", FAILED)
    body = sys.stdin.buffer.read(MAX_BODY)
    if not body.strip():
        raise Failure("stdin is empty: give a request body", FAILED)
    return body

"""``trunkline model``: which model serves which purpose, and another one for it."""

import os
import shutil
import sys
from pathlib import Path
from typing import Final

import click

from trunkline.cli.exits import Failure
from trunkline.cli.listing import config_option, json_option, print_json
from trunkline.cli.route_edit import CCR, OWN, Form, Unclear, wanted, with_route
from trunkline.config.dialect import dialect_of
from trunkline.config.load import load, read_text
from trunkline.config.nearest import did_you_mean
from trunkline.config.schema import Configuration
from trunkline.config.targets import split_target
from trunkline.config.tree import Node, plain

ROUTES: Final = ("default", "background", "think", "longContext", "webSearch", "image")


@click.command("model")
@config_option
@click.option("--route", type=click.Choice(ROUTES), help="The purpose to change.")
@click.option("--to", "target", metavar="PROVIDER/MODEL", help="The model that is to serve it.")
@json_option
def command(path: str | None, route: str | None, target: str | None, as_json: bool) -> None:
    """Show which model serves which purpose; on a terminal, choose another one from lists.

    Only that one value of your file is changed; comments stay. The file as it was is kept beside it as .bak.

    \b
    Examples: trunkline model
              trunkline model --route background --to local/qwen3-coder
    """
    configuration = load(path, os.environ)
    if (route is None) != (target is None):
        raise click.UsageError("--route and --to go together.")
    if route is None and not as_json and sys.stdin is not None and sys.stdin.isatty():
        route, target = pick(configuration)
    if route is None or target is None:
        _show(configuration, as_json=as_json)
        return
    file = change(configuration, route, target)
    if as_json:
        print_json("model", {"file": str(file), "route": route, "to": target})
        return
    click.echo(f"{route} is {target} now, in {file}. To use it: trunkline restart")


def assignments(configuration: Configuration) -> dict[str, list[str]]:
    """Every purpose with its chain; empty where the default serves it too."""
    routes = dict(configuration.routes)
    return {name: list(routes[name].to) if name in routes else [] for name in ROUTES}


def choices(configuration: Configuration) -> list[str]:
    """Every model that the configuration names, with its provider."""
    listed = [f"{name}/{model}" for name, settings in configuration.providers for model in settings.models]
    chosen = [target for chain in assignments(configuration).values() for target in chain]
    return list(dict.fromkeys([*listed, *chosen]))


def pick(configuration: Configuration) -> tuple[str, str]:
    """Ask the user for a purpose and a model."""
    routes = assignments(configuration)
    for number, (name, chain) in enumerate(routes.items(), 1):
        click.echo(f"{number}  {name:<12} {' then '.join(chain) or '(default)'}")
    route = ROUTES[click.prompt("Change which", type=click.IntRange(1, len(ROUTES))) - 1]
    models = choices(configuration)
    for number, model in enumerate(models, 1):
        click.echo(f"{number}  {model}")
    asked: str = click.prompt("To which model (a number, or provider/model)")
    known = asked.isdecimal() and 0 < int(asked) <= len(models)
    return route, models[int(asked) - 1] if known else asked


def change(configuration: Configuration, route: str, target: str) -> Path:
    """Write the route into the file that the configuration came from; the file. Raises Failure, OSError."""
    file = Path(configuration.source)
    if not file.is_file():
        raise Failure(
            "There is no configuration file to change: trunkline config show says where it came from."
        )
    parts = split_target(target)
    names = [name for name, _ in configuration.providers]
    if parts is None or parts[0] not in names:
        hint = did_you_mean(target if parts is None else parts[0], names)
        raise Failure(f'"{target}" names no provider of {file}: give provider/model.{hint}')
    text = read_text(file)
    form = CCR if dialect_of(text) == "ccr" else OWN
    tree = _tree(text, file, form)
    written = f"{parts[0]},{parts[1]}" if form is CCR else f"{parts[0]}/{parts[1]}"
    try:
        changed = with_route(text, tree, form, route, written)
        if plain(_tree(changed, file, form)) != wanted(tree, form, route, written):
            raise Unclear(None)
    except Unclear as unclear:
        where = f"{file}:{unclear.line}" if unclear.line else str(file)
        raise Failure(
            f"{where}: cannot change {form.section}.{route} without touching more: set it to {written} there."
        ) from None
    _write(file, changed)
    return file


def _tree(text: str, file: Path, form: Form) -> Node:
    if form is CCR:
        from trunkline.config.json5_file import decode_json5

        return decode_json5(text, str(file)).root
    from trunkline.config.yaml_file import decode_yaml

    tree = decode_yaml(text, str(file))
    if tree is None:
        raise Failure(f"{file} is empty.")
    return tree


def _write(file: Path, text: str) -> None:
    """Whole or not at all, with the permissions it had; a link stays one."""
    file = file.resolve()
    shutil.copy2(file, file.with_name(f"{file.name}.bak"))
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    temporary.touch(mode=0o600)
    temporary.write_text(text, encoding="utf-8")
    shutil.copymode(file, temporary)
    temporary.replace(file)


def _show(configuration: Configuration, *, as_json: bool) -> None:
    routes = assignments(configuration)
    if as_json:
        print_json("model", {"routes": routes, "models": choices(configuration)})
        return
    for name, chain in routes.items():
        click.echo(f"{name:<12} {' then '.join(chain) or '(default)'}")

"""``trunkline config``: check, show, import."""

import os
from collections.abc import Mapping, Sequence
from typing import cast

import click

from trunkline.app.providers import find_credentials, make_providers, missing_credentials
from trunkline.cli.config_import import command as import_group
from trunkline.cli.listing import config_option, json_option, print_json
from trunkline.cli.sources import load_configuration, load_providers, origin
from trunkline.config.load import load
from trunkline.config.problems import ConfigurationError
from trunkline.config.show import masked


@click.group("config")
def command() -> None:
    """Check, show or import the configuration."""


command.add_command(import_group)


@command.command("check")
@config_option
@json_option
def check(path: str | None, as_json: bool) -> int:
    """Read the configuration and say everything that is wrong with it, with file, line and key.

    \b
    Example: trunkline config check --config trunkline.yaml
    Exit code: 0 fine, 3 invalid, 4 a credential is missing.
    """
    if not as_json:
        configuration = load_configuration(path)
        load_providers(configuration)
        click.echo(f"The configuration is fine ({origin(configuration)}).")
        return 0
    return _check_json(path)


def _check_json(path: str | None) -> int:
    try:
        configuration = load(path, os.environ)
        providers = make_providers(configuration)
    except ConfigurationError as error:
        problems = [
            {"file": problem.file, "line": problem.line, "key": problem.key, "message": problem.message}
            for problem in error.problems
        ]
        print_json("config.check", {"ok": False, "problems": problems, "warnings": []})
        raise
    lacking = missing_credentials(providers, find_credentials(configuration, os.environ))
    warnings = [*configuration.warnings, *lacking]
    source = configuration.source
    print_json("config.check", {"ok": True, "source": source, "problems": [], "warnings": warnings})
    return 0


@command.command("show")
@config_option
@json_option
def show(path: str | None, as_json: bool) -> None:
    """Print the effective configuration, defaults filled in and credentials masked."""
    configuration = load_configuration(path)
    load_providers(configuration)
    fields = masked(configuration)
    if as_json:
        print_json("config.show", fields)
    else:
        click.echo(_outline(fields))


def _outline(fields: Mapping[str, object], indent: str = "") -> str:
    """Nested values as indented lines, which happen to be YAML."""
    lines: list[str] = []
    for key, entry in fields.items():
        below: Mapping[str, object] = {}
        if isinstance(entry, dict):
            below = cast(Mapping[str, object], entry)
        if below:
            lines += [f"{indent}{key}:", _outline(below, indent + "  ")]
        else:
            lines.append(f"{indent}{key}: {_leaf(fields[key])}")
    return "\n".join(lines)


def _leaf(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_leaf(entry) for entry in cast(Sequence[object], value)) + "]"
    return "{}" if value == {} else str(value)

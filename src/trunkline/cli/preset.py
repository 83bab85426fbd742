"""``trunkline preset``: configurations to share, without a secret and without anything that runs."""

import os
from pathlib import Path
from typing import cast

import click
import msgspec

from trunkline.cli.agents.claude import CLAUDE
from trunkline.cli.exits import Failure
from trunkline.cli.launch import start_agent
from trunkline.cli.listing import config_option, json_option, print_json
from trunkline.cli.presets import manifest as content
from trunkline.cli.presets.manifest import Table
from trunkline.cli.presets.store import (
    CONFIGURATION,
    MANIFEST,
    discard,
    installed,
    keep,
    preset_folder,
    presets_folder,
    read_manifest,
)
from trunkline.cli.service.ending import end
from trunkline.cli.service.find import find
from trunkline.cli.service.places import Places
from trunkline.cli.service.record import is_alive, read_service
from trunkline.config.dialect import dialect_of
from trunkline.config.json5_file import decode_json5
from trunkline.config.load import load, load_file, read_text
from trunkline.config.tree import plain


@click.group("preset")
def command() -> None:
    """Share configurations: export, install, list, run, delete."""


@command.command("export")
@click.argument("name")
@click.option("--output", type=click.Path(path_type=Path), help="The file; NAME.json when not given.")
@click.option("--description", default="", help="One line about it.")
@click.option("--author", default="", help="Who made it.")
@config_option
@json_option
def export(
    name: str, output: Path | None, description: str, author: str, path: str | None, as_json: bool
) -> None:
    """Write your configuration as a preset: credentials become variables, what would be run is left out.

    \b
    Example: trunkline preset export team --output team.json
    """
    content.checked_name(name)
    file = output or Path(f"{name}.json")
    if file.exists():
        raise Failure(f"{file} is there already: remove it or choose another --output.")
    source = Path(load(path, os.environ).source)
    if not source.is_file():
        raise Failure(
            "There is no configuration file to export: trunkline config show says where it came from."
        )
    fields, left_out = content.without_code(_fields_of(source))
    fields, variables = content.without_secrets(fields)
    about = {"name": name, "version": "1.0.0", "description": description, "author": author}
    known = {key: value for key, value in about.items() if value}
    document = {**known, **cast("Table", fields)}
    file.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    if as_json:
        print_json("preset.export", {"file": str(file), "variables": variables, "left_out": left_out})
        return
    click.echo(f"Wrote {file}.")
    for variable, place in variables.items():
        click.echo(f"  {place} is ${{{variable}}} in it")
    for place in left_out:
        click.echo(f"  {place} is left out: a preset runs nothing")


@command.command("install")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--name", help="Its name here; the preset's own when not given.")
@click.option("--set", "given", metavar="NAME=VALUE", multiple=True, help="Fill in a blank of the preset.")
@click.option("--force", is_flag=True, help="In place of one of the same name.")
@json_option
def install(source: Path, name: str | None, given: tuple[str, ...], force: bool, as_json: bool) -> None:
    """Take in a preset from a file or folder and say which hosts it talks to and which variables it needs.

    Nothing in it is run; one that wants to is refused. Passwords are never taken: they become variables.
    """
    file = source / MANIFEST if source.is_dir() else source
    manifest = read_manifest(file)
    content.refuse_what_runs(manifest, str(file))
    own = name or str(manifest.get("name") or (source.name if source.is_dir() else source.stem))
    folder = presets_folder(os.environ) / content.checked_name(own)
    if folder.exists() and not force:
        raise Failure(
            f'There is a preset "{own}" already: --force replaces it, --name gives this one another.'
        )
    pairs = [pair.partition("=") for pair in given]
    values = {blank: value for blank, _, value in pairs}
    fields = content.filled(content.configuration_of(manifest), content.inputs_of(manifest), values)
    stripped, _ = content.without_secrets(fields)
    if stripped != fields:
        raise Failure(f"{file} holds a credential in clear: ask its author for one without, and tell them.")
    keep(folder, manifest, fields)
    hosts, variables = content.hosts_of(fields), content.variables_of(fields)
    if as_json:
        print_json("preset.install", {"name": own, "hosts": hosts, "variables": variables})
        return
    click.echo(f"Installed {own}. Run it: trunkline preset run {own}")
    for host in hosts:
        click.echo(f"  talks to {host}")
    for variable in variables:
        click.echo(
            f"  needs {variable} in the environment{'' if variable in os.environ else ' (not set now)'}"
        )


@command.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List the presets that are installed."""
    found = {name: str(entry.get("description") or "") for name, entry in installed(os.environ).items()}
    if as_json:
        rows = [{"name": name, "description": description} for name, description in found.items()]
        print_json("preset.list", {"presets": rows})
        return
    for name, description in found.items():
        click.echo(f"{name:<24} {description}".rstrip())


@command.command("run")
@click.argument("name")
@click.argument("arguments", metavar="[-- ARGS]...", nargs=-1, type=click.UNPROCESSED)
def run(name: str, arguments: tuple[str, ...]) -> int:
    """Start Claude Code on a preset, with a gateway of its own on a free port, which stays.

    End that gateway with: trunkline preset stop NAME
    """
    folder = preset_folder(name, os.environ)
    file = folder / CONFIGURATION
    load_file(file, os.environ)
    os.environ["TRUNKLINE_HOME"] = str(folder / "home")
    found = find(str(file))
    if found.service is None:
        found = msgspec.structs.replace(found, port=0)
    return start_agent(CLAUDE, found, None, arguments)


@command.command("stop")
@click.argument("name")
def stop(name: str) -> None:
    """Stop the gateway of a preset. That it does not run is fine."""
    folder = preset_folder(name, os.environ)
    places = Places(folder / "home")
    service = read_service(places)
    if service is None or not is_alive(service):
        click.echo("Not running.")
        return
    end(places, service, now=False)
    click.echo(f"Stopped: process {service.pid} has ended.")


@command.command("delete")
@click.argument("name")
def delete(name: str) -> None:
    """Remove a preset. Its gateway must have been stopped."""
    folder = preset_folder(name, os.environ)
    service = read_service(Places(folder / "home"))
    if service is not None and is_alive(service):
        raise Failure(f"The gateway of {name} runs: trunkline preset stop {name}")
    discard(folder)
    click.echo(f"Deleted {name}.")


def _fields_of(source: Path) -> object:
    """What a configuration file says, as plain values. Raises Failure, ConfigurationError."""
    text = read_text(source)
    if dialect_of(text) == "ccr":
        return plain(decode_json5(text, str(source)).root)
    from trunkline.config.yaml_file import decode_yaml  # 75 ms

    tree = decode_yaml(text, str(source))
    if tree is None:
        raise Failure(f"{source} is empty.")
    return plain(tree)

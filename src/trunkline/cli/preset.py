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
from trunkline.cli.service.ending import end
from trunkline.cli.service.find import find
from trunkline.cli.service.places import Places
from trunkline.cli.service.record import is_alive, read_service
from trunkline.config.load import load, load_file
from trunkline.config.presets import manifest as content
from trunkline.config.presets import store
from trunkline.config.presets.manifest import Table
from trunkline.config.presets.store import CONFIGURATION, MANIFEST, discard, preset_folder, read_manifest
from trunkline.config.table import read_table


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
    """Write your configuration as a preset: credentials become variables, what would be run or sent from files is left out.

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
    fields, left_out = content.without_code(read_table(source))
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
    taken = store.install(
        manifest,
        str(file),
        name=name or str(manifest.get("name") or (source.name if source.is_dir() else source.stem)),
        given={blank: value for blank, _, value in (pair.partition("=") for pair in given)},
        replace=force,
        environ=os.environ,
    )
    if as_json:
        print_json("preset.install", msgspec.structs.asdict(taken))
        return
    click.echo(f"Installed {taken.name}. Run it: trunkline preset run {taken.name}")
    for host in taken.hosts:
        click.echo(f"  talks to {host}")
    for variable in taken.variables:
        click.echo(
            f"  needs {variable} in the environment{'' if variable in os.environ else ' (not set now)'}"
        )


@command.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List the presets that are installed."""
    files = store.installed_files(os.environ)
    found = {name: str(read_manifest(file).get("description") or "") for name, file in files.items()}
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
    if not file.is_file():
        raise Failure(
            f"{name} was installed by claude-code-router: trunkline preset install {folder} takes it over."
        )
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

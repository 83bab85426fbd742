"""``trunkline ccr-alias``: the command ``ccr`` for those whose fingers and scripts know it."""

import os
import shutil
import sys
from pathlib import Path
from typing import Final

import click

from trunkline.cli.exits import Failure
from trunkline.config.homes import user_home

MARK: Final = "# Made by trunkline ccr-alias; trunkline ccr-alias remove takes it away."


@click.group("ccr-alias")
def command() -> None:
    """Install or remove a command ccr that is trunkline."""


@command.command("install")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Where; beside trunkline or ~/.local/bin when not given.",
)
def install(folder: Path | None) -> None:
    """Make a command ccr that runs trunkline. One of claude-code-router itself is not replaced.

    \b
    Exit code: 0 it is there, 1 another ccr is in the way.
    """
    place = (folder or usual_folder()) / "ccr"
    if place.exists() and not is_ours(place):
        raise Failure(f"{place} is there already and is not ours: remove it or choose another --folder.")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f'#!/bin/sh\n{MARK}\nexec "{sys.executable}" -P -m trunkline "$@"\n')
    place.chmod(0o755)
    click.echo(f"Installed {place}.")
    found = shutil.which("ccr")
    if found is None:
        click.echo(f"trunkline: {place.parent} is not on PATH: add it", err=True)
    elif Path(found) != place:
        click.echo(f"trunkline: {found} comes before it on PATH: ccr still means that one", err=True)


@command.command("remove")
@click.option("--folder", type=click.Path(path_type=Path), help="Where it was installed.")
def remove(folder: Path | None) -> None:
    """Take the command ccr away, if it is ours. That there is none is fine."""
    place = (folder or usual_folder()) / "ccr"
    if not place.exists():
        click.echo(f"There is no {place}.")
        return
    if not is_ours(place):
        raise Failure(f"{place} is not ours: it stays.")
    place.unlink()
    click.echo(f"Removed {place}.")


def usual_folder() -> Path:
    """Beside the command trunkline if that is on PATH and can be written, else the user's own folder."""
    beside = shutil.which("trunkline")
    if beside is not None and os.access(Path(beside).parent, os.W_OK):
        return Path(beside).parent
    return user_home(os.environ) / ".local" / "bin"


def is_ours(place: Path) -> bool:
    """Whether this command made the file."""
    try:
        return MARK in place.read_text()
    except (OSError, UnicodeDecodeError):
        return False

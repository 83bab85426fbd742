"""Installed presets: a folder for each, with its manifest and the configuration made of it."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

import msgspec

from trunkline.cli.exits import Failure
from trunkline.cli.presets.manifest import Table, checked_name
from trunkline.cli.service.places import all_places
from trunkline.config.json5_file import decode_json5
from trunkline.config.tree import plain

MANIFEST: Final = "manifest.json"
CONFIGURATION: Final = "config.json"
MOST: Final = 1024 * 1024
"""Bytes of a manifest."""


def presets_folder(environ: Mapping[str, str]) -> Path:
    """Where presets are installed."""
    return all_places(environ)[0].home / "presets"


def read_manifest(file: Path) -> Table:
    """A manifest's content. Raises Failure, ConfigurationError."""
    try:
        if file.stat().st_size > MOST:
            raise Failure(f"{file} is larger than 1 MiB: this is no preset.")
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise Failure(f"There is no {file}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"Cannot read {file}: {error}") from None
    content = plain(decode_json5(text, str(file)).root)
    if not isinstance(content, dict):
        raise Failure(f"{file} is no preset: it holds no table.")
    return cast("Table", content)


def installed(environ: Mapping[str, str]) -> dict[str, Table]:
    """All presets by name."""
    folder = presets_folder(environ)
    files = sorted(folder.glob(f"*/{MANIFEST}"))
    return {file.parent.name: read_manifest(file) for file in files}


def preset_folder(name: str, environ: Mapping[str, str]) -> Path:
    """The folder of an installed preset. Raises Failure that names those there are."""
    folder = presets_folder(environ) / checked_name(name)
    if not (folder / MANIFEST).is_file():
        there = ", ".join(installed(environ)) or "none"
        raise Failure(f'There is no preset "{name}". Installed: {there}.')
    return folder


def keep(folder: Path, manifest: Mapping[str, object], configuration: Mapping[str, object]) -> None:
    """Write a preset's files, for the user alone. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in ((MANIFEST, manifest), (CONFIGURATION, configuration)):
        file = folder / name
        file.touch(mode=0o600)
        file.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")


def discard(folder: Path) -> None:
    """Remove a preset with all that is in its folder."""
    shutil.rmtree(folder)

"""Installed presets: a folder for each, with its manifest and the configuration made of it."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

import msgspec
from msgspec import Struct

from trunkline.config.homes import homes, usual_ccr_file
from trunkline.config.json5_file import decode_json5
from trunkline.config.presets.blanks import applied, inputs_of, is_password, variable_for
from trunkline.config.presets.manifest import (
    PresetError,
    Table,
    checked_name,
    hosts_of,
    refuse_what_runs,
    variables_of,
    without_secrets,
)
from trunkline.config.tree import plain

MANIFEST: Final = "manifest.json"
CONFIGURATION: Final = "config.json"
MOST: Final = 1024 * 1024
"""Bytes of a manifest."""


class Installed(Struct, frozen=True, kw_only=True):
    """A preset that was taken in: where it talks to, and what it needs in the environment."""

    name: str
    hosts: list[str]
    variables: list[str]


def presets_folder(environ: Mapping[str, str]) -> Path:
    """Where presets are installed."""
    return homes(environ)[0] / "presets"


def presets_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where presets are found: ours come before those that claude-code-router installed."""
    return presets_folder(environ), usual_ccr_file(environ).parent / "presets"


def read_manifest(file: Path) -> Table:
    """A manifest's content. Raises PresetError, ConfigurationError."""
    try:
        if file.stat().st_size > MOST:
            raise PresetError(f"{file} is larger than 1 MiB: this is no preset.")
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise PresetError(f"There is no {file}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PresetError(f"Cannot read {file}: {error}") from None
    return decode_manifest(text, str(file))


def decode_manifest(text: str, file: str) -> Table:
    """The content of a manifest's text. Raises PresetError, ConfigurationError."""
    content = plain(decode_json5(text, file).root)
    if not isinstance(content, dict):
        raise PresetError(f"{file} is no preset: it holds no table.")
    return cast("Table", content)


def installed_files(environ: Mapping[str, str]) -> dict[str, Path]:
    """The manifests of all presets by name."""
    found: dict[str, Path] = {}
    for folder in presets_folders(environ):
        for file in sorted(folder.glob(f"*/{MANIFEST}")):
            found.setdefault(file.parent.name, file)
    return dict(sorted(found.items()))


def preset_folder(name: str, environ: Mapping[str, str]) -> Path:
    """The folder of an installed preset. Raises PresetError that names those there are."""
    checked_name(name)
    for folder in presets_folders(environ):
        if (folder / name / MANIFEST).is_file():
            return folder / name
    there = ", ".join(installed_files(environ)) or "none"
    raise PresetError(f'There is no preset "{name}". Installed: {there}.')


def own_values(manifest: Mapping[str, object]) -> Table:
    """The answers that a manifest holds for its own blanks."""
    values = manifest.get("userValues")
    return cast("Table", values) if isinstance(values, dict) else {}


def install(
    manifest: Table,
    place: str,
    *,
    name: str,
    given: Mapping[str, object],
    replace: bool,
    environ: Mapping[str, str],
) -> Installed:
    """Take in a preset that came from ``place``. Raises PresetError: it would run something, holds a credential, has
    the name of another one (unless it is to ``replace`` that)."""
    refuse_what_runs(manifest, place)
    folder = presets_folder(environ) / checked_name(name)
    if folder.exists() and not replace:
        raise PresetError(f'There is a preset "{name}" already: replace it, or give this one another name.')
    fields, manifest = answered(manifest, given)
    if without_secrets(fields)[0] != fields:
        raise PresetError(
            f"{place} holds a credential in clear: ask its author for one without, and tell them."
        )
    keep(folder, manifest, fields)
    return Installed(name=name, hosts=hosts_of(fields), variables=variables_of(fields))


def answered(manifest: Table, given: Mapping[str, object]) -> tuple[Table, Table]:
    """The configuration of a preset with more of its blanks filled in, and the manifest that remembers them.

    Raises PresetError: also for a password, which is never kept.
    """
    inputs = inputs_of(manifest)
    for blank in given:
        if blank in inputs and is_password(inputs[blank]):
            raise PresetError(
                f"{blank} is a password, which a preset does not keep: set the variable {variable_for(blank)} in the "
                "environment of the gateway."
            )
    known = own_values(manifest)
    passwords = {blank for blank, entry in inputs.items() if is_password(entry)}
    values = {blank: value for blank, value in {**known, **given}.items() if blank not in passwords}
    without = {key: value for key, value in manifest.items() if key != "userValues"}
    return applied(manifest, values), {**without, "userValues": values} if values else without


def keep(folder: Path, manifest: Mapping[str, object], configuration: Mapping[str, object]) -> None:
    """Write a preset's files, for the user alone. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in ((MANIFEST, manifest), (CONFIGURATION, configuration)):
        keep_file(folder / name, content)


def keep_file(file: Path, content: Mapping[str, object]) -> None:
    """One of a preset's files, whole or not at all. Raises OSError."""
    new = file.with_name(f".{file.name}.new")
    new.touch(mode=0o600)
    new.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
    new.replace(file)


def discard(folder: Path) -> None:
    """Remove a preset with all that is in its folder; of one that is a link, only the link."""
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder)

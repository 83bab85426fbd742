"""The configuration of an installed preset: its providers and routes, and nothing of a server's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

import msgspec
from msgspec import structs

from trunkline.config.dialect import dialect_of
from trunkline.config.load import decode_text
from trunkline.config.presets.blanks import applied
from trunkline.config.presets.manifest import PresetError
from trunkline.config.presets.store import CONFIGURATION, MANIFEST, own_values, read_manifest
from trunkline.config.schema import Configuration, Server
from trunkline.config.table import read_table

ROUTER: Final = "CUSTOM_ROUTER_PATH"
CCR_KEYS: Final = (
    "Providers", "providers", "Router", "fallback", "transformers", ROUTER, "API_TIMEOUT_MS",
)  # fmt: skip
"""What counts of a preset in claude-code-router's form. There it is the first three alone (ccr.md 3.5, 4.1)."""

Stamp = tuple[tuple[int, int, int] | None, ...]
"""What changes when one of a preset's files is written: time, size, file."""


def stamp(folder: Path) -> Stamp:
    """The state of a preset's files."""
    found: list[tuple[int, int, int] | None] = []
    for name in (MANIFEST, CONFIGURATION):
        try:
            status = (folder / name).stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)


def preset_configuration(folder: Path, server: Server, environ: Mapping[str, str]) -> Configuration:
    """What the preset in ``folder`` means, to be served by ``server``. Raises ConfigurationError, PresetError.

    One that claude-code-router installed has a manifest alone, with the answers to its questions in it.
    """
    file = folder / CONFIGURATION
    if file.is_file():
        fields = read_table(file)
    else:
        file = folder / MANIFEST
        manifest = read_manifest(file)
        fields = applied(manifest, own_values(manifest))
    text = msgspec.json.encode(fields).decode()
    if dialect_of(text) == "ccr":
        fields = {key: fields[key] for key in CCR_KEYS if key in fields}
        if "transformers" in fields:
            fields["transformers"] = _own_plugins(fields["transformers"], folder)
        if ROUTER in fields:
            _check_router(fields[ROUTER], folder)
    else:
        fields.pop("server", None)
    configuration = decode_text(msgspec.json.encode(fields).decode(), file, environ)
    return structs.replace(configuration, server=server)


def _check_router(path: object, folder: Path) -> None:
    """A router is a file of the preset's folder, or one that its path names in full: whoever wrote the manifest there
    has named it on purpose, since none that runs anything is taken in. Raises PresetError."""
    text = str(path)
    in_full = Path(text).is_absolute() or text.startswith(("~", "$"))
    if not in_full and not (folder / text).resolve().is_relative_to(folder.resolve()):
        raise PresetError(f"{ROUTER} leads out of the preset's folder: give its path in full.")


def _own_plugins(listed: object, folder: Path) -> list[object]:
    """The plugins that came with the preset, by their full paths. One from elsewhere is none of the preset's."""
    found: list[object] = []
    for entry in cast("list[object]", listed) if isinstance(listed, list) else []:
        table = cast("dict[str, object]", entry) if isinstance(entry, dict) else {}
        path = (folder / str(table.get("path", ""))).resolve()
        if path.is_relative_to(folder.resolve()) and path.is_file():
            found.append({**table, "path": str(path)})
    return found

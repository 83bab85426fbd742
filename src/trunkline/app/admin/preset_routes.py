"""``/api/presets``: what is installed, taking in another, filling in its blanks, removing it."""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar, cast

from trunkline.app.admin.answers import Table, answer, done, refuse, table_in, told
from trunkline.app.admin.preset_archive import MAGIC, manifest_in_archive
from trunkline.config.masking import without_secrets
from trunkline.config.presets.manifest import PresetError, checked_name, configuration_of
from trunkline.config.presets.store import (
    CONFIGURATION,
    MANIFEST,
    Installed,
    answered,
    discard,
    install,
    installed_files,
    keep_file,
    own_values,
    preset_folder,
    read_manifest,
)
from trunkline.config.problems import ConfigurationError
from trunkline.server.admin import AdminAnswer, AdminCall

T = TypeVar("T")
ABOUT: Final = (
    "version", "description", "author", "homepage", "repository", "license", "keywords", "ccrVersion", "source", "sourceType",
    "checksum",
)  # fmt: skip
_ELSEWHERE: Final = (
    "Trunkline fetches no presets: download one, look at it, and send its manifest or archive to POST /api/presets/install, or "
    "use trunkline preset install FILE."
)


class PresetRoutes:
    """The presets in the folders that ``environ`` names."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ

    async def every(self, call: AdminCall) -> AdminAnswer:
        """All of them; one whose manifest cannot be read is told as such."""
        return answer({"presets": await asyncio.to_thread(self._listed)})

    async def show(self, call: AdminCall) -> AdminAnswer:
        """One with its manifest, secrets masked."""
        return answer(await asyncio.to_thread(self._shown, call.rest))

    async def install(self, call: AdminCall) -> AdminAnswer:
        """Take in a manifest, given as ``{"manifest": {...}, "name"?, "values"?, "replace"?}`` or in a zip archive."""
        taken = await asyncio.to_thread(self._install, call.body)
        return done(
            f"Preset {taken.name} installed",
            presetName=taken.name,
            hosts=taken.hosts,
            variables=taken.variables,
        )

    async def apply(self, call: AdminCall) -> AdminAnswer:
        """Fill in blanks: ``{"secrets": {id: value}}``, as claude-code-router calls them."""
        values = table_in(call.body).get("secrets", {})
        if not isinstance(values, dict):
            refuse(400, 'The body must be {"secrets": {"name of a blank": "value"}}.')
        await asyncio.to_thread(self._apply, call.rest, cast("Table", values))
        return done("Preset applied successfully")

    async def remove(self, call: AdminCall) -> AdminAnswer:
        """Delete one."""
        await asyncio.to_thread(self._remove, call.rest)
        return done("Preset deleted successfully")

    async def elsewhere(self, call: AdminCall) -> AdminAnswer:
        """What would fetch something from the network."""
        refuse(501, _ELSEWHERE)

    def _listed(self) -> list[Table]:
        found: list[Table] = []
        for name, file in installed_files(self._environ).items():
            try:
                manifest = cast("Table", without_secrets(read_manifest(file)))
            except (PresetError, ConfigurationError):
                manifest = {"error": "its manifest cannot be read"}
            shown: Table = {"id": name, "name": manifest.get("name") or name, "version": "1.0.0"}
            shown |= {key: manifest[key] for key in (*ABOUT, "error") if key in manifest}
            found.append({**shown, "installed": True})
        return found

    def _shown(self, name: str) -> Table:
        folder = self._folder(name)
        manifest = cast("Table", without_secrets(_tried(lambda: read_manifest(folder / MANIFEST))))
        metadata = {key: manifest[key] for key in ("name", *ABOUT) if key in manifest}
        shown: Table = {"id": name, "metadata": metadata}
        shown |= {key: manifest[key] for key in ("schema", "template", "configMappings") if key in manifest}
        return {**shown, "config": configuration_of(manifest), "userValues": own_values(manifest)}

    def _install(self, body: bytes) -> Installed:
        if body.startswith(MAGIC):
            wanted: Table = {"manifest": _tried(lambda: manifest_in_archive(body))}
        else:
            wanted = table_in(body)
            if "url" in wanted and "manifest" not in wanted:
                refuse(501, _ELSEWHERE)
        manifest, values = wanted.get("manifest"), wanted.get("values", {})
        if not isinstance(manifest, dict) or not isinstance(values, dict):
            refuse(
                400,
                'The body must be {"manifest": {...}}, with "name", "values" and "replace" as needed, or a zip.',
            )
        table = cast("Table", manifest)
        name, replace = str(wanted.get("name") or table.get("name") or ""), wanted.get("replace") is True
        _tried(lambda: checked_name(name))
        if not replace and name in installed_files(self._environ):
            refuse(409, f'There is a preset "{name}" already: "replace": true replaces it.')
        given = cast("Table", values)
        return _tried(
            lambda: install(table, MANIFEST, name=name, given=given, replace=replace, environ=self._environ)
        )

    def _apply(self, name: str, values: Table) -> None:
        folder = self._folder(name)
        before = _tried(lambda: read_manifest(folder / MANIFEST))
        fields, manifest = _tried(lambda: answered(before, values))
        if (folder / CONFIGURATION).is_file():
            keep_file(folder / CONFIGURATION, fields)
        else:  # claude-code-router's own: what it keeps there stays
            manifest = {**before, "userValues": {**own_values(before), **values}}
        keep_file(folder / MANIFEST, manifest)

    def _remove(self, name: str) -> None:
        folder = self._folder(name)
        if (folder / "home" / "service.json").exists():
            refuse(
                409,
                f"A gateway of its own may run on {name}: trunkline preset stop {name}, then delete it.",
            )
        discard(folder)

    def _folder(self, name: str) -> Path:
        _tried(lambda: checked_name(name))
        try:
            return preset_folder(name, self._environ)
        except PresetError as error:
            refuse(404, str(error))


def _tried(call: Callable[[], T]) -> T:
    """Its result. What is wrong with a preset is the caller's to know (400)."""
    try:
        return call()
    except PresetError as error:
        refuse(400, str(error))
    except ConfigurationError as error:
        refuse(400, told(error))

"""``/api/config/text``: the configuration file as its owner wrote it, without its secrets, and saving it so."""

import asyncio
import difflib
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from trunkline.app.admin.answers import answer, refuse
from trunkline.app.admin.config_file import Stale, check_text, check_version, save_text, version_of
from trunkline.app.admin.config_routes import edited_file, refuse_stale
from trunkline.config.load import dialect_in, read_text
from trunkline.config.masking import MASK, Hidden
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration
from trunkline.config.show import masked
from trunkline.config.source_masking import masked_source, unmasked_source
from trunkline.config.source_spans import is_json
from trunkline.server.admin import AdminAnswer, AdminCall

CONTEXT = 3
"""Lines around a difference."""


class Finding(Struct, frozen=True):
    """What is wrong, and where in the text that was sent."""

    line: int | None
    key: str
    problem: str


class _Wanted(Struct):
    text: str
    version: str
    check: bool = False


class ConfigText:
    """The file that ``configuration`` was read from, as text."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    async def read(self, call: AdminCall) -> AdminAnswer:
        """The text as it stands, each secret masked; without a file that is edited here, what is in force."""
        return answer(await asyncio.to_thread(self._read))

    async def save(self, call: AdminCall) -> AdminAnswer:
        """Check a text or save it. It is in force after a reload or a restart."""
        try:
            wanted = msgspec.json.decode(call.body, type=_Wanted)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            refuse(400, f'{{"text": "...", "version": "...", "check": true}} is wanted: {error}')
        file = edited_file(self._configuration)
        if file is None:
            refuse(
                409, f"The gateway runs on no file that is edited here but on {self._configuration.source}."
            )
        return answer(await asyncio.to_thread(self._save, file, wanted))

    def _read(self) -> dict[str, object]:
        file = edited_file(self._configuration)
        if file is None:
            return {
                "path": self._configuration.source,
                "kind": "environment",
                "language": "json",
                "text": msgspec.json.format(msgspec.json.encode(masked(self._configuration))).decode()
                + "\n",
                "version": "",
                "writable": False,
            }
        try:
            text = read_text(file)
            shown = masked_source(text)
        except ConfigurationError as error:
            refuse(409, f"{file.name} cannot be read as it is now. {error.problems[0].message}.")
        return {
            "path": str(file),
            "kind": dialect_in(file, text),
            "language": "json" if is_json(text) else "yaml",
            "text": shown,
            "version": version_of(text),
            "writable": os.access(file, os.W_OK) and os.access(file.resolve().parent, os.W_OK),
        }

    def _save(self, file: Path, wanted: _Wanted) -> dict[str, object]:
        before, new = "", ""

        def changed(text: str) -> str:
            nonlocal before, new
            check_version(text, wanted.version)
            before, new = text, unmasked_source(wanted.text, text)
            return new

        try:
            if wanted.check:
                check_text(file, changed(read_text(file)), os.environ)
            else:
                save_text(file, changed, os.environ)
        except Stale:
            refuse_stale(file)
        except (ConfigurationError, Hidden) as error:
            return {"findings": _findings(error), "diff": difference(before, new), "saved": False}
        except OSError as error:
            refuse(500, f"Nothing can be written beside {file.name}: {error.strerror}. It is as it was.")
        return {"findings": [], "diff": difference(before, new), "saved": not wanted.check}


def difference(before: str, new: str) -> str:
    """What is changed, as a unified diff without secrets; empty where the new text cannot be read."""
    try:
        old_lines = masked_source(before).splitlines(keepends=True)
        new_lines = masked_source(new, before).splitlines(keepends=True)
    except ConfigurationError:
        return ""
    lines = difflib.unified_diff(old_lines, new_lines, "now", "new", n=CONTEXT)
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def _findings(error: ConfigurationError | Hidden) -> list[Finding]:
    if isinstance(error, ConfigurationError):
        return [Finding(problem.line, problem.key, problem.message) for problem in error.problems]
    message = f"{MASK} stands where the file has no secret to keep: write it out, or name a variable, as ${{NAME}}"
    return [Finding(None, place, message) for place in error.places]

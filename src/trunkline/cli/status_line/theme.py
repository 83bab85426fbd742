"""Which modules a status line has: those of the user's claude-code-router file, else ours."""

import json  # noqa: TID251 - see words.py
import os
from collections.abc import Mapping, Sequence
from typing import Final, cast

from trunkline.cli.status_line.words import Table, table, text

ICONS: Final = (
    ("\U000f024b", "{{workDirName}}", "bright_blue"),
    ("\ue725", "{{gitBranch}}", "bright_magenta"),
    ("\U000f06a9", "{{model}}", "bright_cyan"),
    ("↑", "{{inputTokens}}", "bright_green"),
    ("↓", "{{outputTokens}}", "bright_yellow"),
)
"""Signs of the fonts that people use in terminals for such lines."""


def usual_modules(environ: Mapping[str, str]) -> list[Table]:
    """Folder, branch, model, tokens; without signs where the terminal cannot show them."""
    simple = environ.get("USE_SIMPLE_ICONS") == "true" or environ.get("TERM", "unknown") in (
        "dumb",
        "unknown",
    )
    return [
        {"icon": sign if not simple or sign in "↑↓" else "", "text": said, "color": shade}
        for sign, said, shade in ICONS
    ]


def modules_of(settings: Table, environ: Mapping[str, str]) -> tuple[str, Sequence[Table]]:
    """The style in use and its modules, from ``StatusLine`` of the file."""
    section = table(settings, "StatusLine")
    style = text(section.get("currentStyle")) or "default"
    listed = cast("list[object]", table(section, style).get("modules") or [])
    modules = [cast("Table", module) for module in listed if isinstance(module, dict)]
    return style, modules or usual_modules(environ)


def usual_model(*files: Table) -> str:
    """The model of ``Router.default``, from the first of the files that has one."""
    found = (text(table(file, "Router").get("default")).partition(",")[2] for file in files)
    return next((model for model in found if model), "")


def settings_folder(parent: str) -> str:
    """Where claude-code-router's file is for a home or a project."""
    return os.path.join(parent, ".claude-code-router")


def settings_in(folder: str) -> Table:
    """The content of the file there; empty when there is none."""
    try:
        with open(os.path.join(folder, "config.json"), encoding="utf-8-sig") as file:
            return read_settings(file.read())
    except OSError:
        return {}


def read_settings(written: str) -> Table:
    """The file's content. Comments and the like are read by the slower reader that knows them."""
    try:
        value: object = json.loads(written)
    except ValueError:
        from trunkline.config.json5_file import decode_json5
        from trunkline.config.problems import ConfigurationError
        from trunkline.config.tree import plain

        try:
            value = plain(decode_json5(written, "config.json").root)
        except ConfigurationError:
            value = {}
    return cast("Table", value) if isinstance(value, dict) else {}

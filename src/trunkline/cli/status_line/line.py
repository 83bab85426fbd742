"""The status line from stdin to stdout."""

import os
import sys
from collections.abc import Mapping
from typing import Final

from trunkline.cli.status_line import style, theme
from trunkline.cli.status_line.words import Table, Words, decoded, table, text, words_of

PATIENCE: Final = 1.0
"""Seconds that a script module has."""
RUNNER: Final = (
    "const [f, v, o] = process.argv.slice(1); const m = require(f); Promise.resolve("
    "typeof m === 'function' ? m(JSON.parse(v), JSON.parse(o)) : m).then(t => process.stdout.write(String(t ?? '')))"
)


def run() -> int:
    """Read what Claude Code says, print the line. The exit code: 1 when that is no JSON object."""
    said = sys.stdin.read() if sys.stdin is not None else ""
    status = decoded(said)
    if not status:
        print("trunkline: what came on stdin is not Claude Code's JSON object", file=sys.stderr)
        return 1
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # a console's or a pipe's, which both can
    print(line_for(status, os.environ))
    return 0


def line_for(status: Table, environ: Mapping[str, str]) -> str:
    """The line."""
    folder = text(table(status, "workspace").get("current_dir")) or text(status.get("cwd"))
    where = theme.settings_folder(environ.get("HOME") or environ.get("USERPROFILE") or "/nonexistent")
    settings = theme.settings_in(where)
    # A project's file is not the user's: it may name a model, but draws nothing and runs nothing.
    project: Table = theme.settings_in(theme.settings_folder(folder)) if folder else {}
    named, modules = theme.modules_of(settings, environ)
    words = words_of(status, theme.usual_model(project, settings), environ)
    drawn = [(module, said) for module in modules if (said := _said(module, words, where))]
    return style.powerline(drawn) if named == "powerline" else style.plain(drawn)


def _said(module: Table, words: Words, where: str) -> str:
    if module.get("type") != "script":
        return style.filled(module, words)
    script = _script(module, words, where)
    return style.filled({**module, "text": script}, {}) if script else ""


def _script(module: Table, words: Words, where: str) -> str:
    """What a JavaScript file of the user's makes of the variables; nothing when it fails or takes too long."""
    import json  # noqa: TID251 - see words.py
    import subprocess

    path = os.path.join(where, os.path.expanduser(text(module.get("scriptPath"))))
    try:
        done = subprocess.run(  # noqa: S603 - a file that the user has named in a file of their own
            ["node", "-e", RUNNER, path, json.dumps(words), json.dumps(module.get("options") or {})],  # noqa: S607 - Node as the user has it
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout

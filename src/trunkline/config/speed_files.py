"""Where the speed of a session's answers is kept for its status line: claude-code-router's own place (ccr.md 1.1)."""

import os
from collections.abc import Mapping
from typing import Final

VARIABLES: Final = ("TMPDIR", "TEMP", "TMP")
FRESH: Final = 3.0
"""Seconds that a speed is shown for."""


def speed_folder(environ: Mapping[str, str]) -> str:
    """The folder of the files, below the one for what is temporary."""
    named = (environ.get(name) for name in VARIABLES)
    return os.path.join(next((place for place in named if place), "/tmp"), "claude-code-router")  # noqa: S108 - its owner is checked


def speed_file(session: str) -> str:
    """The name of a session's file."""
    return f"session-{session}.json"

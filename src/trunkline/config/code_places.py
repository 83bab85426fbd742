"""Where code of the user's is: a script, a Python file, a class in one, or an installed module."""

from pathlib import Path
from typing import Final

SCRIPTS: Final = ("", ".js", ".cjs", ".mjs", "/index.js")
"""What a script's path may lack, as Node completes it."""


def file_of(place: str) -> str | None:
    """The Python file in ``place``, None where it names a script or a module."""
    file, colon, name = place.rpartition(":")
    if place.endswith(".py"):
        return place
    return file if colon and file.endswith(".py") and name.isidentifier() else None


def is_script(place: str) -> bool:
    """Whether it is JavaScript: anything that is neither a Python file nor ``module:name``."""
    module = ":" in place and not any(mark in place for mark in "/\\")
    return file_of(place) is None and not module


def resolved(place: str, source: str) -> str:
    """``place`` with its path made whole: beside ``source``, the configuration's file, where it is relative."""
    if file_of(place) is None and not is_script(place):
        return place
    return str(Path(source).parent / Path(place).expanduser())


def is_there(place: str) -> bool:
    """Whether there is such a file; of a module that shows when it is loaded."""
    if is_script(place):
        return any(Path(place + end).is_file() for end in SCRIPTS)
    file = file_of(place)
    return file is None or Path(file).is_file()

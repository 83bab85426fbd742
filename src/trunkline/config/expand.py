"""``$NAME`` and ``${NAME}`` in configuration values."""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

REFERENCE: Final = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<braced>[^}]*)\}|(?P<bare>[A-Z_][A-Z0-9_]*))")
"""``$$`` is a dollar sign; the bare form takes upper case only, so that most passwords stay as they are."""

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Expanded(Struct, frozen=True, repr_omit_defaults=True):
    """``value`` None: ``missing`` says why. ``literal``: nothing came from the environment."""

    value: str | None
    missing: str = ""
    literal: bool = True

    def __repr__(self) -> str:
        return f"Expanded(missing={self.missing!r})"


def expand(text: str, environ: Mapping[str, str]) -> Expanded:
    """``text`` with its references filled in, once; a variable's own ``$`` stay as they are."""
    pieces: list[str] = []
    literal, end = True, 0
    for match in REFERENCE.finditer(text):
        pieces.append(text[end : match.start()])
        end = match.end()
        if match["dollar"]:
            pieces.append("$")
            continue
        name = match["bare"] if match["braced"] is None else match["braced"]
        if not NAME.fullmatch(name):
            return Expanded(None, "between ${ and } must stand the name of an environment variable")
        value = environ.get(name, "")
        if not value:
            whole = match["braced"] is not None or match.span() == (0, len(text))
            return Expanded(None, _missing(name, name in environ, whole))
        literal = False
        pieces.append(value)
    pieces.append(text[end:])
    return Expanded("".join(pieces), literal=literal)


def _missing(name: str, empty: bool, whole: bool) -> str:
    state = "empty" if empty else "not set"
    if whole:
        return f"the environment variable {name} is {state}"
    # A "$" inside a longer text may be part of a password: what follows it is not repeated.
    return f"what follows a $ here is an environment variable that is {state}; write $$ for a dollar sign"

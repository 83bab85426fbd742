"""``$NAME`` and ``${NAME}`` as claude-code-router fills them in (reference ccr.md 1.3)."""

import re
from collections.abc import Mapping
from typing import Final

from trunkline.config.expand import Expanded

REFERENCE: Final = re.compile(r"\$(?:\{(?P<braced>[^}]+)\}|(?P<bare>[A-Z_][A-Z0-9_]*))")


def expand_ccr(text: str, environ: Mapping[str, str]) -> Expanded:
    """``text`` with its references filled in, once. There is no escape: ``$$`` is two dollar signs.

    CCR leaves a reference to nothing as it stands. That only makes sense for a bare ``$`` inside a
    longer text, which may be a password's own; any other one is missing.
    """
    pieces: list[str] = []
    literal, end = True, 0
    for match in REFERENCE.finditer(text):
        name = match["braced"] or match["bare"]
        value = environ.get(name, "")
        if not value and (match["braced"] is not None or match.span() == (0, len(text))):
            state = "empty" if name in environ else "not set"
            return Expanded(None, f"the environment variable {name} is {state}")
        if value:
            pieces += [text[end : match.start()], value]
            literal, end = False, match.end()
    pieces.append(text[end:])
    return Expanded("".join(pieces), literal=literal)


def spell(text: str, environ: Mapping[str, str]) -> str:
    """The same text as Trunkline's own form has it: ``${NAME}`` for what is filled in, ``$$`` for a dollar sign."""
    pieces: list[str] = []
    end = 0
    for match in REFERENCE.finditer(text):
        name = match["braced"] or match["bare"]
        if environ.get(name, ""):
            pieces += [text[end : match.start()].replace("$", "$$"), f"${{{name}}}"]
            end = match.end()
    pieces.append(text[end:].replace("$", "$$"))
    return "".join(pieces)


def only_reference(text: str) -> str | None:
    """The variable's name, when a text is one reference and nothing else."""
    match = REFERENCE.fullmatch(text.strip())
    return None if match is None else match["braced"] or match["bare"]

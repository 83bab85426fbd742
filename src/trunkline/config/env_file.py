"""Files of environment variables (``.env``), as the libraries that read them do: nothing in them is run."""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

ASSIGNMENT: Final = re.compile(
    r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*"
    r"(?:'(?P<single>[^']*)'|\"(?P<double>(?:[^\"\\]|\\.)*)\"|(?P<bare>[^\r\n]*))"
)
COMMENT: Final = re.compile(r"(?:^|\s)#.*")
REFERENCE: Final = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}


class Variable(Struct, frozen=True, repr_omit_defaults=True):
    """One assignment; ``value`` may be a secret, so it is never shown."""

    line: int
    value: str

    def __repr__(self) -> str:
        return f"Variable(line={self.line})"


def decode_env(text: str, environ: Mapping[str, str]) -> dict[str, Variable]:
    """The assignments of a file, the last of a name; anything else in it is left out.

    A comment may follow a value that has no quotes. ``${NAME}`` and ``${NAME:-default}`` are filled in, but in
    single quotes, from ``environ`` and then from the assignments before; a variable that is not there is empty.
    """
    found: dict[str, Variable] = {}
    position = 0
    while position < len(text):
        match = ASSIGNMENT.match(text, position)
        if match is not None:
            line = text.count("\n", 0, match.start("name")) + 1
            found[match["name"]] = Variable(line, _value(match, found, environ))
        end = text.find("\n", position if match is None else match.end())
        position = len(text) if end < 0 else end + 1
    return found


def _value(match: re.Match[str], found: Mapping[str, Variable], environ: Mapping[str, str]) -> str:
    if match["single"] is not None:
        return match["single"]
    if match["double"] is not None:
        text = re.sub(r"\\(.)", lambda escape: ESCAPES.get(escape[1], escape[1]), match["double"])
    else:
        text = COMMENT.sub("", match["bare"]).strip()

    def filled(reference: re.Match[str]) -> str:
        name = reference["name"]
        before = found[name].value if name in found else ""
        return environ.get(name) or before or reference["default"] or ""

    return REFERENCE.sub(filled, text)

"""Model names as clients write them: which are Claude names, and which glob fits a name best."""

import re
from typing import Final

from msgspec import Struct

from trunkline.config.schema import FAMILIES

CONTEXT_MARKER: Final = "[1m]"
DISCOVERY_PREFIX: Final = "anthropic/"
"""Claude Code's model picker hides ids without "claude" or "anthropic", so others are listed under this."""

_CLAUDE: Final = re.compile(r"(?:[a-z]{2,6}\.)?(?:anthropic[./])?claude(?:[-_ ].*)?")


class Glob(Struct, frozen=True):
    """A pattern with ``*`` and ``?``; all else is literal, brackets too (``[1m]`` is part of names)."""

    pattern: str
    matcher: re.Pattern[str]

    @property
    def rank(self) -> tuple[int, int]:
        """Sorts the most specific first: most literal characters, then fewest stars."""
        stars = self.pattern.count("*")
        return (stars + self.pattern.count("?") - len(self.pattern), stars)


def is_glob(pattern: str) -> bool:
    """Whether a name stands for more than itself."""
    return "*" in pattern or "?" in pattern


def glob(pattern: str) -> Glob:
    """The pattern, ready to match whole names; letter case does not matter."""
    pieces = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return Glob(pattern, re.compile("".join(pieces), re.IGNORECASE | re.DOTALL))


def plain_name(name: str) -> str:
    """The name without blanks around it and without the mark that asks for a long context."""
    stripped = name.strip()
    if stripped.casefold().endswith(CONTEXT_MARKER):
        return stripped[: -len(CONTEXT_MARKER)].rstrip()
    return stripped


def claude_family(name: str) -> str | None:
    """``opus``, ``sonnet``, ``haiku`` or ``fable`` of a Claude name, ``claude`` when it is none of these.

    None: not a Claude name. Claude names are the families themselves and ids that begin with ``claude``,
    also as Bedrock and OpenRouter write them.
    """
    lowered = plain_name(name).lower()
    if lowered in FAMILIES:
        return lowered
    if not _CLAUDE.fullmatch(lowered):
        return None
    return next((family for family in FAMILIES if family in lowered), "claude")

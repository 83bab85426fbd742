"""How many tokens a minute a workspace lets a model read and write (databricks.md 5.4)."""

import re
from typing import Final

from msgspec import Struct

from trunkline.catalog.names import family_key, family_of


class MinuteLimits(Struct, frozen=True):
    """Tokens in one sliding minute, shared by everybody in the workspace."""

    input: int
    output: int


_USUAL: Final = MinuteLimits(200_000, 20_000)
_OPEN: Final = MinuteLimits(1_000_000, 100_000)
_LATE: Final = MinuteLimits(200_000, 10_000)
_BY_FAMILY: Final = {
    "claude": _USUAL,
    "gpt": _USUAL,
    "gemini": _USUAL,
    "grok": _USUAL,
    "glm": _USUAL,
    "gpt_oss": _OPEN,
    "llama": _OPEN,
    "gemma": _OPEN,
    "qwen": _OPEN,
    "deepseek": _LATE,
    "kimi": _LATE,
    "inkling": _LATE,
}
"""Pay-per-token, Enterprise tier (Databricks' documentation, 2026-09; a test compares with what was recorded)."""
_LARGE_DEEPSEEK: Final = re.compile(r"deepseek-.*-pro(?:-.*)?")
_NO_TOKENS: Final = re.compile(r"(?:gte|bge|e5)-.*|.*embedding.*")


def usual_limits(deployment: str) -> MinuteLimits | None:
    """What Databricks gives its own models as a rule; None for endpoints and services that users made."""
    name = deployment.strip().lower()
    key = family_key(name)
    if not name.startswith(("databricks-", "system.ai.")) or _NO_TOKENS.fullmatch(key):
        return None
    if _LARGE_DEEPSEEK.fullmatch(key):
        return MinuteLimits(200_000, 4_000)
    return _BY_FAMILY.get(family_of(key))


def in_words(limits: MinuteLimits) -> str:
    """As people read it."""
    return f"{limits.input:,} tokens in and {limits.output:,} out a minute"

"""The best Claude of each tier among a workspace's deployments."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from trunkline.catalog.names import family_key

TIERS: Final = ("opus", "sonnet", "haiku", "fable")

_HIDDEN: Final = re.compile(r".*-(claude-(?:opus|sonnet|haiku|fable)-\d.*)")
"""A user's own name around a model's: ``team-claude-sonnet-4-5``."""
_NOTHING: Final[Mapping[str, str]] = {}
_CLAUDE: Final = re.compile(r"claude-(?P<tier>[a-z]+)-(?P<version>\d+(?:-\d{1,2})?)(?P<rest>-.*)?")


def bases_of(names: Iterable[str], said: Mapping[str, str] = _NOTHING) -> dict[str, str]:
    """Deployment to the model behind it, where its own name is another: as the workspace ``said``, else by
    the model's name inside it."""
    found: dict[str, str] = {}
    for name in names:
        hidden = _HIDDEN.fullmatch(family_key(name))
        base = said.get(name) or (hidden[1] if hidden else None)
        if base is not None:
            found[name] = base
    return found


def best_claude(names: Iterable[str], bases: Mapping[str, str] = _NOTHING) -> dict[str, str]:
    """Tier (``opus``, ``sonnet``, ``haiku``, ``fable``) to the newest deployment of it, as it is named in ``names``.

    ``bases`` has the models behind names that hide them. Of two names for one model the platform's own wins
    over one with additions or of a user's, then the first. Tiers without a deployment are absent.
    """
    best: dict[str, tuple[tuple[int, int, int], str]] = {}
    for name in names:
        match = _CLAUDE.fullmatch(family_key(bases.get(name, name)))
        if match is None or match["tier"] not in TIERS:
            continue
        major, _, minor = match["version"].partition("-")
        rank = (int(major), int(minor or 0), 0 if match["rest"] or name in bases else 1)
        known = best.get(match["tier"])
        if known is None or rank > known[0]:
            best[match["tier"]] = (rank, name)
    return {tier: best[tier][1] for tier in TIERS if tier in best}

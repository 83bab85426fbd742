"""The best Claude of each tier among a workspace's deployments."""

import re
from collections.abc import Iterable
from typing import Final

from trunkline.catalog.names import family_key

TIERS: Final = ("opus", "sonnet", "haiku", "fable")

_CLAUDE: Final = re.compile(r"claude-(?P<tier>[a-z]+)-(?P<version>\d+(?:-\d{1,2})?)(?P<rest>-.*)?")


def best_claude(names: Iterable[str]) -> dict[str, str]:
    """Tier (``opus``, ``sonnet``, ``haiku``, ``fable``) to the newest deployment of it, as it is named in ``names``.

    Of two names for one model the platform's own wins over one with additions, then the first. Tiers
    without a deployment are absent.
    """
    best: dict[str, tuple[tuple[int, int, int], str]] = {}
    for name in names:
        match = _CLAUDE.fullmatch(family_key(name))
        if match is None or match["tier"] not in TIERS:
            continue
        major, _, minor = match["version"].partition("-")
        rank = (int(major), int(minor or 0), 0 if match["rest"] else 1)
        known = best.get(match["tier"])
        if known is None or rank > known[0]:
            best[match["tier"]] = (rank, name)
    return {tier: best[tier][1] for tier in TIERS if tier in best}

"""The owned list of differences: ``declared_losses.toml``."""

import tomllib
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def _list() -> dict[str, list[dict]]:
    return tomllib.loads((Path(__file__).parent / "declared_losses.toml").read_text(encoding="utf-8"))


def entries(kind: str) -> list[dict]:
    """Entries of one kind: their ``recordings``, ``to`` which protocols, and the ``reason``."""
    return _list().get(kind, [])

"""Two narrow doors from JSON of unknown shape to something the type checker knows."""

from typing import cast


def as_object(value: object) -> dict[str, object] | None:
    """A JSON object, None for anything else."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[object] | None:
    """A JSON array, None for anything else."""
    return cast("list[object]", value) if isinstance(value, list) else None

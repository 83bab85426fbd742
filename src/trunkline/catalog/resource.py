"""The catalog's files, read once."""

import tomllib
from importlib import resources


def read_table(name: str) -> dict[str, object]:
    """The TOML file ``name`` of this package. Callers keep what they make of it; this reads anew."""
    return tomllib.loads(resources.files("trunkline.catalog").joinpath(name).read_text(encoding="utf-8"))

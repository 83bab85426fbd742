"""Which tests there are: pages name them as evidence."""

import re
from functools import lru_cache
from pathlib import Path

_NAMED = re.compile(r"^\s*(?:async )?def (test_\w+)", re.MULTILINE)


@lru_cache(maxsize=1)
def names_of_tests() -> frozenset[str]:
    """The names of all tests."""
    tests = Path(__file__).parents[1]
    files = (
        file for folder in sorted(tests.iterdir()) if folder.is_dir() for file in folder.rglob("test_*.py")
    )
    return frozenset(
        name
        for file in files
        if "node_modules" not in file.parts
        for name in _NAMED.findall(file.read_text(encoding="utf-8"))
    )

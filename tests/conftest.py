"""Which tests are read and in what order, and what they are tried on.

The same generated examples in every run: what chance finds belongs to whoever goes looking for it.
TRUNKLINE_EXPLORE=1 looks at new ones.
"""

import os
import re
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

LONGEST = ("wire", "contract", "cli", "roundtrip")
"""Folders whose files take longest, in the order in which workers begin them: so both end together."""
MARKS = ("server", "agent")
NAMED = re.compile(rf"\bmark\.({'|'.join(MARKS)})\b")
OF_ALL = re.compile(rf"^pytestmark = .*{NAMED.pattern}", re.MULTILINE)

SLOW = (HealthCheck.too_slow,)
settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=SLOW)
settings.register_profile("exploring", deadline=None, suppress_health_check=SLOW)
settings.load_profile("exploring" if os.environ.get("TRUNKLINE_EXPLORE") else "repeatable")


@cache
def marks(file: Path) -> tuple[set[str], set[str]]:
    """Our marks that a file names, and those of them that stand for all its tests."""
    text = file.read_text(encoding="utf-8")
    return set(NAMED.findall(text)), set(OF_ALL.findall(text))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file in which ``-m`` chooses nothing is not read: that takes as long as many of the tests."""
    asked = config.option.markexpr
    if not asked or set(re.findall(r"\w+", asked)) - {*MARKS, "and", "or", "not"}:
        return None
    if not (collection_path.name.startswith("test_") and collection_path.suffix == ".py"):
        return None
    some, every = marks(collection_path)
    choices = product(
        *([True] if mark in every else [False, True] if mark in some else [False] for mark in MARKS)
    )
    chosen = any(eval(asked, {}, dict(zip(MARKS, choice, strict=True))) for choice in choices)
    return None if chosen else True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        hidden = {mark for mark in MARKS if item.get_closest_marker(mark)} - marks(item.path)[0]
        if hidden:
            raise pytest.UsageError(f"{item.nodeid}: {hidden} has to stand in the file as pytest.mark…")
    if hasattr(config, "workerinput"):
        rank = {folder: place for place, folder in enumerate(LONGEST)}
        items.sort(key=lambda item: rank.get(item.path.parent.name, len(LONGEST)))

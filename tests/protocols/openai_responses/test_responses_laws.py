"""The laws that every room keeps, over this one by name."""

from collections.abc import Callable
from typing import Any

import pytest

from contract import test_laws
from protocols.openai_responses.room import ROOM

LAWS = [
    law
    for name, law in vars(test_laws).items()
    if name.startswith("test_")
    and any(mark.name == "parametrize" for mark in getattr(law, "pytestmark", ()))
]


@pytest.mark.parametrize("law", [law for law in LAWS if "every_operation" not in law.__name__])
def test_law(law: Callable[..., Any]) -> None:
    law(codec=ROOM)


def test_there_are_laws() -> None:
    assert len(LAWS) >= 15

"""Rules on headers: where a request goes for what its client says of itself, before its model's name is looked at."""

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from trunkline.config.schema import HeaderTest
from trunkline.core.http import Headers
from trunkline.routing.plan import Target

_HOLDS: Final[dict[HeaderTest, Callable[[str, str], bool]]] = {
    "is": lambda found, wanted: found == wanted,
    "begins": lambda found, wanted: found.startswith(wanted),
    "contains": lambda found, wanted: wanted in found,
}
_FAILS: Final[dict[HeaderTest, HeaderTest]] = {"is_not": "is", "lacks": "contains"}
"""Tests that hold where another does not, also for a header that is not there."""


class Rule(Struct, frozen=True, kw_only=True):
    """See :class:`trunkline.config.schema.HeaderRule`. ``name`` is the route's reason."""

    name: str
    header: str
    test: HeaderTest
    value: str
    targets: tuple[Target, ...]


def first_rule(rules: Sequence[Rule], headers: Headers) -> Rule | None:
    """The first that holds for a request with these headers."""
    for rule in rules:
        found = [value for name, value in headers if name == rule.header]
        opposite = _FAILS.get(rule.test)
        holds = _HOLDS[opposite or rule.test]
        if any(holds(value, rule.value) for value in found) is (opposite is None):
            return rule
    return None

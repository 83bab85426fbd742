"""``rules`` of Trunkline's own file: targets by what stands in a header (claude-code-router 3 has them: ccr.md 8.3)."""

from collections.abc import Callable
from typing import Final

from trunkline.config.schema import HeaderRule, HeaderTest
from trunkline.config.section import Section
from trunkline.config.tree import Node

TESTS: Final[tuple[HeaderTest, ...]] = ("is", "is_not", "begins", "contains", "lacks")
KEPT: Final = frozenset({"authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"})  # fmt: skip
"""Headers that hold credentials: nobody behind the door sees them."""


def decode_rules(root: Section, chain: Callable[[Node, str], tuple[str, ...]]) -> tuple[HeaderRule, ...]:
    """The rules in order; mistakes are noted. ``chain`` reads targets at a key."""
    found: list[HeaderRule] = []
    for index, node in enumerate(root.items("rules")):
        section = Section(root.reading, node, f"rules[{index}]")
        header, to = section.text("header"), section.get("to")
        tests: list[HeaderTest] = [test for test in TESTS if section.get(test) is not None]
        if section.usable and header is None and section.get("header") is None:
            section.problem("header", "is missing: name the header that is looked at")
        elif header is not None and header.lower() in KEPT:
            section.problem("header", "holds a credential, which no rule sees")
        elif section.usable and len(tests) != 1:
            section.problem("header", f"wants one of {', '.join(TESTS)} beside it")
        if section.usable and to is None:
            section.problem("to", 'is missing: name the target, "to: provider/model"')
        value = section.text(tests[0]) if tests else None
        targets = () if to is None else chain(to, section.key("to"))
        section.finish()
        if header is not None and value is not None and targets:
            found.append(HeaderRule(header=header.lower(), test=tests[0], value=value, to=targets))
    return tuple(found)

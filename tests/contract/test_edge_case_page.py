"""Every edge case has a test that carries its number, or a reason on the page."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| E(\d+) \| (.+?) \| (.+?) \|$", re.MULTILINE)
NAME = re.compile(r"^\s*(?:async )?def (test_\w+)", re.MULTILINE)


def rows() -> dict[int, str]:
    """What the page says of each number."""
    found = ROW.findall((ROOT / "docs" / "edge_cases.md").read_text(encoding="utf-8"))
    assert len({number for number, _, _ in found}) == len(found), "a number stands twice"
    return {int(number): here for number, _, here in found}


def numbers(name: str) -> set[int]:
    """The edge cases that a test's name carries, as in ``test_E3_E70_...`` or ``test_E03_...``."""
    return {int(number) for word in name.split("_") for number in re.findall(r"^E(\d+)$", word)}


def named() -> dict[int, set[str]]:
    """Numbers that tests carry, with the tests."""
    found: dict[int, set[str]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for name in NAME.findall(file.read_text(encoding="utf-8")):
            for number in numbers(name):
                found.setdefault(number, set()).add(name)
    return found


def test_the_page_lists_every_edge_case_once_and_in_order() -> None:
    assert list(rows()) == list(range(1, 125))


def test_what_the_page_calls_tested_is_tested() -> None:
    tests = named()
    untested = [f"E{number}" for number, here in rows().items() if here == "tested" and number not in tests]
    assert not untested


def test_tests_use_numbers_that_the_page_explains() -> None:
    unknown = {f"E{number}": sorted(tests) for number, tests in named().items() if number not in rows()}
    assert not unknown


def test_a_row_without_a_test_gives_a_reason() -> None:
    assert all(
        here == "tested" or here.startswith("other protocol") or len(here) > 30 for here in rows().values()
    )

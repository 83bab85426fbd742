"""What a page numbers has a test that carries its number, or a reason on the page: edge cases, tests of reliability."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"^\s*(?:async )?def (test_\w+)", re.MULTILINE)


class Page(NamedTuple):
    """A page whose rows begin with ``letter`` and a number, from 1 to ``last``."""

    letter: str
    file: str
    last: int

    def rows(self) -> dict[int, str]:
        """What the page says of each number."""
        row = re.compile(rf"^\| {self.letter}(\d+) \| (.+?) \| (.+?) \|$", re.MULTILINE)
        found = row.findall((ROOT / "docs" / self.file).read_text(encoding="utf-8"))
        assert len({number for number, _, _ in found}) == len(found), "a number stands twice"
        return {int(number): here for number, _, here in found}

    def named(self) -> dict[int, set[str]]:
        """Numbers that tests carry, as in ``test_E3_E70_...`` or ``test_T08_...``, with the tests."""
        carried = re.compile(rf"{self.letter}(\d+)")
        found: dict[int, set[str]] = {}
        for file in sorted((ROOT / "tests").rglob("test_*.py")):
            for name in NAME.findall(file.read_text(encoding="utf-8")):
                for number in filter(None, map(carried.fullmatch, name.split("_"))):
                    found.setdefault(int(number[1]), set()).add(name)
        return found


pages = pytest.mark.parametrize(
    "page", [Page("E", "edge_cases.md", 124), Page("T", "reliability.md", 105)], ids=lambda page: page.file
)


@pages
def test_the_page_lists_every_number_once_and_in_order(page: Page) -> None:
    assert list(page.rows()) == list(range(1, page.last + 1))


@pages
def test_what_the_page_calls_tested_is_tested_and_the_reverse(page: Page) -> None:
    tested = {number for number, here in page.rows().items() if here.startswith("tested")}
    assert tested == page.named().keys()


@pages
def test_a_row_without_a_test_gives_a_reason(page: Page) -> None:
    reasons = [here for here in page.rows().values() if not here.startswith("tested")]
    assert all(here.startswith("other protocol") or len(here) > 30 for here in reasons)

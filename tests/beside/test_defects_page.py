"""The page of complaints: each is there, and every test that it names exists."""

import re

from beside.page import PAGE
from beside.shown import names_of_tests

ROW = re.compile(r"^\| D(\d+) \| (.+?) \| (.+?) \| (.*?) ?\|$", re.MULTILINE)


def rows() -> list[tuple[str, ...]]:
    page = (PAGE.parent / "ccr-defects.md").read_text(encoding="utf-8")
    return [tuple(row) for row in ROW.findall(page)]


def test_every_complaint_is_there_once_and_in_order() -> None:
    assert [int(number) for number, *_ in rows()] == list(range(1, 31))


def test_what_the_page_names_is_tested() -> None:
    known = names_of_tests()
    missing = [name for *_, shown in rows() for name in re.findall(r"`(\w+)`", shown) if name not in known]
    assert missing == []


def test_a_complaint_without_a_test_has_a_reason() -> None:
    assert all("`test_" in shown or len(here) > 50 for _, _, here, shown in rows())

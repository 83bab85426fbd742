"""Trunkline beside what was recorded of claude-code-router: who is asked, what with, and every difference explained."""

import re
from urllib.parse import urlsplit

import pytest

from beside.compare import apart
from beside.differences import DIFFERENCES, explain
from beside.meaning import said_to_client
from beside.page import PAGE, page, pair
from beside.provider import surface_of
from beside.rows import ENVIRON, ROWS, Row
from beside.shown import names_of_tests
from trunkline.config.load import load_file

SERVED = [row for row in ROWS if row.to and row.answer != "401"]


@pytest.mark.parametrize("row", SERVED, ids=lambda row: row.id)
def test_the_right_provider_is_asked_for_the_right_model(row: Row) -> None:
    seen = pair(row)[1]
    provider, model = row.to.split("/", 1)
    settings = dict(load_file(row.file, ENVIRON).providers)[provider]
    assert len(seen.sent) == (2 if row.first else 1)
    last = seen.sent[-1]
    places = [settings.host, settings.url, *(url for _, url in settings.speaks)]
    assert last.url.partition("/")[0] in {urlsplit(place).netloc or place for place in places if place}
    body = last.body
    assert isinstance(body, dict)
    assert body["model"] == model if surface_of(last.url) != "gemini" else f"/{model}:" in last.url
    credentials = {settings.credential.reveal()} if settings.credential else set()
    credentials |= {value for name, value in settings.headers if "key" in name}
    carried = [value.removeprefix("Bearer ") for name, value in last.headers.items() if name in KEYS]
    assert set(carried) == credentials
    assert seen.given.status == 200


WHY = (
    r"explicit|subagent tag|model of \w+|custom router \S+|route (default|background|think|longContext|webSearch|image)"
    r"( \(the subagent tag names .*, which is not there\)| \(-home-user-project/config\.json\))?"
)
KEYS = ("authorization", "x-api-key", "x-goog-api-key")


def test_the_table_is_long_enough() -> None:
    assert len(SERVED) >= 60
    assert len({row.config for row in ROWS}) >= 12


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_difference_is_explained(row: Row) -> None:
    theirs, ours = pair(row)
    assert [one for one in apart(theirs, ours) if explain(row.id, one) is None] == []
    assert said_to_client(ours.given).get("order", "right") == "right"


def test_every_explanation_is_needed() -> None:
    explained = {explain(row.id, one) for row in ROWS for one in apart(*pair(row))}
    assert [one for one in DIFFERENCES if one not in explained] == []


def test_what_shows_ours_right_is_a_test() -> None:
    shown = [one.shown for one in DIFFERENCES if one.right == "Trunkline"]
    assert [name for name in shown if name not in names_of_tests()] == []


@pytest.mark.parametrize("row", SERVED, ids=lambda row: row.id)
def test_the_answer_says_why_it_went_there(row: Row) -> None:
    """By the header: a route of the Router, the client's own words, or who lists the model."""
    why = pair(row)[1].why["x-trunkline-route"]
    provider = row.to.partition("/")[0]
    named = re.match(rf"{re.escape(provider)}[,/]", row.model or "", re.IGNORECASE) is not None
    tagged = f"MODEL>{provider}," in row.id
    assert re.fullmatch(WHY, why)
    assert (why == "subagent tag", why == "explicit") == (tagged, named and not tagged)


def test_the_page_is_what_happens() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make beside"


def test_an_empty_list_of_citations_is_no_search() -> None:
    (row,) = (row for row in ROWS if "ollama_cloud.json" in row.id and "stream: null | text" in row.id)
    theirs, ours = pair(row)
    assert "web_search" in theirs.given.body
    assert said_to_client(ours.given)["blocks"] == "text"


def test_a_search_that_nobody_runs_is_a_declared_loss() -> None:
    (row,) = (
        row
        for row in ROWS
        if row.config == "scenarios.json" and "websearch" in row.id and "haiku" in row.id
    )
    ours = pair(row)[1]
    assert "tools.web_search" in ours.why["x-trunkline-losses"]
    assert "tools" not in str(ours.sent[0].body)

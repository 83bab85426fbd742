"""The page ``docs/ccr-side-by-side.md``: ``python -m beside.page`` from ``tests`` writes it from the recording of
claude-code-router and from what Trunkline does."""

import itertools
from functools import cache
from pathlib import Path

from beside.compare import apart
from beside.differences import DIFFERENCES, Difference, explain
from beside.meaning import said_to_client, said_to_provider
from beside.ours import run_ours
from beside.record import OURS, recording
from beside.rows import AT_HOME, ENVIRON, ROWS, Row
from beside.seen import Seen

PAGE = Path(__file__).parents[2] / "docs" / "ccr-side-by-side.md"
OPENING = """# Beside claude-code-router

Written by `make beside`; do not edit. A test fails when it is out of date.

claude-code-router 2.0.0, as npm has it, and Trunkline were given the same configurations (`tests/config/ccr/configs`),
the same requests, which coding agents really sent (`tests/fixtures/clients`), and a provider that gives the same recorded
answers (`tests/fixtures/wire`) in one piece. What each then sent to the provider (address, credentials, body) and gave to the
client (content, end, usage, order of events) is compared by its meaning: how arguments, texts and blanks are written does not
matter. What claude-code-router did is a recording (`tests/fixtures/ccr`); a test runs it again and looks whether that is
still what it does.

Of {rows} requests over {configurations} configurations {same} are the same at both ends but for usage; where the two differ, the number tells
how, below.
"""


@cache
def pair(row: Row) -> tuple[Seen, Seen]:
    """What claude-code-router and what Trunkline did."""
    ours = recording(OURS)[row.id] if row.config in AT_HOME else run_ours(row, ENVIRON)
    return recording()[row.id], ours


def found(row: Row, theirs: Seen, ours: Seen) -> list[Difference]:
    """The differences of a row, each once, in the order of their table."""
    explained = [explain(row.id, one) for one in apart(theirs, ours)]
    return [difference for difference in DIFFERENCES if any(one is difference for one in explained)]


def page() -> str:
    """The whole page."""
    verdicts = {row.id: found(row, *pair(row)) for row in ROWS}
    same = sum(
        all("usage" in one.places or "include_usage" in one.places for one in several)
        for several in verdicts.values()
    )
    configurations = len({row.config for row in ROWS})
    lines = [OPENING.format(rows=len(ROWS), configurations=configurations, same=same)]
    for config, group in itertools.groupby(ROWS, lambda row: row.config):
        lines += [
            f"## {config}",
            "",
            "| request | claude-code-router | Trunkline | differences |",
            "| --- | --- | --- | --- |",
        ]
        lines += [_line(row, *pair(row), verdicts[row.id]) for row in group]
        lines.append("")
    lines += [
        "## Differences",
        "",
        "| | claude-code-router | Trunkline | right | shown by |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {number} | {one.theirs} | {one.ours} | {one.right} | {f'`{one.shown}`' if one.right == 'Trunkline' else one.shown} |"
        for number, one in enumerate(DIFFERENCES, 1)
    ]
    return "\n".join(lines) + "\n"


def _line(row: Row, theirs: Seen, ours: Seen, differences: list[Difference]) -> str:
    numbers = ", ".join(str(DIFFERENCES.index(one) + 1) for one in differences)
    asked = row.id.removeprefix(f"{row.config} | ").replace(" | ", ", ")
    did = _did(ours)
    shown = "the same" if did == _did(theirs) else did
    return f"| {asked} | {_did(theirs)} | {shown} | {numbers or 'none'} |"


def _did(seen: Seen) -> str:
    """What a router asked and gave, in few words."""
    asked = []
    for sent in seen.sent:
        said = said_to_provider(sent)
        place = sent.url.partition("?")[0]
        asked.append(f"{said['model']} at {place}" if "model" in said else place)
    given = said_to_client(seen.given)
    answer = (
        f"{given.get('blocks') or 'nothing'}, {given.get('stop')}"
        if seen.given.status == 200
        else "an error"
    )
    return f"{', then '.join(asked) or 'asks nobody'}: {seen.given.status} {answer}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""claude-code-router itself, once more: the recording is what it does."""

from pathlib import Path

import pytest

from beside.meaning import said_to_client, said_to_provider
from beside.record import OURS, recording, run_all_at_home, run_router
from beside.rows import AT_HOME, ROWS
from beside.seen import Seen

pytestmark = pytest.mark.agent


def said(seen: Seen) -> tuple[object, ...]:
    """All of it, without what is new in every run."""
    given = said_to_client(seen.given)
    given.pop("request_id", None)
    return [said_to_provider(sent) for sent in seen.sent], given


def test_the_recording_is_what_it_does(tmp_path: Path) -> None:
    known = recording()
    assert list(known) == [row.id for row in ROWS]
    changed = [row.id for row, seen in run_router(ROWS, tmp_path) if said(seen) != said(known[row.id])]
    assert changed == []


def test_what_is_recorded_of_trunkline_is_what_it_does(tmp_path: Path) -> None:
    known = recording(OURS)
    assert list(known) == [row.id for row in ROWS if row.config in AT_HOME]
    changed = [row.id for row, seen in run_all_at_home(ROWS, tmp_path) if said(seen) != said(known[row.id])]
    assert changed == []

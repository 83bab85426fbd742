"""Reading a log: its last lines, the lines that come, and the files that follow one another."""

import os
from pathlib import Path

import pytest

from trunkline.app import log_files as module
from trunkline.app.log_files import LogFiles, log_files
from trunkline.cli.logs import following, last_lines, readable


@pytest.mark.parametrize("length", [1, 100, 5000])
@pytest.mark.parametrize("count", [0, 1, 20, 100])
def test_last_lines(tmp_path: Path, length: int, count: int) -> None:
    lines = [f"{number}".ljust(length, "x") for number in range(60)]
    file = tmp_path / "log"
    file.write_text("".join(f"{line}\n" for line in lines) + "half a li")
    with open(file, "rb") as log:
        end = file.stat().st_size - len("half a li")
        assert last_lines(log.fileno(), count) == (lines[-count:] if count else [], end)


def test_following_goes_on_in_the_next_file(tmp_path: Path) -> None:
    first, second = tmp_path / "ccr-20260101000000.log", tmp_path / "ccr-20260102000000.log"
    first.write_text("old\n")
    lines = following(tmp_path, first, 4)
    with first.open("a") as log:
        log.write("one\ntw")
        log.flush()
        assert next(lines) == "one"
        log.write("o\n")
        log.flush()
        assert next(lines) == "two"
    second.write_text("three\n")
    assert next(lines) == "three"


def test_a_line_for_people() -> None:
    assert readable("plain") == "plain"
    assert readable('{"time":"2026-01-01T10:00:00.123+00:00","level":"WARNING","message":"m"}') == (
        "2026-01-01 10:00:00 WARNING m"
    )


@pytest.fixture
def streams():
    """Stdout and stderr as they were, whatever a test does with them."""
    kept = os.dup(1), os.dup(2)
    yield
    for number, copy in enumerate(kept, 1):
        os.dup2(copy, number)
        os.close(copy)


def test_a_full_file_is_followed_by_another_and_the_oldest_go(tmp_path: Path, streams, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST", 100)
    files = LogFiles(tmp_path)
    files.begin()
    for number in range(30):
        files.write(f"line {number:03}\n".encode() * 4)
    found = log_files(tmp_path)
    assert len(found) == module.KEPT
    text = "".join(file.read_text() for file in found)
    assert text.endswith("line 029\n")
    assert text.count("\n") == len(text) // 9
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in found)


def test_two_processes_share_the_files(tmp_path: Path, streams, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST", 100)
    one, other = LogFiles(tmp_path), LogFiles(tmp_path)
    one.begin()
    one.write(b"x" * 99 + b"\n")
    one.write(b"one\n")
    other.write(b"other\n")
    assert [file.read_text() for file in log_files(tmp_path)][-1] == "one\nother\n"


def test_what_cannot_be_written_stops_nothing(tmp_path: Path, streams) -> None:
    LogFiles(tmp_path / "missing" / "folder").write(b"")

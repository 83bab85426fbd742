"""The limit of open files and sockets (reliability_ux.md T30)."""

import resource
from collections.abc import Iterator

import pytest

from trunkline.app import open_files
from trunkline.app.open_files import WANTED, raise_limit

LOW = 200


@pytest.fixture
def hard() -> Iterator[int]:
    """The most that this process may ask for; its own limit is low meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (LOW, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_T30_the_limit_is_raised_to_what_the_system_allows(
    hard: int, caplog: pytest.LogCaptureFixture
) -> None:
    raise_limit()
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == (WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard))
    assert not caplog.messages


def test_T30_a_low_limit_is_named(
    hard: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_files, "WANTED", LOW)
    raise_limit()
    assert caplog.messages == [
        "at most 200 files and sockets may be open (ulimit -n): with more than about 100 requests at once, "
        "connections are closed"
    ]

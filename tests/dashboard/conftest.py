"""What the browser tests share."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from dashboard.chromium import started_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module: its driver keeps a loop in this thread, which other modules need for themselves."""
    with started_browser() as browser:
        yield browser

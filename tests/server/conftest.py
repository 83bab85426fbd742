from collections.abc import Generator

import pytest

from server.harness import Gateway, answer, gateway


@pytest.fixture(scope="session")
def _shared() -> Generator[Gateway]:
    with gateway() as running:
        yield running


@pytest.fixture
def plain(_shared: Gateway) -> Gateway:
    """A gateway with default settings, shared by the tests that leave it as it was."""
    _shared.relay.seen.clear()
    _shared.relay.cancelled.clear()
    _shared.relay.script = answer
    return _shared

"""The tests' own gateway: one that cannot start fails its test, in its own words, instead of holding it up."""

import asyncio
from pathlib import Path

import pytest

from app.whole import whole
from trunkline.app.composition import Gateway
from trunkline.config.problems import ConfigurationError, Problem

pytestmark = pytest.mark.server


@pytest.mark.parametrize(
    ("stopped", "told", "words"),
    [
        (
            ConfigurationError((Problem(file="f", message="no such plugin"),)),
            ConfigurationError,
            "no such plugin",
        ),
        (OSError("no room"), AssertionError, "the gateway did not start"),
    ],
    ids=["configuration", "anything"],
)
def test_a_gateway_that_cannot_start_fails_its_test(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    stopped: Exception,
    told: type[Exception],
    words: str,
) -> None:
    async def startup(self: Gateway) -> None:
        raise stopped

    async def main() -> None:
        async with whole("providers: {rehearsal: {kind: rehearsal}}", tmp_path):
            raise NotImplementedError

    monkeypatch.setattr(Gateway, "startup", startup)
    with pytest.RaisesGroup(pytest.RaisesExc(told, match=words)):
        asyncio.run(main())
    assert str(stopped) in caplog.text

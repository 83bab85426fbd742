"""End to end: real agents, the real gateway, stand-in providers.

The agents are pinned in ``package.json`` with its lock file and in ``aider.txt``; the first test installs
them once (some 1.6 GB into ``node_modules`` and 0.7 GB into ``.aider``, which version control ignores).
Without npm the tests fail; they never skip. Each test has its own home, work folder, provider and gateway
process, the agent sees an empty environment with a dummy key, and nothing but 127.0.0.1 is talked to.

``test_pairings.py`` and ``test_aider.py`` drive every agent; the rest is Claude Code on Databricks in depth.
There every scenario runs over both ways that the gateway can ask Claude on Databricks: native Messages, and the
chat dialect on a workspace that has no native route, which the gateway has to find out by itself. To look
at a failure: the test's report shows what the agent printed, what the workspace was asked, and the
gateway's log.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agents.bench import KEY, SONNET, Bench, Surface, agent, configuration, flags_of
from agents.gateway import serve
from agents.install import claude_code
from standin import Script, StandIn

MakeBench = Callable[..., Bench]


@pytest.fixture(scope="session")
def executable() -> Path:
    return claude_code()


@pytest.fixture(params=["messages", "chat"])
def surface(request: pytest.FixtureRequest) -> Surface:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def bench(executable: Path, tmp_path: Path, surface: Surface) -> Iterator[MakeBench]:
    """Makes benches for a script; they are taken down after the test."""
    with ExitStack() as stack:

        def make(
            script: Script,
            *,
            model: str = SONNET,
            flags: dict[str, object] | None = None,
            token: str | None = None,
            extra: str = "",
            models: str | None = None,
            environment: dict[str, str] | None = None,
        ) -> Bench:
            standin = stack.enter_context(StandIn(script, flags_of(surface, **(flags or {}))))
            config = configuration(standin, models or model, token, extra)
            gateway = stack.enter_context(serve(config, tmp_path))
            claude = agent(executable, tmp_path, gateway.url, KEY, model, environment)
            return Bench(surface, standin, gateway, claude)

        yield make

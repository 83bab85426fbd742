"""No file at all: the variables that people have set already are enough for a real agent."""

from pathlib import Path

import pytest

from agents.bench import Surface, agent, flags_of
from agents.gateway import serve_bare
from standin import Call, StandIn, Think, say, turn

pytestmark = pytest.mark.agent

WORK = [turn(Think("A file."), Call("Write", {"file_path": "made.txt", "content": "made\n"})), say("Made.")]


def variables(standin: StandIn, name: str) -> dict[str, str]:
    """What each kind of user has in the environment."""
    host, token = {"DATABRICKS_HOST": standin.url}, {"DATABRICKS_TOKEN": standin.token}
    return {
        "plain": host | token,
        "proxy": host | token | {"PROXY_BACKEND": "AZURE_DATABRICKS"},
        "gateway-url": {"DATABRICKS_AI_GATEWAY_URL": f"{standin.url}/ai-gateway"} | token,
    }[name]


@pytest.mark.parametrize("model", ["databricks-claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "haiku"])
@pytest.mark.parametrize("kind", ["plain", "proxy", "gateway-url"])
def test_variables_are_enough(
    executable: Path, tmp_path: Path, surface: Surface, kind: str, model: str
) -> None:
    with (
        StandIn(WORK, flags_of(surface)) as standin,
        serve_bare(tmp_path, variables(standin, kind)) as gateway,
    ):
        claude = agent(executable, tmp_path, gateway.url, "anything", model)
        run = claude.run("Make the file.", timeout=60)
        shown = f"{run}\n{[(r.method, r.target, r.status) for r in standin.requests]}\n{gateway.log}"
        assert run.code == 0, shown
        assert run.result == "Made.", shown
        assert (tmp_path / "work" / "made.txt").read_text() == "made\n"
        assert standin.surprises == []
        family = "haiku" if model == "haiku" else "sonnet"
        assert all(family in asked.model for asked in standin.asked), shown
        posts = {request.path for request in standin.requests if request.method == "POST"}
        if kind == "gateway-url":
            assert all(path.startswith("/ai-gateway/") for path in posts), shown

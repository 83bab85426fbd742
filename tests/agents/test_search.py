"""Tools that Claude Code loads late, and web search, which Databricks does not run."""

import pytest

from agents.bench import SONNET
from agents.conftest import MakeBench
from standin import Asked, Scripted, say, use

pytestmark = pytest.mark.agent


def script(asked: Asked) -> Scripted:
    if "Perform a web search" in asked.last_user_text:
        return say("Trains run on rails, says the web.")
    if asked.turns == 0:
        return use("ToolSearch", query="select:WebSearch", max_results=5)
    if asked.turns == 1:
        return use("WebSearch", query="what do trains run on")
    return say(
        f"Searched: {'rails' if 'rails' in asked.last_results[0].text else asked.last_results[0].text}"
    )


@pytest.mark.parametrize("model", [SONNET, "databricks-claude-opus-4-8"])
def test_a_deferred_tool_is_found_and_searches(bench: MakeBench, model: str) -> None:
    made = bench(script, model=model)
    claude = made.with_tools("ToolSearch", "WebSearch")
    run = claude.run("Search the web for trains.")
    made.check(run)
    assert run.result == "Searched: rails", made.report(run)

"""Tools that Claude Code loads late, and web search, which Databricks does not run."""

import pytest

from agents.bench import SONNET
from agents.conftest import MakeBench
from agents.searx import searxng
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


def searching(asked: Asked) -> Scripted:
    """The agent's own turns, and those of the model that is asked to search for it."""
    if "Perform a web search" in asked.first_user_text:
        if not asked.last_results:
            return use("web_search", query="what do trains run on")
        assert "Trains run on rails of steel." in asked.last_results[0].text
        return say("They run on [rails](https://rails.example/how).")
    return script(asked)


def test_the_gateway_searches_for_an_agent_whose_workspace_does_not(bench: MakeBench) -> None:
    queries: list[str] = []
    with searxng(queries) as url:
        made = bench(searching, extra=f'search: {{backend: searxng, url: "{url}"}}\n')
        claude = made.with_tools("ToolSearch", "WebSearch")
        run = claude.run("Search the web for trains.")
        made.check(run)
    assert run.result == "Searched: rails", made.report(run)
    assert queries == ["what do trains run on"], made.report(run)
    last = made.standin.asked[-1]
    links = last.last_results[0].text
    assert "How trains run" in links, links
    assert "https://wheels.example/" in links, links
    asked = [one for one in made.standin.asked if "Perform a web search" in one.first_user_text]
    assert [one.tools for one in asked] == [("web_search",)] * 2

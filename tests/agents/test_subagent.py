"""A sub-agent: its own conversation through the same gateway, its answer back in the parent's."""

import json

import pytest

from agents.conftest import MakeBench
from standin import Asked, Scripted, conversations, say, use

pytestmark = pytest.mark.agent


def parent(asked: Asked) -> Scripted:
    if not asked.last_results:
        return use(
            "Agent",
            description="Count things",
            prompt="child-task: run the command and report.",
            subagent_type="general-purpose",
            run_in_background=False,
        )
    return say(f"The child found {'CHILD-77' if 'CHILD-77' in asked.last_results[0].text else 'nothing'}.")


def child(asked: Asked) -> Scripted:
    if not asked.last_results:
        return use("Bash", command="echo CHILD-$((70 + 7))", description="Count")
    return say(f"The command printed {asked.last_results[0].text.strip()}.")


def test_a_sub_agent_works_and_reports(bench: MakeBench) -> None:
    made = bench(conversations(**{"parent-task": parent, "child-task": child}))
    run = made.claude.run("parent-task: let a sub-agent count.")
    made.check(run)
    assert run.result == "The child found CHILD-77."
    children = [asked for asked in made.standin.asked if "child-task" in asked.first_user_text]
    assert len(children) == 2
    assert len(made.standin.asked) == 4
    assert json.loads(made.standin.requests[0].body)["model"]

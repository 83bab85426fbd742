"""A sub-agent: its own conversation through the same gateway, its answer back in the parent's."""

import pytest

from agents.conftest import MakeBench
from standin import Asked, Call, Scripted, conversations, say, turn, use

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


def test_two_sub_agents_in_the_background(bench: MakeBench) -> None:
    """By default they run beside their parent, and their news comes later as a message."""

    def leader(asked: Asked) -> Scripted:
        if asked.turns == 0:
            return turn(_spawn("left-task"), _spawn("right-task"))
        news = "\n".join(asked.user_texts)
        done = [name for name in ("LEFT-1", "RIGHT-2") if f"printed {name}" in news]
        return say(f"News of {len(done)}: {' and '.join(done)}.")

    def worker(asked: Asked) -> Scripted:
        name = "LEFT-1" if "left-task" in asked.first_user_text else "RIGHT-2"
        if not asked.last_results:
            return use("Bash", command=f"echo {name}", description="Say it")
        return say(f"The command printed {asked.last_results[0].text.split()[0]}.")

    made = bench(conversations(**{"lead-task": leader, "left-task": worker, "right-task": worker}))
    run = made.claude.run("lead-task: let two sub-agents work.")
    made.check(run)
    assert run.result == "News of 2: LEFT-1 and RIGHT-2."


def _spawn(task: str) -> Call:
    arguments = {"description": "Work", "prompt": f"{task}: run the command and report."}
    return Call("Agent", arguments | {"subagent_type": "general-purpose"})

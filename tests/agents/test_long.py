"""Long conversations: large prompts, resumed sessions, and a prompt that is too long."""

import pytest

from agents.conftest import MakeBench
from standin import Asked, Scripted, failures, say, use

pytestmark = pytest.mark.agent

LINES = [f"line {number}: the quick brown fox — “größer” 🦊 \\d+\n" for number in range(5000)]


def test_a_prompt_of_300_kilobytes_arrives_word_for_word(bench: MakeBench) -> None:
    prompt = "".join(LINES)
    assert len(prompt.encode()) > 250_000
    made = bench([say("Read it all.")])
    run = made.claude.run("", stdin=prompt)
    made.check(run)
    assert run.result == "Read it all."
    assert prompt.strip() in made.standin.asked[0].first_user_text


def test_a_resumed_session_brings_its_whole_history(bench: MakeBench) -> None:
    made = bench(
        [
            use("Bash", command="seq 1 6000", description="Count"),
            say("Counted."),
            use("Bash", command="seq 6001 12000", description="Count on"),
            say("Counted on."),
            say("I remember."),
        ]
    )
    first = made.claude.run("", stdin="".join(LINES[:3000]))
    made.check(first)
    second = made.claude.run("Count on.", "--resume", first.session)
    made.check(second)
    third = made.claude.run("What was the first line?", "--resume", first.session)
    made.check(third)
    assert third.result == "I remember."
    last = made.standin.asked[-1]
    assert "".join(LINES[:3000]).strip() in last.first_user_text
    assert last.turns == 4
    assert len(last.tool_results) == 2
    assert last.tool_results[0].text.startswith("1\n2\n3\n")


def test_a_prompt_that_is_too_long_makes_the_client_compact(bench: MakeBench) -> None:
    """The refusal keeps its wording, so that the client summarises and goes on by itself."""
    seen: list[Asked] = []

    def script(asked: Asked) -> Scripted:
        seen.append(asked)
        if "<summary>" in asked.last_user_text:
            return say("<analysis>Short.</analysis>\n<summary>They counted.</summary>")
        if asked.turns == 2 and "They counted." not in repr(asked.body):
            return failures.prompt_too_long()
        if "They counted." in repr(asked.body):
            return say("Compacted and done.")
        return use("Bash", command=f"seq 1 {300 + asked.turns}", description="Count")

    made = bench(script)
    run = made.claude.run("Count three times.")
    made.check(run)
    assert run.result == "Compacted and done."
    summaries = [asked for asked in seen if "<summary>" in asked.last_user_text]
    assert len(summaries) == 1
    assert seen[-1].turns < 2, "the history was replaced by its summary"


def test_a_first_prompt_that_is_too_long_is_reported_at_once(bench: MakeBench) -> None:
    made = bench(lambda _: failures.prompt_too_long())
    run = made.claude.run("A hopeless prompt.")
    assert run.code == 1, made.report(run)
    assert "too long" in run.result.lower(), made.report(run)
    assert len(made.standin.asked) <= 3, made.report(run)

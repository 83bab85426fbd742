"""Claude Code on the models of other makers: only the chat dialect, each family with its own refusals."""

import pytest

from agents.conftest import MakeBench
from standin import Call, Think, failures, say, turn, use

pytestmark = [pytest.mark.agent, pytest.mark.parametrize("surface", ["chat"])]

MODELS = (
    "databricks-gpt-5",
    "databricks-gpt-5-4",
    "databricks-gemini-3-1-pro",
    "databricks-gpt-oss-120b",
    "databricks-meta-llama-3-3-70b-instruct",
    "databricks-qwen35-122b-a10b",
)
SAY = {"description": "Say it"}


@pytest.mark.parametrize("model", MODELS)
def test_works_with_tools(bench: MakeBench, model: str) -> None:
    write = Call("Write", {"file_path": "made.txt", "content": "made by another\n"})
    script = [
        turn(Think("A file first."), "I write.", write),
        turn(
            Call("Bash", {"command": "cat made.txt", **SAY}), Call("Bash", {"command": "echo two", **SAY})
        ),
        say("All done."),
    ]
    made = bench(script, model=model)
    run = made.claude.run("Make the file and read it.")
    made.check_settled(run)
    assert made.served_by_surface()
    made.check_only_limits(run)
    assert run.result == "All done."
    assert (made.folder / "made.txt").read_text() == "made by another\n"
    results = made.standin.asked[2].tool_results
    assert [result.text.split("\n")[0] for result in results][1:] == ["made by another", "two"]


@pytest.mark.parametrize("model", MODELS)
def test_a_resumed_session_has_its_instructions_in_front(bench: MakeBench, model: str) -> None:
    made = bench([say("One."), say("Two.")], model=model)
    first = made.claude.run("Start.")
    made.check_settled(first)
    second = made.claude.run("Go on.", "--resume", first.session)
    made.check_settled(second)
    made.check_only_limits(second)
    assert second.result == "Two."
    roles = [message["role"] for message in made.standin.asked[-1].messages]
    assert "system" not in roles[1:] or model.startswith("databricks-gpt-5")


def test_a_custom_endpoint_is_asked_by_its_own_path(bench: MakeBench) -> None:
    made = bench(
        [say("From our own.")], model="our-model", flags={"endpoints": ("our-model",), "gateway": "off"}
    )
    run = made.claude.run("Who are you?")
    made.check_settled(run)
    assert run.result == "From our own."
    assert made.paths == ["/serving-endpoints/our-model/invocations"]


def test_luck_of_the_draw_is_tried_again(bench: MakeBench) -> None:
    made = bench(
        [failures.bad_format(), say("Well formed.")], model="databricks-meta-llama-3-3-70b-instruct"
    )
    run = made.claude.run("Try.")
    made.check_settled(run)
    assert run.result == "Well formed."
    assert len(made.standin.asked) == 2


def test_gemini_takes_over_calls_that_another_model_made(bench: MakeBench) -> None:
    """Its signature is missing on them, and what stands for a missing one is sent."""
    models = "databricks-gpt-5, databricks-gemini-3-1-pro"
    script = [
        use("Bash", command="echo one", **SAY),
        say("One."),
        use("Bash", command="echo two", **SAY),
        say("Two."),
    ]
    made = bench(script, model="databricks-gpt-5", models=models)
    first = made.claude.run("Say one.")
    made.check_settled(first)
    second = made.with_model("databricks-gemini-3-1-pro").run("Say two.", "--resume", first.session)
    made.check_settled(second)
    assert made.refused() == [], made.report(second)
    assert second.result == "Two."
    assert "gemini" in made.standin.asked[-1].model

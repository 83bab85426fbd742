"""What users see when the workspace fails: nothing if the gateway can help, else a clear word at once."""

import pytest

from agents.bench import KEY, SONNET
from agents.conftest import MakeBench
from standin import Asked, Call, Delivery, Reply, Scripted, Think, failures, say, turn

pytestmark = pytest.mark.agent

PASSING: dict[str, list[Reply]] = {
    "429-with-retry-after": [failures.rate_limited(retry_after="1")],
    "429-without": [failures.rate_limited()],
    "429-as-400": [failures.rate_limited(status=400)],
    "529": [failures.overloaded()],
    "503": [failures.unavailable()],
    "500": [failures.internal_error()],
    "html-502": [failures.html()],
    "empty-500": [failures.empty(500)],
}


@pytest.mark.parametrize("name", PASSING)
def test_passing_failures_are_not_seen(bench: MakeBench, name: str) -> None:
    made = bench([*PASSING[name], say("Made it.")])
    run = made.claude.run("Try.")
    made.check(run)
    assert run.result == "Made it."
    assert len(made.standin.asked) == 2


@pytest.mark.parametrize("after", [0, 1, 4])
@pytest.mark.parametrize("end", ["cut", "reset", "tidy"])
def test_a_cut_stream_is_never_taken_for_an_answer(bench: MakeBench, end: str, after: int) -> None:
    cut = Delivery(after=after, end=end)  # type: ignore[arg-type]
    whole = "The whole answer, from its first word to its very last one."
    made = bench([say(whole, delivery=cut), say(whole)])
    run = made.claude.run("Tell me everything.")
    made.check(run)
    assert run.result == whole, made.report(run)


def test_a_call_cut_in_its_arguments_is_never_made(bench: MakeBench) -> None:
    call = Call(
        "Bash", {"command": "touch made.txt; echo half", "description": "A command with side effects"}
    )
    made = bench([])

    def script(asked: Asked) -> Scripted:
        if len(made.standin.asked) == 1:
            return turn("I run it.", call, delivery=Delivery(after=6, end="cut"))
        return say("No.")

    made.play(script)
    run = made.claude.run("Run it.")
    assert run.code == 0, made.report(run)
    assert not (made.folder / "made.txt").exists()
    assert len(made.standin.asked) >= 2


def test_an_error_in_mid_stream_is_no_answer(bench: MakeBench) -> None:
    data = b'{"error_code":"INTERNAL_ERROR","message":"The backend went away."}'
    made = bench(
        [say("A long answer that breaks off.", delivery=Delivery(error=(1, data))), say("Complete.")]
    )
    run = made.claude.run("Tell me.")
    made.check(run)
    assert run.result == "Complete."


def test_a_wrong_workspace_token_ends_quickly_with_its_reason(bench: MakeBench) -> None:
    made = bench([], token="dapi-wrong")
    run = made.claude.run("Hello?", timeout=40)
    assert run.code == 1, made.report(run)
    assert "dbx" in run.result or "Databricks" in run.result, made.report(run)
    assert "token" in run.result.lower() or "credential" in run.result.lower(), made.report(run)
    assert "dapi-wrong" not in run.stdout + run.stderr + made.gateway.log
    assert len(made.standin.requests) <= 6, made.report(run)


def test_a_wrong_client_key_ends_quickly(bench: MakeBench) -> None:
    made = bench([])
    stranger = made.stranger("not-the-key")
    run = stranger.run("Hello?", timeout=40)
    assert run.code == 1, made.report(run)
    assert made.standin.requests == []
    assert KEY not in run.stdout + run.stderr


@pytest.mark.parametrize("failure", ["limit-of-zero", "no-grant"])
def test_what_never_heals_is_said_at_once(bench: MakeBench, failure: str) -> None:
    reply = failures.limit_of_zero() if failure == "limit-of-zero" else failures.no_grant(SONNET)
    made = bench(lambda _: reply)
    run = made.claude.run("Hello?", timeout=40)
    assert run.code == 1, made.report(run)
    words = "rate limit of 0" if failure == "limit-of-zero" else "permission"
    assert words in run.result, made.report(run)


def test_a_guardrail_block_is_named(bench: MakeBench) -> None:
    made = bench(lambda _: failures.guardrail_block())
    run = made.claude.run("Read all data.", timeout=40)
    assert run.code == 1, made.report(run)
    assert "guardrail" in run.result, made.report(run)


CHAIN = """\
models:
  claude-main: [dbx/databricks-claude-sonnet-4-5, dbx/databricks-claude-haiku-4-5]
"""
BOTH = "databricks-claude-sonnet-4-5, databricks-claude-haiku-4-5"


def test_the_fallback_list_takes_over(bench: MakeBench) -> None:
    def script(asked: Asked) -> Scripted:
        return failures.unavailable() if "sonnet" in asked.model else say("From the second.")

    made = bench(script, model="claude-main", models=BOTH, extra=CHAIN)
    run = made.claude.run("Hello?", timeout=40)
    made.check(run)
    assert run.result == "From the second."
    assert "haiku" in made.standin.asked[-1].model


def test_the_fallback_list_takes_over_between_signed_turns(bench: MakeBench) -> None:
    """Thinking that one model signed is never shown to another."""

    def script(asked: Asked) -> Scripted:
        if "sonnet" not in asked.model:
            return say("Finished by the second.")
        if asked.last_results:
            return failures.unavailable()
        return turn(Think("I start."), Call("Bash", {"command": "echo one", "description": "Start"}))

    made = bench(script, model="claude-main", models=BOTH, extra=CHAIN)
    run = made.claude.run("Start and finish.")
    made.check(run)
    assert run.result == "Finished by the second."
    last = made.standin.asked[-1]
    assert "haiku" in last.model
    assert last.last_results[0].text.startswith("one")
    assert made.standin.ledger.signatures[0] not in repr(last.body)


def test_the_output_limit_of_a_minute_is_fitted_into(bench: MakeBench) -> None:
    """What the agent may write is reserved before it is written; it asks for more than a minute holds."""
    made = bench(
        [turn(Think("Step."), Call("Bash", {"command": "echo one", "description": "Step"})), say("Fits.")],
        flags={"output_per_minute": 20_000},
    )
    run = made.claude.run("Step.")
    made.check_settled(run)
    assert run.result == "Fits."
    limits = [path for path, _, text in made.refused() if "output tokens per minute" in text]
    assert len(limits) == 1, made.report(run)

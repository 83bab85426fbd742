"""Streams at their limits: large arguments, odd boundaries, and an agent that is gone."""

import time

import pytest

from agents.conftest import MakeBench
from standin import Call, Delivery, say, turn

pytestmark = pytest.mark.agent

BIG = "".join(f"row {n}: “naïve” \u2028 🚂 \\n is not a newline\n" for n in range(4000))


def test_a_file_of_200_kilobytes_is_written_as_it_was_said(bench: MakeBench) -> None:
    assert len(BIG.encode()) > 200_000
    made = bench(
        [turn("A big one.", Call("Write", {"file_path": "big.txt", "content": BIG})), say("Written.")]
    )
    run = made.claude.run("Write the big file.")
    made.check(run)
    assert run.result == "Written."
    assert (made.folder / "big.txt").read_bytes() == BIG.encode()


@pytest.mark.parametrize(
    "delivery",
    [
        Delivery(chunk=1),
        Delivery(chunk=(3, 1, 50, 7)),
        Delivery(crlf=True, comments=True),
        Delivery(framing="close"),
        Delivery(pause=0.05),
        Delivery(done=False),
        Delivery(bare=True, done=False),
    ],
    ids=["bytes", "cycle", "crlf", "close", "slow", "no-done", "bare"],
)
def test_how_bytes_travel_changes_nothing(bench: MakeBench, delivery: Delivery) -> None:
    call = Call("Bash", {"command": "echo 'ünï 🚂'", "description": "Say it"})
    made = bench([turn("Grüße — 思考.", call, delivery=delivery), say("Fertig ✓.", delivery=delivery)])
    run = made.claude.run("Say it.")
    made.check(run)
    assert run.result == "Fertig ✓."
    assert made.standin.asked[1].last_results[0].text.startswith("ünï 🚂")
    said = next(message for message in made.standin.asked[1].messages if message["role"] == "assistant")
    assert "Grüße — 思考." in repr(said)


def test_T08_an_agent_that_is_gone_frees_the_workspace_at_once(bench: MakeBench) -> None:
    made = bench([say("A long story that never ends.", delivery=Delivery(after=2, end="hang"))])
    with made.claude.started("Tell me a story.") as process:
        _wait_for(lambda: bool(made.standin.asked))
        time.sleep(0.5)
        asked = made.standin.requests[-1]
        assert not asked.aborted
        process.kill()
        process.wait()
        _wait_for(lambda: asked.aborted)
    assert len(made.standin.asked) == 1


def _wait_for(condition: object) -> None:
    assert callable(condition)
    limit = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < limit, "it did not happen within a minute"
        time.sleep(0.01)

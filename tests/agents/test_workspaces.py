"""Workspaces of every kind: the gateway finds out once what a workspace is like, and the user sees nothing."""

import pytest

from agents.bench import SONNET
from agents.conftest import MakeBench
from standin import Call, Think, say, turn

pytestmark = pytest.mark.agent

KINDS: dict[str, dict[str, object]] = {
    "gateway-off": {"gateway": "off"},
    "gateway-refused": {"gateway": "refused"},
    "serving-enforced-off": {"serving": "enforced_off"},
    "v3-only": {"v3_only": True, "serving": "enforced_off"},
    "betas-unnamed": {"beta_words": "unnamed", "betas": frozenset()},
    "no-betas": {"betas": frozenset()},
    "no-lifetimes": {"cache_ttl": False},
    "anthropic-words": {"native_errors": True},
    "no-listing": {"listing": "forbidden"},
    "small-body-and-minute": {"input_per_minute": 5_000_000, "output_per_minute": 5_000_000},
}
WORK = [
    turn(Think("A file."), Call("Write", {"file_path": "made.txt", "content": "made\n"})),
    say("Made."),
    say("Still fine."),
]


@pytest.mark.parametrize("kind", KINDS)
def test_work_gets_done_and_lessons_are_kept(bench: MakeBench, kind: str) -> None:
    made = bench(WORK, flags=KINDS[kind])
    run = made.claude.run("Make the file.")
    made.check_settled(run)
    assert run.result == "Made."
    assert (made.folder / "made.txt").read_text() == "made\n"
    learned = len(made.refused())
    again = made.claude.run("All fine?")
    made.check_settled(again)
    assert again.result == "Still fine."
    assert len(made.refused()) == learned, made.report(again)


def test_native_messages_as_an_unsupported_path(bench: MakeBench) -> None:
    made = bench(WORK, flags={"native": "unsupported"})
    run = made.claude.run("Make the file.")
    made.check_settled(run)
    assert run.result == "Made."
    assert all("/messages" not in path for path in made.paths)


def test_models_are_discovered_when_none_are_configured(bench: MakeBench) -> None:
    made = bench([say("Found.")], models="")
    run = made.claude.run("Anyone?")
    made.check_settled(run)
    assert run.result == "Found."


MAPPED = f"""\
models:
  "claude-*": dbx/{SONNET}
"""


@pytest.mark.parametrize("name", ["sonnet", "haiku", "claude-opus-5-5"])
def test_claudes_own_names_are_mapped(bench: MakeBench, name: str) -> None:
    """The client writes its request for a newer model than the one that answers."""
    made = bench(WORK, model=name, models=SONNET, extra=MAPPED)
    run = made.claude.run("Make the file.")
    made.check(run)
    assert run.result == "Made."
    assert {
        asked.model.removeprefix("system.ai.").removeprefix("databricks-") for asked in made.standin.asked
    } == {"claude-sonnet-4-5"}

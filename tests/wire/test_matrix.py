"""Every recorded answer, translated and judged by both vendors' SDKs.

The source SDK says what the recording means, the target SDK what our bytes mean; the two must agree in text,
reasoning, calls, stop and usage. What may differ stands in ``declared_losses.toml``, with a reason.
"""

import tomllib
from functools import lru_cache
from pathlib import Path

import pytest

from wire import translate
from wire.judges import JUDGES, Meaning, complete
from wire.recordings import Recording, answers

LEAST = {"openai_chat": 0.995, "anthropic_messages": 0.99}
"""The share of recordings, by source protocol, whose meaning must survive untouched."""

SOURCES = tuple(LEAST)
ROUTES = [(source, target) for source in SOURCES for target in SOURCES]
"""Into the other protocol, and through the neutral form back into the same one, as answers of dialects go."""


def declared() -> dict[str, str]:
    text = (Path(__file__).parent / "declared_losses.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text).get("loss", [])
    losses = {entry["recording"]: entry["reason"] for entry in entries}
    assert len(losses) == len(entries), "a recording is declared twice"
    return losses


def meant(recording: Recording) -> Meaning:
    judge = JUDGES[recording.codec]
    return judge.stream(recording.answer) if recording.streaming else judge.whole(recording.answer)


def became(recording: Recording, target: str) -> tuple[Meaning, list[str]]:
    """What our translation means, and complaints of the strict reader about its form."""
    source = recording.codec
    judge = JUDGES[target]
    if not recording.streaming:
        return judge.whole(translate.whole(recording.answer, source, target)), []
    body = translate.stream([recording.answer], source, target)
    lenient, strict = judge.stream(body), judge.accumulated(body)
    if len(strict.calls) == len(
        lenient.calls
    ):  # the SDK mends arguments that were cut off; we never do (E28)
        strict.calls = [
            (name, raw if complete(ours) else ours)
            for (name, raw), (_, ours) in zip(strict.calls, lenient.calls, strict=True)
        ]
    disagreement = strict.differences(lenient)
    return lenient, [f"the SDK's accumulator reads it otherwise: {one}" for one in disagreement]


@lru_cache(maxsize=4)
def matrix(source: str, target: str) -> dict[str, list[str]]:
    """Differences by recording; an empty list where the meaning survived."""
    found: dict[str, list[str]] = {}
    for recording in answers(source):
        try:
            after, complaints = became(recording, target)
        except Exception as error:  # noqa: BLE001 - every escape is a finding, whatever its type
            found[recording.id] = [f"{type(error).__name__}: {error}"]
            continue
        before = meant(recording)
        if target == "anthropic_messages":
            leave_out_broken_calls(recording, before)
        found[recording.id] = before.differences(after) + complaints
    return found


def leave_out_broken_calls(recording: Recording, before: Meaning) -> None:
    """E28: a call cut off by the output limit cannot stand in a whole Messages answer and is left out."""
    if recording.streaming or recording.codec != "openai_chat" or before.stop != "length":
        return
    before.calls = [call for call in before.calls if complete(call[1])]


@pytest.mark.parametrize(("source", "target"), ROUTES)
def test_meaning_survives(source: str, target: str) -> None:
    known = declared()
    found = matrix(source, target)
    differing = {name: differences for name, differences in found.items() if differences}
    unlisted = {name: differences for name, differences in differing.items() if name not in known}
    assert not unlisted, report(unlisted)
    share = 1 - len(differing) / len(found)
    assert share >= LEAST[source], f"{share:.4f} of {len(found)} recordings survive\n{report(differing)}"


@pytest.mark.parametrize("source", SOURCES)
def test_declared_losses_are_still_losses(source: str) -> None:
    found = matrix(source, translate.OTHER[source])
    healed = [name for name in declared() if name in found and not found[name]]
    assert not healed, f"these no longer differ, remove them from the list: {healed}"


def test_declared_losses_name_recordings_and_say_why() -> None:
    ids = {recording.id for source in SOURCES for recording in answers(source)}
    assert set(declared()) <= ids
    assert all(len(reason) > 20 for reason in declared().values())


def test_there_are_as_many_recordings_as_the_thresholds_were_set_for() -> None:
    assert len(answers("openai_chat")) >= 740
    assert len(answers("anthropic_messages")) >= 390


def report(found: dict[str, list[str]]) -> str:
    return f"{len(found)} recordings\n" + "\n".join(
        f"  {name}\n    " + "\n    ".join(differences) for name, differences in found.items()
    )

"""Every recorded answer into every protocol, judged by the vendors' SDKs.

The source SDK says what the recording means, the target SDK what our bytes mean; the two must agree in text,
reasoning, calls, stop and usage. What may differ stands in ``declared_losses.toml``, with a reason.
"""

from dataclasses import replace
from functools import lru_cache
from zlib import crc32

import pytest

from trunkline.core.errors import GatewayError
from wire import translate
from wire.declared import entries
from wire.judges import JUDGES
from wire.meaning import Meaning, complete
from wire.recordings import Recording, answers, generations

LEAST = 0.99
"""The share of recordings, for every pair, whose meaning must survive untouched."""

KEPT = {"openai_chat": 740, "anthropic_messages": 390, "openai_responses": 460, "gemini": 335}
"""How many recorded answers there are at least, by their protocol."""

SOURCES = tuple(KEPT)
ROUTES = [(source, target) for source in SOURCES for target in SOURCES]
"""Into every other protocol, and through the neutral form back into the same one, as answers of dialects go."""

OBJECTS = {"anthropic_messages", "gemini"}
"""Where a call's input is an object, so that one that was cut off cannot stand in a whole answer (E28)."""


def known(source: str, target: str) -> set[str]:
    """Recordings in the owned list. An entry without ``to`` holds for every protocol."""
    ours = {recording.id for recording in answers(source)}
    return {
        name
        for entry in entries("loss")
        if target in entry.get("to", SOURCES)
        for name in entry["recordings"]
    } & ours


@lru_cache(maxsize=3000)
def meant(recording: Recording) -> Meaning:
    judge = JUDGES[recording.codec]
    return judge.stream(recording.answer) if recording.streaming else judge.whole(recording.answer)


def strictly_read(recording: Recording, target: str) -> bool:
    """Accumulators take as long as all the rest: each recording meets that of one of its four targets."""
    return SOURCES[crc32(recording.id.encode()) % len(SOURCES)] == target


def became(recording: Recording, target: str) -> tuple[Meaning, list[str]]:
    """What our translation means, and complaints of the strict reader about its form."""
    source = recording.codec
    judge = JUDGES[target]
    if not recording.streaming:
        return judge.whole(translate.whole(recording.answer, source, target)), []
    body = translate.stream([recording.answer], source, target)
    if not strictly_read(recording, target):
        return judge.stream(body), []
    lenient, strict = judge.readings(body)
    if len(strict.calls) == len(
        lenient.calls
    ):  # the SDK mends arguments that were cut off; we never do (E28)
        strict.calls = [
            (name, raw if complete(ours) else ours)
            for (name, raw), (_, ours) in zip(strict.calls, lenient.calls, strict=True)
        ]
    disagreement = strict.differences(lenient)
    return lenient, [f"the SDK's accumulator reads it otherwise: {one}" for one in disagreement]


@lru_cache(maxsize=len(ROUTES))
def matrix(source: str, target: str) -> dict[str, list[str]]:
    """Differences by recording; an empty list where the meaning survived."""
    found: dict[str, list[str]] = {}
    for recording in answers(source):
        try:
            after, complaints = became(recording, target)
        except GatewayError as error:
            after, complaints = Meaning(failed=str(error)), []
        except Exception as error:  # noqa: BLE001 - every escape is a finding, whatever its type
            found[recording.id] = [f"{type(error).__name__}: {error}"]
            continue
        before = meant(recording)
        if target in OBJECTS and not (recording.streaming and target == "anthropic_messages"):
            before = without_broken_calls(before)
        found[recording.id] = before.differences(after) + complaints
    return found


def without_broken_calls(before: Meaning) -> Meaning:
    """E28: a call cut off by the output limit is left out where its input must be an object."""
    if before.stop != "length":
        return before
    return replace(before, calls=[call for call in before.calls if complete(call[1])])


@pytest.mark.parametrize(("source", "target"), ROUTES)
def test_T105_meaning_survives(source: str, target: str) -> None:
    listed = known(source, target)
    found = matrix(source, target)
    differing = {name: differences for name, differences in found.items() if differences}
    unlisted = {name: differences for name, differences in differing.items() if name not in listed}
    assert not unlisted, report(unlisted)
    share = 1 - len(differing) / len(found)
    assert share >= LEAST, f"{share:.4f} of {len(found)} recordings survive\n{report(differing)}"
    healed = [name for name in listed if not found[name]]
    assert not healed, f"these no longer differ, remove them from the list: {healed}"


def test_the_owned_list_names_recordings_once_and_says_why() -> None:
    ids = {recording.id for recording in generations()}
    for kind in ("loss", "request", "refused"):
        said = [
            (name, target)
            for entry in entries(kind)
            for name in entry["recordings"]
            for target in entry.get("to", SOURCES)
        ]
        assert len(set(said)) == len(said), f"{kind}: a recording is declared twice"
        assert {name for name, _ in said} <= ids
        assert all(len(entry["reason"]) > 20 for entry in entries(kind))


@pytest.mark.parametrize("source", SOURCES)
def test_there_are_as_many_recordings_as_the_thresholds_were_set_for(source: str) -> None:
    assert len(answers(source)) >= KEPT[source]


def report(found: dict[str, list[str]]) -> str:
    return f"{len(found)} recordings\n" + "\n".join(
        f"  {name}\n    " + "\n    ".join(differences) for name, differences in found.items()
    )

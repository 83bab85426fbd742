"""Where the network cuts a stream must not show in the answer (E1), and every stream ends once."""

import random

import pytest

from trunkline.core.events import Failed
from trunkline.protocols.registry import CODECS
from wire import translate
from wire.law import faults
from wire.recordings import Recording, answers

SOURCES = tuple(CODECS)
TARGETS = SOURCES
ENDS = {
    "anthropic_messages": b"event: message_stop",
    "openai_chat": b"data: [DONE]",
    "openai_responses": b"event: response.completed",
    "gemini": b'"finishReason"',
}
"""What says that an answer is complete."""


def pieces(body: bytes, chance: random.Random) -> list[bytes]:
    """The body in up to forty pieces at random places."""
    count = min(len(body), chance.randint(1, 40))
    cuts = sorted(chance.sample(range(len(body) + 1), count))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


def sample(source: str) -> list[Recording]:
    """Small streams for one-byte pieces, those outside ASCII first."""
    small = [one for one in answers(source, streaming=True) if len(one.answer) < 9_000]
    ranked = sorted(
        small, key=lambda one: (not one.features & {"non-ascii", "emoji-astral", "sse:crlf"}, one.id)
    )
    return ranked[:40]


@pytest.mark.parametrize("source", SOURCES)
def test_E1_one_byte_at_a_time_gives_the_same_bytes(source: str) -> None:
    chosen = sample(source)
    assert len(chosen) == 40
    for recording in chosen:
        body = recording.answer
        singles = translate.events((body[at : at + 1] for at in range(len(body))), source)
        whole = translate.events([body], source)
        for target in TARGETS:
            assert translate.encoded(singles, target) == translate.encoded(whole, target), recording


@pytest.mark.parametrize("source", SOURCES)
def test_E1_cuts_at_random_places_give_the_same_bytes(source: str) -> None:
    for recording in answers(source, streaming=True):
        chance = random.Random(recording.id)
        body = recording.answer
        cut, whole = translate.events(pieces(body, chance), source), translate.events([body], source)
        for target in TARGETS:
            assert translate.encoded(cut, target) == translate.encoded(whole, target), recording


@pytest.mark.parametrize("source", SOURCES)
def test_E64_every_recorded_stream_obeys_the_law_of_neutral_streams(source: str) -> None:
    broken = {
        recording.id: fault
        for recording in answers(source, streaming=True)
        if (fault := faults(translate.events([recording.answer], source)))
    }
    assert broken == {}


@pytest.mark.parametrize("source", SOURCES)
def test_E3_E77_a_stream_cut_off_before_its_end_is_never_an_answer(source: str) -> None:
    """Cut before the last payload that matters: what is left must fail, in every protocol, with no terminator."""
    seen = 0
    for recording in sample(source):
        body = recording.answer
        half = body[: len(body) // 2]
        if ENDS["gemini"] in half:  # some servers finish twice
            continue
        seen += 1
        found = translate.events([half], source)
        assert isinstance(found[-1], Failed), recording
        for target, end in ENDS.items():
            assert end not in translate.encoded(found, target), recording
    assert seen > 30

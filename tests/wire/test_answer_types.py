"""Our answers against the types that the vendors' SDKs publish, which list the keys that clients may rely on.

The SDKs themselves forgive a missing key; strict clients do not (E76, E86).
"""

import json
from collections.abc import Iterator
from functools import lru_cache

import pytest
from anthropic.types.beta import BetaMessage, BetaRawMessageStreamEvent
from google.genai.types import GenerateContentResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter, ValidationError

from trunkline.core.errors import GatewayError
from trunkline.core.sse import SSEFramer
from trunkline.protocols.registry import CODECS
from wire import translate
from wire.recordings import Recording, answers

WHOLE = {
    "anthropic_messages": BetaMessage,
    "openai_chat": ChatCompletion,
    "openai_responses": Response,
    "gemini": GenerateContentResponse,
}
EVENT = {
    "anthropic_messages": BetaRawMessageStreamEvent,
    "openai_chat": ChatCompletionChunk,
    "openai_responses": ResponseStreamEvent,
    "gemini": GenerateContentResponse,
}
EVERY = 3
"""One recording in three: the form of an answer does not depend on its words."""
CUT_BASE64 = "openai__openai-image-generation-tool_1"
"""A picture that its source shortened, which Google's SDK refuses (``declared_losses.toml``)."""


@lru_cache(maxsize=8)
def adapter(kind: object) -> TypeAdapter:
    return TypeAdapter(kind)


def sample(target: str, *, streaming: bool) -> Iterator[Recording]:
    """Answers of other protocols: within one, what its vendor added since stays as it came."""
    for source in CODECS:
        if source != target:
            chosen = answers(source, streaming=streaming)[::EVERY]
            yield from (one for one in chosen if CUT_BASE64 not in one.id)


def misfits(kind: object, value: object) -> list[str]:
    try:
        adapter(kind).validate_python(value)
    except ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:4]]
    return []


@pytest.mark.parametrize("target", CODECS)
def test_E76_E86_whole_answers_have_every_key_of_the_sdks_types(target: str) -> None:
    wrong = []
    for recording in sample(target, streaming=False):
        try:
            body = translate.whole(recording.answer, recording.codec, target)
        except GatewayError:
            continue
        if found := misfits(WHOLE[target], json.loads(body)):
            wrong.append(f"{recording}: {found}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("target", CODECS)
def test_E76_E86_every_event_has_every_key_of_the_sdks_types(target: str) -> None:
    wrong: dict[str, str] = {}
    for recording in sample(target, streaming=True):
        body = translate.stream([recording.answer], recording.codec, target)
        framer = SSEFramer()
        for frame in (*framer.feed(body), *framer.close()):
            if frame.data == b"[DONE]" or frame.event == b"error":
                continue
            value = json.loads(frame.data)
            kind = value.get("type", "")
            if kind in wrong or "error" in value:
                continue
            if found := misfits(EVENT[target], value):
                wrong[kind] = f"{recording}: {found}"
    assert not wrong, "\n".join(wrong.values())

"""Recorded errors keep their meaning, status and wording in the envelope of either protocol."""

import json

import anthropic
import openai
import pytest
from google.genai import errors as genai

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead
from trunkline.protocols.registry import CODECS
from wire.judges import JUDGES
from wire.recordings import Recording, errors

KINDS = {
    400: {
        Kind.INVALID_REQUEST,
        Kind.CONTEXT_TOO_LONG,
        Kind.AUTHENTICATION,
        Kind.NOT_FOUND,
    },  # by their codes
    401: {Kind.AUTHENTICATION},
    403: {Kind.PERMISSION, Kind.QUOTA},
    404: {Kind.NOT_FOUND},
    429: {Kind.RATE_LIMITED, Kind.QUOTA},
    500: {Kind.UPSTREAM_FAILED},
}
OPENAI = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
}
CLASSES = {
    "anthropic_messages": {
        400: anthropic.BadRequestError,
        401: anthropic.AuthenticationError,
        403: anthropic.PermissionDeniedError,
        404: anthropic.NotFoundError,
        429: anthropic.RateLimitError,
        500: anthropic.InternalServerError,
    },
    "openai_chat": OPENAI,
    "openai_responses": OPENAI,
    "gemini": {
        **dict.fromkeys((400, 401, 403, 404, 429), genai.ClientError),
        500: genai.ServerError,
    },
}


def decoded(recording: Recording) -> GatewayError:
    return CODECS[recording.codec].decode_error(
        HttpHead(recording.status, recording.headers), recording.answer
    )


def wording(body: bytes) -> str:
    """The upstream's own sentence, wherever this server puts it; ``""`` when there is none."""
    try:
        found = json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace").strip()[:40]
    found = found[0] if isinstance(found, list) else found  # Gemini's streams wrap errors in an array
    while isinstance(found, dict):
        found = next((found[key] for key in ("error", "message", "detail") if found.get(key)), "")
    return found if isinstance(found, str) else ""


def says(told: str, recording: Recording) -> bool:
    """The upstream's wording is in what an SDK tells, whose dictionaries escape line ends."""
    words = wording(recording.answer)
    return words in told or words.replace("\n", "\\n") in told


def test_there_are_recorded_errors_of_every_kind() -> None:
    assert {recording.status for recording in errors()} == set(KINDS)
    assert len(errors()) >= 40


@pytest.mark.parametrize("target", list(CODECS))
def test_E107_errors_keep_status_kind_and_wording(target: str) -> None:
    faults = []
    for recording in errors():
        error = decoded(recording)
        reply = CODECS[target].encode_error(error, "req-1")
        seen = JUDGES[target].error(reply.body, reply.status, dict(reply.headers))
        expected = CLASSES[target][recording.status]
        if error.kind not in KINDS[recording.status]:
            faults.append(f"{recording}: kind {error.kind}")
        if reply.status != recording.status or not isinstance(seen, expected):
            faults.append(f"{recording}: {recording.status} became {reply.status}, {type(seen).__name__}")
        if not says(str(seen), recording):
            faults.append(f"{recording}: {wording(recording.answer)!r} not in {str(seen)!r}")
        if error.local or error.raw != recording.answer:
            faults.append(f"{recording}: not marked as the upstream's own")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("target", list(CODECS))
def test_E4_an_error_inside_a_stream_is_one_event_that_the_sdk_raises(target: str) -> None:
    for recording in errors():
        event = CODECS[target].encode_stream_error(decoded(recording), "req-1")
        read = JUDGES[target].stream(event)
        assert read.failed, recording
        assert event.count(b"data: ") == 1, recording
        assert b"[DONE]" not in event
        assert says(read.failed, recording), recording

"""AWS' errors: by name, by status, inside a stream; and streams that are not what they should be."""

import pytest

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import Failed
from trunkline.core.http import HttpHead
from trunkline.core.sse import SSEvent
from trunkline.protocols.bedrock_converse import BEDROCK_CONVERSE


@pytest.mark.parametrize(
    ("status", "name", "body", "kind", "code"),
    [
        (400, "ValidationException", b'{"message":"bad"}', Kind.INVALID_REQUEST, "ValidationException"),
        (400, "ValidationException:http://x/", b'{"message":"Input is too long for requested model."}', Kind.CONTEXT_TOO_LONG, "ValidationException"),
        (403, "AccessDeniedException", b'{"Message":"no rights"}', Kind.PERMISSION, "AccessDeniedException"),
        (403, "", b'{"__type":"com.amazon#ExpiredTokenException","message":"old"}', Kind.AUTHENTICATION, "ExpiredTokenException"),
        (403, "AccessDeniedException", b'{"Message":"Authentication failed: API Key is not valid"}', Kind.AUTHENTICATION, "AccessDeniedException"),
        (424, "ModelErrorException", b'{"message":"x"}', Kind.UPSTREAM_FAILED, "ModelErrorException"),
        (429, "ThrottlingException", b'{"message":"slow"}', Kind.RATE_LIMITED, "ThrottlingException"),
        (429, "ModelNotReadyException", b'{"message":"cold"}', Kind.OVERLOADED, "ModelNotReadyException"),
        (503, "", b"<html>busy</html>", Kind.OVERLOADED, None),
        (500, "", b"", Kind.UPSTREAM_FAILED, None),
    ],
)  # fmt: skip
def test_errors_by_name_then_by_status(
    status: int, name: str, body: bytes, kind: Kind, code: str | None
) -> None:
    headers = (("x-amzn-errortype", name), ("retry-after", "7")) if name else (("retry-after", "7"),)
    error = BEDROCK_CONVERSE.decode_error(HttpHead(status, headers), body)
    assert (error.kind, error.code, error.retry_after, error.local) == (kind, code, 7.0, False)
    assert error.message
    assert error.status == (401 if kind is Kind.AUTHENTICATION else status)


def feed(*frames: tuple[bytes, bytes]) -> list[object]:
    decoder = BEDROCK_CONVERSE.stream_decoder("maker")
    events: list[object] = []
    for name, data in frames:
        events += decoder.feed(SSEvent(data, name))
    return [*events, *decoder.close()]


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ((b"exception:throttlingException", b'{"message":"slow"}'), Kind.RATE_LIMITED),
        ((b"exception:modelStreamErrorException", b'{"message":"slow"}'), Kind.UPSTREAM_FAILED),
        ((b"exception:unknown", b"{}"), Kind.UPSTREAM_FAILED),
        ((b"contentBlockDelta", b"{nonsense"), Kind.UPSTREAM_FAILED),
        ((b"messageStop", b'{"stopReason":"malformed_model_output"}'), Kind.UPSTREAM_FAILED),
    ],
)
def test_what_breaks_a_stream_is_its_last_event(frame: tuple[bytes, bytes], kind: Kind) -> None:
    events = feed((b"messageStart", b'{"role":"assistant"}'), frame, (b"metadata", b"{}"))
    assert isinstance(events[-1], Failed)
    assert events[-1].error.kind is kind
    assert sum(isinstance(event, Failed) for event in events) == 1


def test_an_end_without_a_stop_is_truncated_and_unknown_events_are_passed_over() -> None:
    events = feed(
        (b"messageStart", b'{"role":"assistant","new":1}'),
        (b"somethingNew", b'{"a":[1]}'),
        (b"contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"novel":{}}}'),
        (b"contentBlockDelta", b'{"contentBlockIndex":0}'),
    )
    assert isinstance(events[-1], Failed)
    assert events[-1].error.kind is Kind.TRUNCATED
    assert len(events) == 2


@pytest.mark.parametrize(
    ("body", "match"),
    [(b"{}", "no output"), (b'{"message":"no"}', "^no$"), (b"<html>", "not one of Converse"), (b'{"output":{"message":{"content":[]}},"stopReason":"malformed_tool_use"}', "malformed")],
)  # fmt: skip
def test_whole_answers_that_are_none(body: bytes, match: str) -> None:
    with pytest.raises(GatewayError, match=match) as caught:
        BEDROCK_CONVERSE.decode_response(body, "maker")
    assert caught.value.kind is Kind.UPSTREAM_FAILED

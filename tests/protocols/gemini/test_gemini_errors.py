"""Errors both ways."""

import json

import pytest

from protocols.gemini.room import ROOM, tape
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead
from trunkline.core.sse import SSEvent


def read(status: int, body: object, *headers: tuple[str, str]) -> GatewayError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ROOM.decode_error(HttpHead(status, headers), data)


def google(code: int, status: str, message: str = "m", *details: object) -> dict[str, object]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (400, "INVALID_ARGUMENT", Kind.INVALID_REQUEST),
        (400, "FAILED_PRECONDITION", Kind.INVALID_REQUEST),
        (401, "UNAUTHENTICATED", Kind.AUTHENTICATION),
        (403, "PERMISSION_DENIED", Kind.PERMISSION),
        (404, "NOT_FOUND", Kind.NOT_FOUND),
        (429, "RESOURCE_EXHAUSTED", Kind.RATE_LIMITED),
        (500, "INTERNAL", Kind.UPSTREAM_FAILED),
        (501, "UNIMPLEMENTED", Kind.UNSUPPORTED),
        (503, "UNAVAILABLE", Kind.OVERLOADED),
        (504, "DEADLINE_EXCEEDED", Kind.TIMEOUT),
        (418, "TEAPOT", Kind.INVALID_REQUEST),
    ],
)
def test_kinds(code: int, status: str, kind: Kind) -> None:
    for body in (google(code, status), [google(code, status)]):
        error = read(code, body)
        assert (error.kind, error.status, error.code, error.message) == (kind, code, status, "m")
        assert error.local is False


def test_a_wrong_key_is_no_bad_request() -> None:
    error = read(400, tape("error-key.json"))
    assert (error.kind, error.message) == (
        Kind.AUTHENTICATION,
        "API key not valid. Please pass a valid API key.",
    )


def test_E106_too_long() -> None:
    words = "The input token count (1131027) exceeds the maximum number of tokens allowed (1048576)."
    error = read(400, google(400, "INVALID_ARGUMENT", words))
    assert (error.kind, error.message) == (Kind.CONTEXT_TOO_LONG, words)


def test_E108_retry_hints() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"}
    assert read(429, google(429, "RESOURCE_EXHAUSTED", "m", info)).retry_after == 34.07
    assert read(429, tape("error-429.json")).retry_after == 48.0
    assert read(429, google(429, "RESOURCE_EXHAUSTED", "Please retry in 1m2.5s.")).retry_after == 62.5
    assert read(429, google(429, "RESOURCE_EXHAUSTED"), ("retry-after", "7")).retry_after == 7
    assert read(400, google(400, "INVALID_ARGUMENT", "m", info)).retry_after is None


def test_E108_a_days_quota_is_no_throttling() -> None:
    quota = {
        "@type": "x/google.rpc.QuotaFailure",
        "violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}],
    }
    assert read(429, google(429, "RESOURCE_EXHAUSTED", "m", quota)).kind is Kind.QUOTA
    minute = {
        "@type": "x/google.rpc.QuotaFailure",
        "violations": [{"quotaId": "InputTokensPerModelPerMinute"}],
    }
    assert read(429, google(429, "RESOURCE_EXHAUSTED", "m", minute)).kind is Kind.RATE_LIMITED


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (
            502,
            b"<html><title>502</title><h1>Bad Gateway</h1></html>",
            Kind.UPSTREAM_FAILED,
            "502 Bad Gateway",
        ),
        (503, b"", Kind.OVERLOADED, "status 503 and an empty body"),
        (500, b"plain", Kind.UPSTREAM_FAILED, "plain"),
        (403, {"error_code": "PERMISSION_DENIED", "message": "no"}, Kind.PERMISSION, "no"),
        (400, {"error": "just text"}, Kind.INVALID_REQUEST, "just text"),
        (413, google(413, "INVALID_ARGUMENT", "big"), Kind.TOO_LARGE, "big"),
        (429, [], Kind.RATE_LIMITED, "status 429"),
        (400, b"\xff\xfe", Kind.INVALID_REQUEST, "\ufffd"),
    ],
)
def test_E109_other_shapes(status: int, body: object, kind: Kind, words: str) -> None:
    error = read(status, body)
    assert error.kind is kind
    assert words in error.message


def test_E107_our_envelope_keeps_the_words() -> None:
    reply = ROOM.encode_error(GatewayError(Kind.RATE_LIMITED, "slow down", retry_after=33.2), "req1")
    assert reply.status == 429
    assert json.loads(reply.body) == {
        "error": {
            "code": 429,
            "message": "slow down",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}],
        }
    }
    assert dict(reply.headers)["retry-after"] == "34"
    assert dict(reply.headers)["x-request-id"] == "req1"


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_a_word(kind: Kind) -> None:
    reply = ROOM.encode_error(GatewayError(kind, "m"), "r")
    said = json.loads(reply.body)["error"]
    assert said["code"] == reply.status
    assert reply.status != 529
    assert said["status"].isupper()


def test_E107_the_upstreams_own_body_passes() -> None:
    body = tape("error-429.json")
    assert ROOM.encode_error(read(429, body), "r").body == body
    wrapped = b"[" + body + b"]"
    assert (
        json.loads(ROOM.encode_error(read(429, wrapped), "r").body)["error"]["status"]
        == "RESOURCE_EXHAUSTED"
    )
    foreign = GatewayError(
        Kind.OVERLOADED, "m", protocol="anthropic_messages", raw=b'{"error":{"message":"x"}}'
    )
    assert json.loads(ROOM.encode_error(foreign, "r").body)["error"]["message"] == "m"


def test_an_error_with_line_breaks_is_one_event() -> None:
    out = ROOM.encode_stream_error(read(429, tape("error-429.json")), "r")
    data = out.split(b"\n\n")[0].removeprefix(b"data: ")
    assert b"\n" not in data
    assert json.loads(data)["error"]["code"] == 429


def test_the_tap_hears_errors() -> None:
    for data in (google(503, "UNAVAILABLE", "busy"), [google(503, "UNAVAILABLE", "busy")]):
        tap = ROOM.stream_tap()
        tap.feed(SSEvent(json.dumps(data).encode()))
        assert tap.error is not None
        assert (tap.error.kind, tap.error.message, tap.finished) == (Kind.OVERLOADED, "busy", False)
    tap = ROOM.stream_tap()
    tap.feed(SSEvent(b"not json"))
    assert (tap.error, tap.content_seen, tap.stop, tap.usage) == (None, False, None, None)

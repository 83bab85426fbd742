"""Errors: what an upstream's answer means, and what a client is told."""

import msgspec
import pytest

from protocols.anthropic_messages.room import ROOM, payloads, tape
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead


def error(status: int, body: bytes, **headers: str) -> GatewayError:
    return ROOM.decode_error(
        HttpHead(status, tuple((name.replace("_", "-"), value) for name, value in headers.items())), body
    )


def envelope(kind: str, message: str) -> bytes:
    return msgspec.json.encode(
        {"type": "error", "error": {"type": kind, "message": message}, "request_id": "up"}
    )


def test_a_recorded_refusal() -> None:
    body = tape("invalid-key.json")
    found = error(401, body, x_should_retry="false")
    assert (found.kind, found.status, found.message) == (Kind.AUTHENTICATION, 401, "invalid x-api-key")
    assert (found.code, found.should_retry, found.local) == ("authentication_error", False, False)
    assert (found.protocol, found.raw) == ("anthropic_messages", body)


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (400, "invalid_request_error", Kind.INVALID_REQUEST),
        (403, "permission_error", Kind.PERMISSION),
        (404, "not_found_error", Kind.NOT_FOUND),
        (413, "request_too_large", Kind.TOO_LARGE),
        (413, "invalid_request_error", Kind.TOO_LARGE),
        (429, "rate_limit_error", Kind.RATE_LIMITED),
        (429, "billing_error", Kind.QUOTA),
        (500, "api_error", Kind.UPSTREAM_FAILED),
        (504, "timeout_error", Kind.TIMEOUT),
        (529, "overloaded_error", Kind.OVERLOADED),
        (503, "something_new", Kind.OVERLOADED),
        (418, "something_new", Kind.INVALID_REQUEST),
    ],
)
def test_kinds(status: int, kind: str, expected: Kind) -> None:
    found = error(status, envelope(kind, "why"))
    assert (found.kind, found.status, found.message) == (expected, status, "why")


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (502, b"<html><head><title>Bad  gateway</title></head><p>nginx</p></html>", Kind.UPSTREAM_FAILED, "Bad gateway nginx"),
        (503, b"", Kind.OVERLOADED, "the upstream answered 503 without saying why"),
        (500, b"\xff\xfe", Kind.UPSTREAM_FAILED, "\ufffd\ufffd"),
        (422, b'{"detail":[{"loc":["body","model"],"msg":"field required"}]}', Kind.INVALID_REQUEST, "body.model: field required"),
        (404, b'{"detail":"Not Found"}', Kind.NOT_FOUND, "Not Found"),
        (400, b'{"error":"bad"}', Kind.INVALID_REQUEST, "bad"),
        (400, b'{"message":"bad"}', Kind.INVALID_REQUEST, "bad"),
        (429, b'{"error":{"message":"slow","type":"tokens","code":"rate_limit_exceeded"}}', Kind.RATE_LIMITED, "slow"),
        (403, b'{"error_code":"PERMISSION_DENIED","message":"no grant"}', Kind.PERMISSION, "no grant"),
        (400, b"[1]", Kind.INVALID_REQUEST, "[1]"),
        (500, b"x" * 5000, Kind.UPSTREAM_FAILED, "x" * 600 + "..."),
    ],
)  # fmt: skip
def test_E109_any_body_makes_an_error(status: int, body: bytes, kind: Kind, message: str) -> None:
    found = error(status, body)
    assert (found.kind, found.message) == (kind, message)
    assert found.raw is None


def test_E107_an_error_within_a_message_is_unpacked_once() -> None:
    inner = '{"type":"error","error":{"type":"rate_limit_error","message":"too many"}}'
    found = error(429, msgspec.json.encode({"error_code": "X", "message": f"Upstream said: {inner}"}))
    assert (found.kind, found.code, found.message) == (Kind.RATE_LIMITED, "rate_limit_error", "too many")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
        (
            {
                "date": "Wed, 21 Oct 2026 07:28:00 GMT",
                "anthropic_ratelimit_tokens_remaining": "0",
                "anthropic_ratelimit_tokens_reset": "2026-10-21T07:28:20Z",
                "anthropic_ratelimit_requests_remaining": "5",
                "anthropic_ratelimit_requests_reset": "2026-10-21T08:00:00Z",
            },
            20.0,
        ),
        ({"retry_after": "soon"}, None),
        ({}, None),
    ],
)
def test_E108_the_time_to_wait(headers: dict[str, str], expected: float | None) -> None:
    assert error(429, envelope("rate_limit_error", "slow"), **headers).retry_after == expected


def test_quota_is_not_throttling() -> None:
    found = error(400, envelope("invalid_request_error", "Your credit balance is too low to use the API."))
    assert (found.kind, found.status, found.should_retry) == (Kind.QUOTA, 400, False)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("prompt is too long: 208000 tokens > 200000 maximum", None),
        (
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length",
            None,
        ),
        ("capability_rejected: prompt_too_long", None),
        (
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 150001 tokens.",
            "prompt is too long: 150001 tokens > 128000 maximum (",
        ),
        (
            "This model's maximum context length is 128,000 tokens. However, you requested 140000 tokens "
            "(120000 in the messages, 20000 in the completion).",
            "input length and `max_tokens` exceed context limit: 120000 + 20000 > 128000, ",
        ),
        (
            "Input is too long for requested model.",
            "prompt is too long: Input is too long for requested model.",
        ),
        (
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            "prompt is too long: 1200000 tokens > 1048576 maximum (",
        ),
    ],
)
def test_E106_too_long_is_told_in_the_words_that_make_clients_compact(
    message: str, told: str | None
) -> None:
    found = error(413 if told else 400, envelope("invalid_request_error", message))
    assert found.kind is Kind.CONTEXT_TOO_LONG
    reply = ROOM.encode_error(found, "r")
    shown = msgspec.json.decode(reply.body)["error"]
    assert reply.status == 400
    assert shown["type"] == "invalid_request_error"
    if told is None:
        assert reply.body == found.raw
    else:
        assert shown["message"].startswith(told)
        assert message in shown["message"]


def test_our_own_errors() -> None:
    reply = ROOM.encode_error(
        GatewayError(Kind.RATE_LIMITED, "slow down", retry_after=1.5, should_retry=True), "req1"
    )
    assert (reply.status, dict(reply.headers)) == (
        429,
        {"content-type": "application/json", "retry-after": "2", "x-should-retry": "true"},
    )
    assert msgspec.json.decode(reply.body) == {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "slow down"},
        "request_id": "req1",
    }


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        (Kind.INVALID_REQUEST, 400, "invalid_request_error"),
        (Kind.CONTEXT_TOO_LONG, 400, "invalid_request_error"),
        (Kind.AUTHENTICATION, 401, "authentication_error"),
        (Kind.PERMISSION, 403, "permission_error"),
        (Kind.NOT_FOUND, 404, "not_found_error"),
        (Kind.TOO_LARGE, 413, "request_too_large"),
        (Kind.RATE_LIMITED, 429, "rate_limit_error"),
        (Kind.QUOTA, 429, "rate_limit_error"),
        (Kind.OVERLOADED, 529, "overloaded_error"),
        (Kind.UPSTREAM_FAILED, 502, "api_error"),
        (Kind.UNREACHABLE, 502, "api_error"),
        (Kind.TIMEOUT, 504, "timeout_error"),
        (Kind.TRUNCATED, 502, "api_error"),
        (Kind.UNSUPPORTED, 501, "not_supported"),
        (Kind.INTERNAL, 500, "api_error"),
    ],
)
def test_every_kind_has_a_status_and_a_word(kind: Kind, status: int, word: str) -> None:
    reply = ROOM.encode_error(GatewayError(kind, "why"), "r")
    assert (reply.status, msgspec.json.decode(reply.body)["error"]["type"]) == (status, word)


def test_another_protocols_overload_is_529_here() -> None:
    foreign = GatewayError(Kind.OVERLOADED, "busy", status=503, protocol="openai_chat", raw=b"{}")
    assert ROOM.encode_error(foreign, "r").status == 529


def test_a_raw_body_of_this_protocol_passes_unmodified() -> None:
    body = b'{"type":"error", "error":{"type":"new_error","message":"n\\u00e9w","detail":1}}'
    found = error(400, body, retry_after="3")
    reply = ROOM.encode_error(found, "r")
    assert (reply.status, reply.body, dict(reply.headers)["retry-after"]) == (400, body, "3")


def test_in_a_stream_an_error_is_one_event() -> None:
    found = error(529, envelope("overloaded_error", "busy"))
    assert payloads(ROOM.encode_stream_error(found, "r")) == [msgspec.json.decode(found.raw or b"")]
    spread = GatewayError(Kind.OVERLOADED, "busy", protocol="anthropic_messages", raw=b'{"type":\n"error"}')
    [payload] = payloads(ROOM.encode_stream_error(spread, "r"))
    assert payload["error"]["message"] == "busy"

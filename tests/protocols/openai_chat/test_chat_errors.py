"""Errors both ways: every body shape, and OpenAI's envelope toward clients."""

import json
from pathlib import Path

import pytest

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import HttpHead
from trunkline.protocols.openai_chat import OPENAI_CHAT
from trunkline.protocols.openai_chat.retry_hints import retry_after_of

FIXTURES = Path(__file__).parents[2] / "fixtures"
DATABRICKS = json.loads((FIXTURES / "databricks" / "errors.json").read_bytes())
INDEX = [
    json.loads(line)
    for line in (FIXTURES / "wire" / "index.jsonl").read_text(encoding="utf-8").splitlines()
]
REFUSED = [
    entry
    for entry in INDEX
    if entry["protocol"] in ("openai-chat", "databricks-chat")
    and entry["status"] >= 400
    and "response" in entry["files"]
]


def decode(status: int, body: object, **headers: str) -> GatewayError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return OPENAI_CHAT.decode_error(HttpHead(status, pairs), raw)


@pytest.mark.parametrize(
    ("status", "body", "kind", "message", "code"),
    [
        (400, {"error": {"message": "no", "type": "invalid_request_error", "param": "x", "code": None}}, Kind.INVALID_REQUEST, "no", "invalid_request_error"),
        (404, {"error": {"message": "no", "code": "model_not_found"}}, Kind.NOT_FOUND, "no", "model_not_found"),
        (401, {"error": {"message": "no", "code": 401}}, Kind.AUTHENTICATION, "no", None),
        (400, {"code": 400, "message": "hot", "type": "Bad Request"}, Kind.INVALID_REQUEST, "hot", "Bad Request"),
        (422, {"detail": [{"msg": "field required", "loc": ["body"]}]}, Kind.INVALID_REQUEST, "field required", None),
        (404, {"error": "Specified model not found"}, Kind.NOT_FOUND, "Specified model not found", None),
        (429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}, Kind.QUOTA, "You exceeded your current quota", "insufficient_quota"),
        (402, {"error": {"message": "Insufficient credits", "code": 402}}, Kind.QUOTA, "Insufficient credits", None),
        (429, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "REQUEST_LIMIT_EXCEEDED: slow"}, Kind.RATE_LIMITED, "slow", "REQUEST_LIMIT_EXCEEDED"),
        (403, {"error_code": "PERMISSION_DENIED", "message": "no"}, Kind.PERMISSION, "no", "PERMISSION_DENIED"),
        (403, {"error_code": 403, "message": "Invalid access token."}, Kind.PERMISSION, "Invalid access token.", None),
        (503, {"error": {"message": "busy"}}, Kind.OVERLOADED, "busy", None),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, Kind.OVERLOADED, "Overloaded", "overloaded_error"),
        (500, {"error": {"message": "The engine is currently overloaded"}}, Kind.OVERLOADED, "The engine is currently overloaded", None),
        (500, b"", Kind.UPSTREAM_FAILED, "the upstream answered with status 500 and an empty body", None),
        (502, b"<html><head><title>502</title></head><body><h1>Bad Gateway</h1></body></html>", Kind.UPSTREAM_FAILED, "502 Bad Gateway", None),
        (400, b"Invalid Token", Kind.INVALID_REQUEST, "Invalid Token", None),
        (400, [{"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}], Kind.INVALID_REQUEST, "bad", "INVALID_ARGUMENT"),
    ],
)  # fmt: skip
def test_body_shapes(status: int, body: object, kind: Kind, message: str, code: str | None) -> None:
    error = decode(status, body)
    assert (error.kind, error.message, error.code, error.status) == (kind, message, code, status)
    assert (error.local, error.protocol) == (False, "openai_chat")


def test_E107_json_in_a_string_is_unpacked() -> None:
    once = {
        "error_code": "BAD_REQUEST",
        "message": json.dumps({"message": "text content blocks must be non-empty"}),
    }
    assert decode(400, once).message == "text content blocks must be non-empty"
    twice = {
        "error_code": "BAD_REQUEST",
        "message": json.dumps({"message": json.dumps({"message": "deep"})}),
    }
    assert decode(400, twice).message == "deep"
    inner = json.dumps({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})
    error = decode(400, {"error_code": "BAD_REQUEST", "message": inner})
    assert (error.kind, error.message) == (Kind.OVERLOADED, "busy")
    external = {
        "error": "Received error from databricks-model-serving",
        "external_model_message": {"error": {"message": "the real one"}},
    }
    assert decode(400, external).message == "the real one"


@pytest.mark.parametrize(
    "text",
    [
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
        "request (2009 tokens) exceeds the available context size (512 tokens), try increasing it",
        "prompt too long; exceeded max context length by 1119046 tokens",
        "Input is too long for requested model.",
    ],
)
def test_E106_too_long_by_wording(text: str) -> None:
    assert decode(400, {"error": {"message": text}}).kind is Kind.CONTEXT_TOO_LONG
    assert (
        decode(400, {"error_code": "BAD_REQUEST", "message": json.dumps({"message": text})}).message == text
    )


def test_E106_a_limit_on_output_is_something_else() -> None:
    text = "max_tokens (10000) cannot exceed 8192. Please reduce the length of max output tokens generated."
    assert decode(400, {"message": text}).kind is Kind.INVALID_REQUEST
    minute = "Request too large for model on tokens per min (TPM): Limit 30000, Requested 60000"
    assert (
        decode(429, {"error": {"message": minute, "code": "rate_limit_exceeded"}}).kind is Kind.RATE_LIMITED
    )


@pytest.mark.parametrize("entry", DATABRICKS, ids=lambda entry: entry["when"][:40])
def test_every_known_databricks_error_keeps_its_words(entry: dict[str, object]) -> None:
    body = entry["body"]
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    status = entry["status"]
    assert isinstance(status, int)
    error = OPENAI_CHAT.decode_error(HttpHead(status, ()), raw)
    assert error.message
    assert error.raw == raw
    if status >= 400:
        assert error.status == status


@pytest.mark.parametrize("entry", REFUSED, ids=lambda entry: entry["id"][-60:])
def test_every_recorded_error_keeps_its_words(entry: dict[str, object]) -> None:
    files, status = entry["files"], entry["status"]
    assert isinstance(files, dict)
    assert isinstance(status, int)
    raw = (FIXTURES / "wire" / files["response"]).read_bytes()
    error = OPENAI_CHAT.decode_error(HttpHead(status, ()), raw)
    assert error.status == status
    inside = json.loads(raw)
    said = inside.get("error", inside)
    expected = said if isinstance(said, str) else said["message"]
    assert error.message == expected


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ((("retry-after", "30"),), "", 30.0),
        ((("retry-after-ms", "1500"), ("retry-after", "9")), "", 1.5),
        ((("retry-after-ms", "0"), ("retry-after", "1")), "", 1.0),
        ((), "Please try again in 1.2s.", 1.2),
        ((), "Please retry after 35 seconds.", 35.0),
        ((), "Please try again in 320ms.", 0.32),
        ((), "Please try again in 7m12.5s.", 432.5),
        ((("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "1m2s")), "", 62.0),
        ((("x-ratelimit-remaining-requests", "9"), ("x-ratelimit-reset-requests", "1m2s")), "", None),
        ((("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"),), "", None),
        ((), "no hint", None),
    ],
)  # fmt: skip
def test_E108_retry_hints(
    headers: tuple[tuple[str, str], ...], message: str, seconds: float | None
) -> None:
    assert retry_after_of(headers, message) == seconds


def test_E108_toward_clients() -> None:
    reply = OPENAI_CHAT.encode_error(GatewayError(Kind.OVERLOADED, "busy", retry_after=1.2), "req-1")
    assert reply.status == 503
    assert dict(reply.headers)["retry-after"] == "2"
    assert dict(reply.headers)["x-request-id"] == "req-1"
    refused = OPENAI_CHAT.encode_error(GatewayError(Kind.AUTHENTICATION, "no", should_retry=False), "r")
    assert dict(refused.headers)["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("kind", "status", "type_", "code"),
    [
        (Kind.INVALID_REQUEST, 400, "invalid_request_error", None),
        (Kind.CONTEXT_TOO_LONG, 400, "invalid_request_error", "context_length_exceeded"),
        (Kind.AUTHENTICATION, 401, "invalid_request_error", "invalid_api_key"),
        (Kind.NOT_FOUND, 404, "invalid_request_error", "model_not_found"),
        (Kind.RATE_LIMITED, 429, "rate_limit_error", "rate_limit_exceeded"),
        (Kind.QUOTA, 429, "insufficient_quota", "insufficient_quota"),
        (Kind.TIMEOUT, 504, "server_error", "timeout"),
        (Kind.INTERNAL, 500, "server_error", "internal_error"),
    ],
)
def test_the_envelope(kind: Kind, status: int, type_: str, code: str | None) -> None:
    reply = OPENAI_CHAT.encode_error(GatewayError(kind, "words", field="messages"), "r")
    assert reply.status == status
    assert json.loads(reply.body) == {
        "error": {"message": "words", "type": type_, "param": "messages", "code": code}
    }


def test_every_kind_has_an_envelope() -> None:
    for kind in Kind:
        assert (
            json.loads(OPENAI_CHAT.encode_error(GatewayError(kind, "x"), "r").body)["error"]["message"]
            == "x"
        )


def test_E107_an_upstreams_own_envelope_passes_unmodified() -> None:
    raw = b'{\n  "error": {"message": "no", "type": "t", "inner": [1.0]}\n}'
    assert OPENAI_CHAT.encode_error(decode(400, raw), "r").body == raw
    databricks = decode(400, {"error_code": "BAD_REQUEST", "message": "no"})
    assert json.loads(OPENAI_CHAT.encode_error(databricks, "r").body)["error"]["message"] == "no"
    other = GatewayError(Kind.INVALID_REQUEST, "no", protocol="anthropic_messages", raw=raw)
    assert OPENAI_CHAT.encode_error(other, "r").body != raw


def test_E109_an_error_under_status_200() -> None:
    for body in (b'{"error":{"message":"broke","code":429}}', b'{"error_code":"X","message":"broke"}'):
        with pytest.raises(GatewayError, match="broke"):
            OPENAI_CHAT.decode_response(body, "maker")
    for odd in (b"<html>login</html>", b"{}", b'{"choices":[]}', b'{"choices":[{"message":5}]}', b""):
        with pytest.raises(GatewayError) as caught:
            OPENAI_CHAT.decode_response(odd, "maker")
        assert caught.value.kind is Kind.UPSTREAM_FAILED


def test_a_message_is_cut_to_a_safe_length() -> None:
    assert len(decode(500, b"x" * 100_000).message) == 4000

"""What Databricks errors mean, on every recorded body and on the shapes around them (databricks.md 5)."""

from pathlib import Path

import msgspec
import pytest

from trunkline.core.errors import GatewayError, Kind, kind_of_status
from trunkline.core.http import HttpHead
from trunkline.providers.databricks.errors import read_error
from trunkline.providers.databricks.said import read_said

FIXTURES = Path(__file__).parents[2] / "fixtures" / "databricks"


class Recorded(msgspec.Struct):
    status: int
    content_type: str
    body: str | dict[str, object]
    when: str

    @property
    def raw(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else msgspec.json.encode(self.body)


RECORDED = msgspec.json.decode((FIXTURES / "errors.json").read_bytes(), type=list[Recorded])


def meaning(
    status: int, raw: bytes, *, headers: tuple[tuple[str, str], ...] = (), deployment: str = "databricks-x"
) -> GatewayError:
    error = GatewayError(kind_of_status(status), "upstream refused", status=status, raw=raw, local=False)
    return read_error(
        error, HttpHead(status, headers), host="adb-1.2.azuredatabricks.net", deployment=deployment
    )


EXPECTED: dict[str, tuple[Kind, int, str, bool | None]] = {
    # when: kind, status for the client, how the message begins, whether a retry can help
    "response_format with stream:true": (Kind.INVALID_REQUEST, 400, "Structured output is not currently", None),
    "empty text content, Claude": (Kind.INVALID_REQUEST, 400, "messages: text content blocks must be", None),
    "image_url part inside a role:tool message, Claude on chat surface": (
        Kind.INVALID_REQUEST, 400, "messages.2.content.0.tool_result.content.1: Input tag 'image_url'", None,
    ),
    "last message is assistant, newer Claude": (
        Kind.INVALID_REQUEST, 400, "This model does not support assistant message prefill.", None,
    ),
    "orphan tool result, Claude": (Kind.INVALID_REQUEST, 400, "messages.2.content.1: unexpected", None),
    "thinking.type enabled on Claude >= 4.7": (Kind.INVALID_REQUEST, 400, '"thinking.type.enabled" is not', None),
    "thinking.type adaptive on Claude <= 4.5": (Kind.INVALID_REQUEST, 400, "adaptive thinking is not", None),
    "function.strict on Claude": (Kind.INVALID_REQUEST, 400, "tools.0.custom.strict: Extra inputs", None),
    "stream_options on strict chat parsers": (
        Kind.INVALID_REQUEST, 400, 'json: unknown field "stream_options"', None,
    ),
    "unknown top-level field": (Kind.INVALID_REQUEST, 400, 'json: unknown field "inputs"', None),
    "assistant history with >1 tool_calls on Llama-class endpoints": (
        Kind.INVALID_REQUEST, 400, "Multiple tool calls are not supported.", None,
    ),
    "Llama emits malformed tool call (transient)": (
        Kind.UPSTREAM_FAILED, 502, "Model response did not respect the required format.", True,
    ),
    "Responses route with a Claude model": (Kind.INVALID_REQUEST, 400, "Native_api_type=openai/v1/resp", None),
    "chat call to a Responses-only model": (
        Kind.UNSUPPORTED, 501, "Model databricks-gpt-5-1-codex-max only supports the Responses API.", False,
    ),
    "wrong native path": (Kind.INVALID_REQUEST, 400, "Unsupported native API path", None),
    "max_tokens above the model cap": (Kind.INVALID_REQUEST, 400, "max_tokens (10000) cannot exceed 8192.", None),
    "input guardrail triggered": (
        Kind.INVALID_REQUEST, 400, "Request blocked by the input guardrail of the endpoint: personal data (PII)", False,
    ),
    "AI Gateway: bad bearer token": (Kind.AUTHENTICATION, 401, "Invalid Token", None),
    "no Authorization header": (Kind.AUTHENTICATION, 401, "Credential was not sent or was of an", None),
    "wrong workspace or revoked PAT (numeric error_code)": (
        Kind.AUTHENTICATION, 401, "Invalid access token.", None,
    ),
    "IP access list": (Kind.PERMISSION, 403, "Source IP address: 203.0.113.7 is blocked", False),
    "Enforce Unity Gateway": (Kind.PERMISSION, 403, "Querying pay-per-token foundation model", None),
    "trial/free tier or provider not enabled for tenant": (
        Kind.PERMISSION, 403, "The endpoint is temporarily disabled due to a Databricks-set rate limit of 0.", False,
    ),
    "unknown endpoint name": (Kind.NOT_FOUND, 404, "The given endpoint does not exist", None),
    "GET /api/2.0/serving-endpoints/missing": (Kind.NOT_FOUND, 404, "Endpoint with name 'missing'", None),
    "GET /serving-endpoints/models, anthropic count_tokens, ...": (
        Kind.NOT_FOUND, 404, "Path must be of form", False,
    ),
    "ai-gateway route on a workspace without it (400 also seen)": (
        Kind.NOT_FOUND, 404, "AI Gateway is not available for this workspace.", None,
    ),
    "ITPM": (Kind.RATE_LIMITED, 429, "Exceeded workspace input tokens per minute rate limit", None),
    "OTPM": (Kind.RATE_LIMITED, 429, "Exceeded workspace output tokens per minute rate limit", None),
    "legacy name on a v3-only gateway": (
        Kind.NOT_FOUND, 404, "'databricks-gpt-5-6-luna' is no longer available.", None,
    ),
    "control-plane outage": (Kind.OVERLOADED, 503, "Authentication is temporarily unavailable.", True),
    "principal lacks CAN_QUERY/CAN_VIEW on the endpoint": (
        Kind.PERMISSION, 403, "User does not have permission 'View'", False,
    ),
    "GET model-services page too slow; a smaller page_size succeeds": (
        Kind.UPSTREAM_FAILED, 502, "upstream refused", None,
    ),
}  # fmt: skip


def test_every_recorded_error_has_an_expectation() -> None:
    assert [row.when for row in RECORDED if row.when not in EXPECTED] == []
    assert len(EXPECTED) == len(RECORDED)


@pytest.mark.parametrize("row", RECORDED, ids=lambda row: row.when)
def test_recorded_errors(row: Recorded) -> None:
    kind, status, begins, should_retry = EXPECTED[row.when]
    error = meaning(row.status, row.raw)
    assert (error.kind, error.status, error.should_retry) == (kind, status, should_retry)
    assert error.message.startswith(begins)
    assert not error.local
    assert error.raw == row.raw
    assert error.protocol is None, "never passed on in Databricks' own shape"


@pytest.mark.parametrize(
    ("when", "advice"),
    [
        ("trial/free tier or provider not enabled for tenant", "waiting does not help"),
        ("input guardrail triggered", "stays in the conversation"),
        ("Enforce Unity Gateway", "system.ai.<model>"),
        ("IP access list", "VPN"),
        (
            "wrong workspace or revoked PAT (numeric error_code)",
            "another workspace than adb-1.2.azuredatabricks.net",
        ),
        ("no Authorization header", "begins with dapi"),
        ("OTPM", "lower max_tokens"),
        ("ITPM", "one sliding minute"),
        ("ai-gateway route on a workspace without it (400 also seen)", "/serving-endpoints"),
        ("principal lacks CAN_QUERY/CAN_VIEW on the endpoint", "CAN QUERY"),
    ],
)
def test_the_advice_says_what_to_do(when: str, advice: str) -> None:
    row = next(row for row in RECORDED if row.when == when)
    assert advice in meaning(row.status, row.raw).message


@pytest.mark.parametrize(
    ("raw", "message", "code"),
    [  # databricks.md 5.1, by number of the shape
        (b'{"error_code":"CODE","message":"text"}', "text", "CODE"),
        (b'{"error_code":"CODE","message":"CODE: text","details":[]}', "text", "CODE"),
        (b'{"error_code":403,"message":"Invalid access token."}', "Invalid access token.", None),
        (b'{"error_code":"BAD_REQUEST","message":"{\\"message\\":\\"text\\"}"}', "text", "BAD_REQUEST"),
        (
            b'{"error_code":"BAD_REQUEST","message":"{\\"message\\":\\"{\\\\\\"message\\\\\\":\\\\\\"text\\\\\\"}\\"}"}',
            "text",
            "BAD_REQUEST",
        ),
        (
            b'{"error_code":"BAD_REQUEST","message":"{\\"error\\":{\\"type\\":\\"invalid_request_error\\",\\"message\\":\\"text\\"}}"}',
            "text",
            "invalid_request_error",
        ),
        (
            b'{"error_code":"BAD_REQUEST","message":"BAD_REQUEST: {\\"message\\":\\"text\\"}"}',
            "text",
            "BAD_REQUEST",
        ),
        (b'{"error":{"message":"text","type":"t","code":"c"}}', "text", "c"),
        (
            b'{"type":"error","error":{"type":"overloaded_error","message":"text"}}',
            "text",
            "overloaded_error",
        ),
        (b"INVALID_PARAMETER_VALUE: INVALID_PARAMETER_VALUE: text", "text", "INVALID_PARAMETER_VALUE"),
        (b"Bad request: text", "text", None),
        (b"Invalid Token", "Invalid Token", None),
        (b"upstream connect error", "upstream connect error", None),
        (b"<html><body><pre>503 &amp; busy\n now</pre></body></html>", "503 & busy now", None),
        (b"<!DOCTYPE html><title>Bad gateway</title>", "Bad gateway", None),
        (b"<html></html>", "an HTML page instead of an answer", None),
        (b"", "", None),
        (
            b'{"error":"Received error from databricks-model-serving","external_model_message":{"message":"text"}}',
            "text",
            None,
        ),
        (b'{"detail":"text"}', "text", None),
        (b'{"error":"text"}', "text", None),
        (b"{broken", "{broken", None),
        (b'{"message":{"nothing":"here"}}', '{"nothing":"here"}', None),
        (b"\xff\xfe", "\ufffd\ufffd", None),
    ],
)
def test_body_shapes(raw: bytes, message: str, code: str | None) -> None:
    said = read_said(raw)
    assert (said.message, said.code) == (message, code)


def test_ever_deeper_json_ends() -> None:
    text = "text"
    for _ in range(10):
        text = msgspec.json.encode({"message": text}).decode()
    assert read_said(text.encode()).message


@pytest.mark.parametrize(
    ("status", "text", "kind", "client_status", "should_retry"),
    [
        (400, "REQUEST_LIMIT_EXCEEDED: Exceeded workspace QPS rate limit for x.", Kind.RATE_LIMITED, 429, None),
        (403, "Token is expiring within 30 seconds. (token expired)", Kind.AUTHENTICATION, 401, None),
        (
            400,
            "io.jsonwebtoken.IncorrectClaimException: Expected aud claim to be: a, but was: b",
            Kind.AUTHENTICATION,
            401,
            False,
        ),
        (400, "The endpoint x is scaled to zero", Kind.OVERLOADED, 529, True),
        (503, "TEMPORARILY_UNAVAILABLE: x is temporarily unavailable. Please try again later.", Kind.OVERLOADED, 503, True),
        (400, '{"message":"ThrottlingException: Too many requests"}', Kind.OVERLOADED, 529, True),
        (409, "INVALID_STATE: endpoint is updating", Kind.OVERLOADED, 529, True),
        (504, "DEADLINE_EXCEEDED: model execution", Kind.TIMEOUT, 504, False),
        (408, "", Kind.TIMEOUT, 408, False),
        (499, "", Kind.UPSTREAM_FAILED, 502, True),
        (500, '{"error_code":"INTERNAL_ERROR","message":"boom"}', Kind.UPSTREAM_FAILED, 500, None),
        (502, "<html><title>502 Bad Gateway</title></html>", Kind.UPSTREAM_FAILED, 502, None),
        (413, "", Kind.TOO_LARGE, 413, None),
        (400, '{"message":"prompt is too long: 210000 tokens > 200000 maximum"}', Kind.CONTEXT_TOO_LONG, 400, None),
        (401, '{"message":"input length and `max_tokens` exceed context limit: 1 + 2 > 2"}', Kind.CONTEXT_TOO_LONG, 400, None),
        (400, "prompt length 9 exceeds maximum input length 8", Kind.CONTEXT_TOO_LONG, 400, None),
        (400, "Request blocked by input guardrail 'no-secrets'", Kind.INVALID_REQUEST, 400, False),
        (400, "Output guardrail 'x' failed to evaluate: timeout", Kind.INVALID_REQUEST, 400, False),
        (404, "'system.ai.x' does not exist", Kind.NOT_FOUND, 404, None),
        (400, "something new", Kind.INVALID_REQUEST, 400, None),
    ],
)  # fmt: skip
def test_meaning_comes_from_the_body(
    status: int, text: str, kind: Kind, client_status: int, should_retry: bool | None
) -> None:
    error = meaning(status, text.encode())
    assert (error.kind, error.status, error.should_retry) == (kind, client_status, should_retry)


@pytest.mark.parametrize(
    ("status", "headers", "raw"),
    [
        (303, (("location", "/login"),), b""),
        (302, (("location", "/login.html?error=private-link-validation-error"),), b""),
        (403, (("content-type", "text/html"),), b"<html><title>Databricks - Login</title></html>"),
    ],
)
def test_a_login_page_is_an_account_address_or_a_private_link(
    status: int, headers: tuple[tuple[str, str], ...], raw: bytes
) -> None:
    error = meaning(status, raw, headers=headers)
    assert (error.kind, error.status, error.should_retry) == (Kind.UPSTREAM_FAILED, 502, False)
    private = any("private-link" in value for _, value in headers)
    assert ("Private Link" if private else "an account's address") in error.message


def test_a_wait_is_taken_from_the_body_and_never_invented() -> None:
    body = (
        b'{"error":{"message":"Rate limit exceeded","type":"rate_limit_exceeded","code":429,'
        b'"limit_type":"input_tokens_per_minute","limit":200000,"current":1,"retry_after":17}}'
    )
    error = meaning(429, body)
    assert (error.kind, error.retry_after) == (Kind.RATE_LIMITED, 17)
    row = next(row for row in RECORDED if row.when == "ITPM")
    assert meaning(429, row.raw).retry_after is None


def test_request_ids_are_kept_for_support() -> None:
    body = b'{"error_code":401,"message":"Credential was not sent. [ReqId: 1b2c-3d]"}'
    assert "request 1b2c-3d" in meaning(401, body).message
    assert "[ReqId" not in meaning(401, body).message
    detail = (
        b'{"error_code":"X","message":"m","details":[{"@type":"t","request_id":"r-7","serving_data":""}]}'
    )
    assert "request r-7" in meaning(400, detail).message
    assert "request h-1" in meaning(500, b"", headers=(("x-request-id", "h-1"),)).message


def test_a_retired_model_names_its_successor() -> None:
    body = b'{"error_code":"ENDPOINT_NOT_FOUND","message":"The given endpoint does not exist"}'
    error = meaning(404, body, deployment="databricks-claude-3-7-sonnet")
    assert "databricks-claude-3-7-sonnet was retired; use databricks-claude-sonnet-4-5" in error.message
    assert "retired" not in meaning(404, body, deployment="databricks-claude-sonnet-4-5").message


def test_the_headers_wait_wins_over_the_bodys() -> None:
    error = GatewayError(
        Kind.RATE_LIMITED, "m", status=429, retry_after=3, raw=b'{"retry_after":9}', local=False
    )
    assert read_error(error, HttpHead(429), host="h", deployment="d").retry_after == 3


@pytest.mark.parametrize(
    ("status", "raw", "waits"),
    [
        (
            429,
            b'{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"Exceeded workspace input tokens per minute"}',
            True,
        ),
        (
            400,
            b'{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"Exceeded workspace QPS rate limit for x."}',
            True,
        ),
        (400, b'{"error_code":"BAD_REQUEST","message":"The endpoint is scaled to zero."}', True),
        (409, b'{"error_code":"INVALID_STATE","message":"x is updating"}', True),
        (
            429,
            b'{"error":{"type":"rate_limit_exceeded","message":"tokens per minute","retry_after":12}}',
            False,
        ),
        (503, b'{"error_code":"TEMPORARILY_UNAVAILABLE","message":"temporarily unavailable"}', False),
        (403, b'{"error_code":"PERMISSION_DENIED","message":"a Databricks-set rate limit of 0."}', False),
    ],
)
def test_what_is_waited_for_in_line(status: int, raw: bytes, waits: bool) -> None:
    assert meaning(status, raw).in_line is waits

"""Answers that are not answers: the error bodies of a workspace, each in its own shape.

Numbers in brackets are the shapes of databricks.md 5.1.
"""

import json

from standin.script import FIXTURES
from standin.wire import Reply

REQUEST_ID = "00000000-0000-4000-8000-000000000000"
_INFO = [
    {"@type": "type.googleapis.com/google.rpc.RequestInfo", "request_id": REQUEST_ID, "serving_data": ""}
]


def as_json(status: int, body: object, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    """Any JSON body."""
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(
        status, (("content-type", "application/json"), ("x-request-id", REQUEST_ID), *headers), (data,)
    )


def coded(
    status: int, code: str | int, message: str, *, details: bool = False, retry_after: str | None = None
) -> Reply:
    """[1], [2] with details, [3] with a number for a code."""
    body: dict[str, object] = {"error_code": code, "message": message}
    if details:
        body["details"] = _INFO
    return as_json(status, body, () if retry_after is None else (("retry-after", retry_after),))


def wrapped(message: str, status: int = 400, *, twice: bool = False) -> Reply:
    """[4]: a provider's error as JSON in a string."""
    inner = json.dumps({"message": message}, ensure_ascii=False)
    if twice:
        inner = json.dumps({"message": inner}, ensure_ascii=False)
    return coded(status, "BAD_REQUEST", inner)


def native(status: int, kind: str, message: str) -> Reply:
    """[5]: an error in Anthropic's own form."""
    return as_json(status, {"type": "error", "error": {"type": kind, "message": message}})


def plain(status: int, text: str) -> Reply:
    """[6]: plain text from the front end."""
    return Reply(status, (("content-type", "text/plain; charset=utf-8"),), (text.encode(),))


def html(status: int = 502, title: str = "502 Bad Gateway") -> Reply:
    """[7]: a load balancer's page."""
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\r\n"
    return Reply(status, (("content-type", "text/html"),), (page.encode(),))


def empty(status: int) -> Reply:
    """[8]: no body at all."""
    return Reply(status)


def external(status: int = 400, message: str = "context length exceeded") -> Reply:
    """[9]: an external-model endpoint passing on its provider's error."""
    return as_json(
        status,
        {
            "error": "Received error from databricks-model-serving",
            "external_model_message": {"error": {"message": message, "type": "invalid_request_error"}},
        },
    )


def login() -> Reply:
    """[10]: the address of an account, not of a workspace."""
    return Reply(303, (("location", "/login"),))


def login_page() -> Reply:
    """[10]: a log-in page with status 200."""
    return Reply(200, (("content-type", "text/html"),), (b"<html><title>Sign in</title></html>",))


def no_credential() -> Reply:
    text = f"Credential was not sent or was of an unsupported type for this API. [ReqId: {REQUEST_ID}]"
    return coded(401, 401, text)


def bad_token() -> Reply:
    return coded(403, 403, "Invalid access token.")


def invalid_token_text(status: int = 400) -> Reply:
    return plain(status, "Invalid Token")


def other_audience() -> Reply:
    text = (
        "io.jsonwebtoken.IncorrectClaimException: Expected aud claim to be: 2ff814a6-3304-4ab8-85cb-cd0e6f879c1d, "
        "but was: https://management.core.windows.net/."
    )
    return plain(400, text)


def expiring_token() -> Reply:
    return coded(403, 403, "Token is expiring within 30 seconds. (token expired)")


def ip_blocked() -> Reply:
    text = "Source IP address: 203.0.113.7 is blocked by Databricks IP ACL for workspace: 1234567890123456"
    return coded(403, "PERMISSION_DENIED", f"PERMISSION_DENIED: {text}")


def no_grant(endpoint: str) -> Reply:
    text = f"User does not have permission 'View' on Endpoint {endpoint}"
    return coded(403, "PERMISSION_DENIED", text, details=True)


def rate_limited(
    model: str = "databricks-claude-sonnet-4-5",
    *,
    what: str = "input tokens per minute",
    retry_after: str | None = None,
    status: int = 429,
) -> Reply:
    """The workspace's limit. ``status=400`` is seen too, with the same words."""
    text = (
        f"REQUEST_LIMIT_EXCEEDED: Exceeded workspace {what} rate limit for {model}. "
        "Work with your Databricks account team to request a higher FMAPI rate limit tier."
    )
    return coded(status, "REQUEST_LIMIT_EXCEEDED", text, retry_after=retry_after)


def documented_limit(retry_after: int = 12) -> Reply:
    """The form that the documentation gives."""
    return as_json(
        429,
        {
            "error": {
                "message": "Rate limit exceeded for input tokens per minute",
                "type": "rate_limit_exceeded",
                "code": 429,
                "limit_type": "input_tokens_per_minute",
                "limit": 200_000,
                "current": 200_150,
                "retry_after": retry_after,
            }
        },
    )


def limit_of_zero() -> Reply:
    text = (
        "PERMISSION_DENIED: The endpoint is temporarily disabled due to a Databricks-set rate limit of 0."
    )
    return coded(403, "PERMISSION_DENIED", text)


def unavailable() -> Reply:
    return coded(
        503, "TEMPORARILY_UNAVAILABLE", "The service is temporarily unavailable. Please try again later."
    )


def overloaded() -> Reply:
    """A provider's overload, passed through as it is."""
    return native(529, "overloaded_error", "Overloaded")


def internal_error() -> Reply:
    return coded(500, "INTERNAL_ERROR", "INTERNAL_ERROR: An internal error occurred.")


def cancelled() -> Reply:
    return coded(499, "CANCELLED", "", details=True)


def deadline() -> Reply:
    return coded(504, "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED: Request timed out after 297 s.")


def guardrail_block() -> Reply:
    """An input guardrail that tripped, as recorded."""
    recorded = json.loads((FIXTURES / "guardrail-block.json").read_text())
    return as_json(recorded["status"], recorded["body"])


def guardrail_named(name: str = "no-secrets") -> Reply:
    """The newer gateway's words."""
    return coded(400, "BAD_REQUEST", f"Request blocked by input guardrail '{name}'")


def prompt_too_long(tokens: int = 212_345, maximum: int = 200_000) -> Reply:
    return wrapped(f"prompt is too long: {tokens} tokens > {maximum} maximum")


def bad_format() -> Reply:
    """An open model's malformed call: luck of the draw."""
    text = (
        "Model response did not respect the required format.\n Model Output: <function=x>{}</function>\n"
        "Please consider retrying or using a more straightforward prompt."
    )
    return coded(400, "BAD_REQUEST", text)


def prefer_gateway(endpoint: str) -> Reply:
    text = (
        f"Querying pay-per-token foundation model endpoint '{endpoint}' is disabled for this workspace. "
        "Please use Unity Gateway."
    )
    return coded(403, "PERMISSION_DENIED", text)


def gateway_absent(status: int = 404) -> Reply:
    return coded(status, "FEATURE_DISABLED", "AI Gateway is not available for this workspace.")


def gateway_refused() -> Reply:
    return coded(403, "PERMISSION_DENIED", "AI Gateway is not enabled for this account tier.")


def legacy_name_gone(name: str) -> Reply:
    return coded(
        501, "NOT_IMPLEMENTED", f"'{name}' is no longer available. Use Unity Catalog model services (v3)."
    )


def no_such_service(name: str) -> Reply:
    return coded(404, "RESOURCE_DOES_NOT_EXIST", f"'{name}' does not exist", details=True)


def no_such_endpoint() -> Reply:
    text = (
        "The given endpoint does not exist, please retry after checking the specified model and version "
        "deployment exists."
    )
    return coded(404, "ENDPOINT_NOT_FOUND", text)


def no_such_path() -> Reply:
    text = (
        "Path must be of form /serving-endpoints/<endpoint_name>/invocations or "
        "/serving-endpoints/<endpoint_name>/served-models/<served_model_name>/invocations"
    )
    return coded(404, "ENDPOINT_NOT_FOUND", text)


def native_path_unsupported(path: str) -> Reply:
    return coded(400, "BAD_REQUEST", f"Unsupported native API path '{path}' for provider 'anthropic'")


def responses_only(name: str) -> Reply:
    text = f"Model {name} only supports the Responses API. Please use /serving-endpoints/responses instead."
    return coded(400, "BAD_REQUEST", text)


def responses_not_for_claude() -> Reply:
    text = (
        "INVALID_PARAMETER_VALUE: Native_api_type=openai/v1/responses is not supported for provider "
        "Amazon Bedrock."
    )
    return coded(400, "INVALID_PARAMETER_VALUE", text)

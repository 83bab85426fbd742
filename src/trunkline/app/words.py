"""The words that users of older proxies know for errors (databricks.md 7.2, 7.3). Pure: errors in, errors out."""

import re
from typing import Final

import msgspec

from trunkline.core.errors import GatewayError, Kind

NOT_ENABLED: Final = (
    "Azure Databricks integration is not enabled. Set PROXY_BACKEND=AZURE_DATABRICKS in environment."
)
INVALID: Final = "Invalid Anthropic request format"
FAILED: Final = "Azure Databricks request failed"
REFUSED_TOKEN: Final = "Azure Databricks authentication failed. Check your PAT token."  # noqa: S105 - words
DENIED: Final = "Access denied to Azure Databricks endpoints."
ABSENT: Final = "Endpoint not found or workspace URL incorrect."
BROKEN: Final = frozenset({Kind.UPSTREAM_FAILED, Kind.UNREACHABLE, Kind.TIMEOUT, Kind.TRUNCATED})
"""What the proxy answers with 500."""

_TOOLS: Final = re.compile(
    r"(?:\btools?\b|\btool[_ ](?:use|calls?|calling|choice)\b|\bfunction[_ ]call(?:s|ing)?\b)"
    r".{0,60}(?:not (?:yet )?(?:supported|available|allowed|permitted|enabled)|unsupported|disabled)"
    r"|(?:does not|doesn't|cannot|not) (?:support|take|accept|allow).{0,40}\b(?:tools?|function[_ ]call)"
    r"|\btools: Extra inputs are not permitted",
    re.IGNORECASE | re.DOTALL,
)
_TOOLS_STATUS: Final = frozenset({400, 404, 422, 501})


def unavailable(message: str) -> GatewayError:
    """The proxy's 503; Messages has a status of its own for what is overloaded, so the body is ready-made."""
    shown = {"type": "error", "error": {"type": "overloaded_error", "message": message}}
    return GatewayError(
        Kind.OVERLOADED,
        message,
        status=503,
        should_retry=False,
        protocol="anthropic_messages",
        raw=msgspec.json.encode(shown),
    )


def refuses_tools(error: GatewayError) -> bool:
    """Whether it is the tools of a request that were refused."""
    if error.code == "unsupported_tools":
        return True
    return error.status in _TOOLS_STATUS and _TOOLS.search(error.message) is not None


def of_databricks(error: GatewayError) -> GatewayError:
    """An error of an exchange with the workspace as the proxy's guide has it; the reason follows its words."""
    kind, message = error.kind, error.message
    if error.local and kind is Kind.INVALID_REQUEST:
        return reworded(error, kind, f"{INVALID}: {message}", error.status)
    if kind in BROKEN:
        return reworded(error, Kind.UPSTREAM_FAILED, f"{FAILED}: {message}", 500)
    if error.local:
        return error
    if kind is Kind.AUTHENTICATION:
        return reworded(error, kind, REFUSED_TOKEN, 401)
    if kind is Kind.PERMISSION:
        return reworded(error, kind, f"{DENIED} {message}", 403)
    if kind is Kind.NOT_FOUND:
        return reworded(error, kind, f"{ABSENT} {message}", 404)
    if kind is Kind.OVERLOADED:
        return reworded(error, kind, f"{FAILED}: {message}", error.status)
    return error


def of_claude_code_azure(error: GatewayError, asked: str) -> GatewayError:
    """A name that is no category, no Claude and has no provider is a bad request there."""
    if not (error.local and error.kind is Kind.NOT_FOUND and error.field == "model"):
        return error
    message = (
        f"Unrecognized model: {asked[:120]}. Must use explicit provider prefix or a configured model"
        f" category. {error.message}"
    )
    return reworded(error, Kind.INVALID_REQUEST, message, 400)


def reworded(error: GatewayError, kind: Kind, message: str, status: int) -> GatewayError:
    """``error`` in other words; the upstream's own body goes no further."""
    changed = GatewayError(
        kind,
        message,
        status=status,
        code=error.code,
        field=error.field,
        retry_after=error.retry_after,
        should_retry=error.should_retry,
        timeout=error.timeout,
        local=error.local,
    )
    changed.headers = error.headers
    return changed

"""What a Databricks error means: read from its body, not from its status (databricks.md 5)."""

import re
from typing import Final, NamedTuple

from trunkline.catalog.models import successor
from trunkline.core.errors import STATUS, GatewayError, Kind, kind_of_status
from trunkline.core.http import HttpHead
from trunkline.providers.databricks.limits import in_words, usual_limits
from trunkline.providers.databricks.said import Said, read_said

_NO_ID: Final = re.compile(r"[0-]*")


class Meaning(NamedTuple):
    """What one kind of refusal is about."""

    name: str
    """Stable: what checks call it."""
    pattern: re.Pattern[str]
    """Looked for in ``CODE: message``."""
    kind: Kind
    advice: str = ""
    """What it means and what to do, after the upstream's own words."""
    should_retry: bool | None = None


def _meaning(
    name: str, pattern: str, kind: Kind, advice: str = "", should_retry: bool | None = None
) -> Meaning:
    return Meaning(name, re.compile(pattern, re.IGNORECASE), kind, advice, should_retry)


_MEANINGS: Final = (
    _meaning(
        "guardrail",
        r"guardrail_triggered|blocked by (?:the )?(?:in|out)put guardrail|guardrail '[^']*' failed",
        Kind.INVALID_REQUEST,
        "what tripped it stays in the conversation and blocks every later turn; remove it or start anew",
        False,
    ),
    _meaning(
        "limit-of-zero",
        r"rate limit of 0\b",
        Kind.PERMISSION,
        "this model is not enabled for the workspace (trial, Free Edition, region or a provider an admin has"
        " to switch on); waiting does not help, another model or an admin does",
        False,
    ),
    _meaning(
        "output-limit",
        r"output tokens per minute",
        Kind.RATE_LIMITED,
        "the limit is shared by the workspace and counts one sliding minute; max_tokens is reserved in"
        " advance, so a lower max_tokens helps",
    ),
    _meaning(
        "limit",
        r"REQUEST_LIMIT_EXCEEDED|RESOURCE_EXHAUSTED|rate_limit_exceeded|tokens per minute|QPS rate limit"
        r"|rate limit exceeded",
        Kind.RATE_LIMITED,
        "the limit is shared by the workspace and counts one sliding minute",
    ),
    _meaning(
        "gateway-enforced",
        r"is disabled for this workspace\. Please use Unity Gateway",
        Kind.PERMISSION,
        "an admin enforces the Unity gateway; the model is asked there as system.ai.<model>",
    ),
    _meaning(
        "moved-to-gateway",
        r"Please use Unity Gateway|Use Unity Catalog model services",
        Kind.NOT_FOUND,
        "the endpoint moved to the Unity gateway; the model is asked there as system.ai.<model>",
    ),
    _meaning(
        "no-gateway",
        r"FEATURE_DISABLED|AI Gateway .*is not available",
        Kind.NOT_FOUND,
        "this workspace has no AI gateway; models are asked at /serving-endpoints",
    ),
    _meaning(
        "ip-list",
        r"blocked by Databricks IP ACL",
        Kind.PERMISSION,
        "the workspace only admits listed addresses: connect through its VPN or have this one listed",
        False,
    ),
    _meaning(
        "other-audience",
        r"Expected aud claim",
        Kind.AUTHENTICATION,
        "the Entra token is for another resource; request it for 2ff814a6-3304-4ab8-85cb-cd0e6f879c1d",
        False,
    ),
    _meaning(
        "token-ended",
        r"Token is expiring within|token expired",
        Kind.AUTHENTICATION,
        "the token has run out; a new one is needed",
    ),
    _meaning(
        "starting",
        r"scaled? (?:to|from) zero|endpoint is (?:starting|not ready)|not ready to serve",
        Kind.OVERLOADED,
        "the endpoint is starting; after a pause its first answer takes minutes, later ones do not",
        True,
    ),
    _meaning(
        "unavailable",
        r"temporarily unavailable|ThrottlingException|overloaded_error|TEMPORARILY_UNAVAILABLE",
        Kind.OVERLOADED,
        "the model is busy or still starting; the same request may pass in a minute",
        True,
    ),
    _meaning(
        "not-a-token",
        r"Credential was not sent",
        Kind.AUTHENTICATION,
        "no Databricks token, or not one: a personal access token begins with dapi, its id is not the token",
    ),
    _meaning(
        "bad-token",
        r"Invalid (?:access )?token",
        Kind.AUTHENTICATION,
        "the Databricks token was revoked, has expired, or belongs to another workspace than {host}",
    ),
    _meaning(
        "context",
        r"prompt is too long|exceed(?:s)? context limit|context_length_exceeded|maximum input length"
        r"|maximum context length|input is too long for requested model",
        Kind.CONTEXT_TOO_LONG,
    ),
    _meaning(
        "too-large",
        r"request size cannot exceed|request entity too large|body (?:is )?too large",
        Kind.TOO_LARGE,
        "Databricks takes about 4 MB in one request: pictures are most of it as a rule",
        False,
    ),
    _meaning(
        "responses-only",
        r"only supports the Responses API",
        Kind.UNSUPPORTED,
        "choose a model that answers chat/completions",
        False,
    ),
    _meaning("bad-format", r"did not respect the required format", Kind.UPSTREAM_FAILED, "", True),
    _meaning(
        "no-grant",
        r"does not have permission|PERMISSION_DENIED",
        Kind.PERMISSION,
        "the user needs CAN QUERY on the endpoint, or EXECUTE on the model service",
        False,
    ),
    _meaning(
        "no-route",
        r"Path must be of form",
        Kind.NOT_FOUND,
        "this route does not exist on model serving",
        False,
    ),
    _meaning(
        "no-such-model",
        r"ENDPOINT_NOT_FOUND|RESOURCE_DOES_NOT_EXIST|does not exist",
        Kind.NOT_FOUND,
        "no such endpoint in this workspace, or no grant on it: a missing grant looks the same",
    ),
    _meaning(
        "updating",
        r"INVALID_STATE|RESOURCE_CONFLICT|\bABORTED\b",
        Kind.OVERLOADED,
        "the endpoint is updating",
        True,
    ),
    _meaning(
        "deadline",
        r"DEADLINE_EXCEEDED",
        Kind.TIMEOUT,
        "the model ran into the platform's execution limit; the same request would again",
        False,
    ),
    _meaning("broke-off", r"\bCANCELLED\b|INTERNAL_ERROR|DATA_LOSS", Kind.UPSTREAM_FAILED),
    _meaning("not-implemented", r"NOT_IMPLEMENTED", Kind.UNSUPPORTED),
    _meaning("unauthenticated", r"UNAUTHENTICATED", Kind.AUTHENTICATION),
    _meaning("refused", r"INVALID_PARAMETER_VALUE|INVALID_ARGUMENT|BAD_REQUEST", Kind.INVALID_REQUEST),
)
"""First match wins: the telling texts before the general codes."""

_ACCOUNT: Final = _meaning(
    "account-address",
    "",
    Kind.UPSTREAM_FAILED,
    "the address answers with its login page: it is an account's address or not a workspace's; give the"
    " workspace's own host",
    False,
)
_PRIVATE: Final = _meaning(
    "private-link",
    "",
    Kind.UPSTREAM_FAILED,
    "this workspace is only reachable through Private Link: connect from its network",
    False,
)
_STARTS: Final = frozenset({"starting", "updating"})
"""What passes within a minute or some, for everybody who waits for it."""
_REDIRECTS: Final = range(300, 400)


def read_error(error: GatewayError, head: HttpHead, *, host: str, deployment: str) -> GatewayError:
    """``error`` with Databricks' meaning: kind, innermost text, advice, and whether a retry can help.

    Keeps the raw body but no protocol for it: Databricks' own shapes are no client's, so they are always
    written anew (5.1). An error of our own is returned as it is.
    """
    if error.local:
        return error
    said = read_said(error.raw if error.raw is not None else error.message.encode())
    found = classify(head, said)
    message = said.message or error.message
    advice = found.advice.replace("{host}", host)
    limits = usual_limits(deployment) if found.kind is Kind.RATE_LIMITED else None
    if limits is not None:
        advice += f"; as a rule {in_words(limits)} for this model"
    replacement = successor(deployment) if found.kind is Kind.NOT_FOUND else None
    if replacement is not None:
        advice = f"{deployment} was retired; use databricks-{replacement}"
    request_id = said.request_id or head.header("x-request-id") or head.header("x-databricks-request-id")
    if request_id and not _NO_ID.fullmatch(request_id):
        advice = f"{advice}; request {request_id}" if advice else f"request {request_id}"
    retry_after = said.retry_after if error.retry_after is None else error.retry_after
    return GatewayError(
        found.kind,
        f"{message.rstrip()} ({advice})" if advice else message.rstrip(),
        status=_status(found.kind, head.status),
        code=said.code or error.code,
        field=error.field,
        retry_after=retry_after,
        should_retry=error.should_retry if found.should_retry is None else found.should_retry,
        timeout=error.timeout,
        protocol=None,
        raw=error.raw,
        local=False,
        in_line=retry_after is None and (found.kind is Kind.RATE_LIMITED or found.name in _STARTS),
    )


def classify(head: HttpHead, said: Said) -> Meaning:
    """What an answer that is no success means; ``name`` is empty where only its status says something."""
    login = said.html and "login" in said.message.lower()
    if head.status in _REDIRECTS or login:
        where = f"{head.header('location') or ''} {said.message}"
        return _PRIVATE if "private-link" in where.lower() else _ACCOUNT
    text = f"{said.code}: {said.message}" if said.code else said.message
    for meaning in _MEANINGS:
        if meaning.pattern.search(text):
            return meaning
    if head.status == 499:
        return _meaning("", "", Kind.UPSTREAM_FAILED, "", True)
    kind = kind_of_status(head.status)
    return _meaning("", "", kind, "", False if kind is Kind.TIMEOUT else None)


def _status(kind: Kind, upstream: int) -> int:
    """The upstream's own status where it says the same as the body, the kind's where it does not."""
    return upstream if upstream >= 400 and kind_of_status(upstream) is kind else STATUS[kind]

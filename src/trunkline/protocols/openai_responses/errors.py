"""Errors both ways: what providers of this protocol send, OpenAI's envelope, and the codes that steer Codex."""

import re
from math import ceil
from typing import Final, cast

import msgspec
from msgspec import Struct

from trunkline.core.errors import STATUS, GatewayError, Kind, kind_of_status
from trunkline.core.http import Headers, HttpHead
from trunkline.protocols.codec import ErrorReply
from trunkline.protocols.openai_responses.wire import ANY, NAME, encode

MAX_TEXT: Final = 4000
PAUSE: Final = 5.0
"""Seconds a throttled client is told to wait when the upstream does not say: without a word Codex gives up."""

_BY_CODE: Final[dict[str, Kind]] = {
    "context_length_exceeded": Kind.CONTEXT_TOO_LONG,
    "string_above_max_length": Kind.CONTEXT_TOO_LONG,
    "insufficient_quota": Kind.QUOTA,
    "billing_hard_limit_reached": Kind.QUOTA,
    "usage_not_included": Kind.QUOTA,
    "usage_limit_reached": Kind.QUOTA,
    "invalid_api_key": Kind.AUTHENTICATION,
    "unauthenticated": Kind.AUTHENTICATION,
    "permission_denied": Kind.PERMISSION,
    "model_not_found": Kind.NOT_FOUND,
    "resource_does_not_exist": Kind.NOT_FOUND,
    "rate_limit_exceeded": Kind.RATE_LIMITED,
    "request_limit_exceeded": Kind.RATE_LIMITED,
    "rate_limit_error": Kind.RATE_LIMITED,
    "resource_exhausted": Kind.RATE_LIMITED,
    "server_is_overloaded": Kind.OVERLOADED,
    "slow_down": Kind.OVERLOADED,
    "temporarily_unavailable": Kind.OVERLOADED,
    "invalid_prompt": Kind.INVALID_REQUEST,
    "bio_policy": Kind.INVALID_REQUEST,
    "cyber_policy": Kind.INVALID_REQUEST,
    "server_error": Kind.UPSTREAM_FAILED,
    "internal_error": Kind.UPSTREAM_FAILED,
}
"""What a code or type means, in lower case. Broader words leave the decision to wording and status."""

_WORDS: Final[tuple[tuple[re.Pattern[str], Kind], ...]] = (
    (
        re.compile(
            r"context (?:window|length|size)[^.]{0,40}exceed|exceeds?[^.]{0,60}context"
            r"|maximum context length|prompt (?:is )?too long|input is too long|too many (?:input )?tokens",
            re.IGNORECASE,
        ),
        Kind.CONTEXT_TOO_LONG,
    ),
    (
        re.compile(r"(?:incorrect|invalid) (?:api key|access token|authentication)", re.IGNORECASE),
        Kind.AUTHENTICATION,
    ),
    (
        re.compile(
            r"exceeded your current quota|insufficient (?:quota|credits|balance|funds)", re.IGNORECASE
        ),
        Kind.QUOTA,
    ),
)
_WAIT: Final = re.compile(
    r"(?:try again|retry)(?: again)? (?:in|after) (?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?) ?(ms|s\b|sec|$))?",
    re.IGNORECASE,
)
_TAGS: Final = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]+>", re.DOTALL | re.IGNORECASE)


class _Inner(Struct):
    """An error object, flat or inside an envelope. Every field may be of a shape nobody expects."""

    message: object = None
    code: object = None
    type: object = None
    param: object = None
    error: object = None
    error_code: object = None
    detail: object = None


def _told(value: object, depth: int = 0) -> _Inner:
    """The innermost error object that says something; words alone become its message."""
    if isinstance(value, str):
        return _Inner(message=value)
    try:
        found = msgspec.convert(value, _Inner)
    except msgspec.ValidationError:
        return _Inner()
    for nested in (found.error, found.detail):
        if nested and depth < 4:
            inner = _told(nested, depth + 1)
            if inner.message:
                inner.code = inner.code or found.code or found.error_code
                inner.type = inner.type or (found.type if found.type != "error" else None)
                return inner
    found.code = found.code or found.error_code
    return found


def _kind(told: _Inner, message: str, status: int) -> Kind:
    for word in (told.code, told.type):
        kind = _BY_CODE.get(word.lower()) if isinstance(word, str) else None
        if kind is not None:
            return kind
    if status < 500:
        for pattern, kind in _WORDS:
            if pattern.search(message):
                return kind
    if status >= 500 and "overloaded" in message.lower():
        return Kind.OVERLOADED
    return Kind.UPSTREAM_FAILED if status == 200 else kind_of_status(status)


def error_of(value: object, status: int, *, raw: bytes | None, headers: Headers = ()) -> GatewayError:
    """The meaning of a decoded error. ``status`` 200: it came inside an answer that had begun well."""
    told = _told(value)
    message = told.message if isinstance(told.message, str) else ""
    kind = _kind(told, message, status)
    code = told.code or told.type
    wait = None
    if kind in (Kind.RATE_LIMITED, Kind.OVERLOADED, Kind.QUOTA, Kind.UPSTREAM_FAILED):
        wait = retry_after(headers, message)
    return GatewayError(
        kind,
        message[:MAX_TEXT] or f"the upstream answered with an error and no text (status {status})",
        status=STATUS[kind] if status == 200 else status,
        code=code if isinstance(code, str) else None,
        field=told.param if isinstance(told.param, str) else None,
        retry_after=wait,
        protocol=NAME,
        raw=raw,
        local=False,
    )


def decode_error(head: HttpHead, body: bytes) -> GatewayError:
    """See :meth:`Codec.decode_error`."""
    try:
        value: object = ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = readable(body) or f"the upstream answered with status {head.status} and an empty body"
    if isinstance(value, list):
        value = next(iter(cast("list[object]", value)), None)
    error = error_of(value, max(head.status, 400), raw=body, headers=head.headers)
    told = head.header("x-should-retry")
    if told in ("true", "false"):
        error.should_retry = told == "true"
    return error


def retry_after(headers: Headers, message: str) -> float | None:
    """Seconds to wait: by header, else by the message's own words, else nobody said (E108)."""
    named = dict(headers)
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return float(named[name]) * scale
        except (KeyError, ValueError):
            continue
    found = _WAIT.search(message)
    if found is None or not any(found.groups()[:3]):
        return None
    hours, minutes, seconds, unit = found.groups()
    rest = float(seconds or 0) * (0.001 if unit == "ms" else 1.0)
    return int(hours or 0) * 3600.0 + int(minutes or 0) * 60.0 + rest


def readable(body: bytes) -> str:
    """Text of a body that is not JSON: HTML without its tags, cut to a safe length (E109)."""
    text = body[: 4 * MAX_TEXT].decode("utf-8", "replace")
    if text.lstrip().startswith("<"):
        text = _TAGS.sub(" ", text)
    return " ".join(text.split())[:MAX_TEXT]


_HTTP: Final[dict[Kind, tuple[str, str | None]]] = {
    Kind.INVALID_REQUEST: ("invalid_request_error", None),
    Kind.CONTEXT_TOO_LONG: ("invalid_request_error", "context_length_exceeded"),
    Kind.AUTHENTICATION: ("invalid_request_error", "invalid_api_key"),
    Kind.PERMISSION: ("invalid_request_error", "permission_denied"),
    Kind.NOT_FOUND: ("invalid_request_error", "model_not_found"),
    Kind.TOO_LARGE: ("invalid_request_error", "request_too_large"),
    Kind.RATE_LIMITED: ("rate_limit_error", "rate_limit_exceeded"),
    Kind.QUOTA: ("insufficient_quota", "insufficient_quota"),
    Kind.OVERLOADED: ("server_error", "server_is_overloaded"),
    Kind.UPSTREAM_FAILED: ("server_error", "server_error"),
    Kind.UNREACHABLE: ("server_error", "server_error"),
    Kind.TIMEOUT: ("server_error", "server_error"),
    Kind.TRUNCATED: ("server_error", "server_error"),
    Kind.UNSUPPORTED: ("invalid_request_error", "not_supported"),
    Kind.INTERNAL: ("server_error", "server_error"),
}
"""Type and code before the first byte."""

_KEPT: Final = frozenset(
    {
        "usage_not_included",
        "usage_limit_reached",
        "slow_down",
        "invalid_prompt",
        "bio_policy",
        "cyber_policy",
    }
)
"""Codes that Codex acts on and that say more than ours."""
_FATAL: Final = frozenset(
    {Kind.INVALID_REQUEST, Kind.NOT_FOUND, Kind.TOO_LARGE, Kind.UNSUPPORTED, Kind.PERMISSION}
)


def failure(error: GatewayError) -> dict[str, object]:
    """``error`` inside a failed response: the code decides whether Codex compacts, waits or stops (E78, E106)."""
    code = error.code or ""
    if code not in _KEPT:
        code = "invalid_prompt" if error.kind in _FATAL else _HTTP[error.kind][1] or "server_error"
    message = error.message
    if error.kind is Kind.RATE_LIMITED and _WAIT.search(message) is None:
        message = f"{message} Please try again in {error.retry_after or PAUSE:g}s."
    return {"code": code, "message": message}


def _envelope(error: GatewayError) -> bytes:
    kind, code = _HTTP[error.kind]
    if error.code is not None and (error.code in _KEPT or error.kind in _FATAL):
        code = error.code
    said = {"message": error.message, "type": kind, "param": error.field, "code": code}
    return encode({"error": said})


def _own(error: GatewayError) -> bytes | None:
    """The upstream's body when it already is what a client of this protocol reads."""
    if error.protocol != NAME or error.raw is None:
        return None
    try:
        envelope = msgspec.json.decode(error.raw, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return error.raw if envelope.error.message else None


class _Message(Struct):
    message: str


class _Envelope(Struct):
    error: _Message


def encode_error(error: GatewayError, request_id: str) -> ErrorReply:
    """See :meth:`Codec.encode_error`. 529 is unknown to clients of this protocol: 503 (E108)."""
    headers = [("content-type", "application/json"), ("x-request-id", request_id)]
    wait = error.retry_after
    if wait is None and error.kind is Kind.RATE_LIMITED:
        wait = PAUSE
    if wait is not None:
        headers.append(("retry-after", str(max(1, ceil(wait)))))
    if error.should_retry is not None:
        headers.append(("x-should-retry", "true" if error.should_retry else "false"))
    status = 503 if error.status == 529 else error.status
    return ErrorReply(status, tuple(headers), _own(error) or _envelope(error))

"""Errors both ways: every body shape that providers of this protocol send, and OpenAI's envelope.

Shapes: ``{"error":{...}}``, ``{"error":"text"}``, flat ``{"code","message","type"}``, ``{"detail"}``,
``{"error_code","message"}`` with JSON inside the message, plain text, HTML, nothing (protocols.md 2.2,
databricks.md 5.1).
"""

import re
from typing import Final

import msgspec

from trunkline.core.errors import STATUS, GatewayError, Kind, kind_of_status
from trunkline.core.http import HttpHead
from trunkline.protocols.codec import ErrorReply
from trunkline.protocols.openai_chat.retry_hints import retry_after_of
from trunkline.protocols.openai_chat.untyped import as_list, as_object
from trunkline.protocols.openai_chat.wire import ENCODER, NAME, escape_separators

MAX_TEXT: Final = 4000
_ANY: Final = msgspec.json.Decoder()
_DEPTH: Final = 8

_CODES: Final[dict[str, Kind]] = {
    "context_length_exceeded": Kind.CONTEXT_TOO_LONG,
    "exceed_context_size_error": Kind.CONTEXT_TOO_LONG,
    "string_above_max_length": Kind.CONTEXT_TOO_LONG,
    "insufficient_quota": Kind.QUOTA,
    "billing_hard_limit_reached": Kind.QUOTA,
    "billing_not_active": Kind.QUOTA,
    "invalid_api_key": Kind.AUTHENTICATION,
    "authentication_error": Kind.AUTHENTICATION,
    "unauthenticated": Kind.AUTHENTICATION,
    "permission_error": Kind.PERMISSION,
    "permission_denied": Kind.PERMISSION,
    "model_not_found": Kind.NOT_FOUND,
    "resource_does_not_exist": Kind.NOT_FOUND,
    "endpoint_not_found": Kind.NOT_FOUND,
    "not_found_error": Kind.NOT_FOUND,
    "rate_limit_exceeded": Kind.RATE_LIMITED,
    "rate_limit_error": Kind.RATE_LIMITED,
    "ratelimitreached": Kind.RATE_LIMITED,
    "request_limit_exceeded": Kind.RATE_LIMITED,
    "resource_exhausted": Kind.RATE_LIMITED,
    "too_many_requests": Kind.RATE_LIMITED,
    "overloaded_error": Kind.OVERLOADED,
    "server_is_overloaded": Kind.OVERLOADED,
    "temporarily_unavailable": Kind.OVERLOADED,
    "request_too_large": Kind.TOO_LARGE,
    "timeout_error": Kind.TIMEOUT,
    "deadline_exceeded": Kind.TIMEOUT,
    "not_implemented": Kind.UNSUPPORTED,
    "tool_use_failed": Kind.UPSTREAM_FAILED,
    "server_error": Kind.UPSTREAM_FAILED,
    "internal_error": Kind.UPSTREAM_FAILED,
    "invalid_request_error": Kind.INVALID_REQUEST,
    "invalid_parameter_value": Kind.INVALID_REQUEST,
    "bad_request": Kind.INVALID_REQUEST,
}
"""What codes and types mean, in lower case; the status decides for all others."""

_TOO_LONG: Final = re.compile(
    r"prompt is too long|prompt too long|input is too long|input length and `?max_tokens`? exceed|"
    r"maximum context length|max(?:imum)? context length|context[ _-]?(?:window|length|size)[^.]{0,40}exceed|"
    r"exceed[^.]{0,60}context|too many (?:input )?tokens|request too large for model|"
    r"input tokens? exceeds?|reduce the length of the (?:messages|prompt|input)|capability_rejected: prompt_too_long",
    re.IGNORECASE,
)
_QUOTA: Final = re.compile(
    r"insufficient (?:quota|balance|credits?|funds)|exceeded your current quota|out of credits|"
    r"credit balance is too low|payment required|billing",
    re.IGNORECASE,
)
_OVERLOADED: Final = re.compile(
    r"overloaded|server is busy|at capacity|no (?:available )?capacity", re.IGNORECASE
)
_LEADING_CODE: Final = re.compile(r"^(?:([A-Z][A-Z_]{4,}): )+(?=\S)")
_TAG: Final = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL | re.IGNORECASE)


class Told(msgspec.Struct):
    """The innermost message of an error value, with its code, type, field and status where it has them."""

    message: str = ""
    codes: list[str] = []
    field: str | None = None
    status: int | None = None


def told_by(value: object, depth: int = 0) -> Told:
    """Everything an error value says, from the outside in; the innermost message wins."""
    if isinstance(value, str):
        inner = _inner(value) if depth < _DEPTH else None
        return told_by(inner, depth + 1) if inner is not None else Told(_stripped(value))
    fields = as_object(value)
    if fields is None:
        return Told("" if value is None else str(value))
    told = Told()
    for key in ("external_model_message", "error", "message", "detail", "errors", "msg"):
        found = fields.get(key)
        listed = as_list(found)
        found = listed[0] if listed else found
        if not found or depth >= _DEPTH or not (isinstance(found, str) or as_object(found) is not None):
            continue
        inner = told_by(found, depth + 1)
        if (inner.message or inner.codes) and not told.message:
            told = inner
        if told.message and not isinstance(found, str):
            break
    for key in ("code", "type", "error_code", "status"):
        code = fields.get(key)
        if isinstance(code, str) and code and code != "error":
            told.codes.append(code)
        elif (
            isinstance(code, int)
            and not isinstance(code, bool)
            and 400 <= code < 600
            and told.status is None
        ):
            told.status = code
    field = fields.get("param")
    if isinstance(field, str) and told.field is None:
        told.field = field
    return told


def _inner(text: str) -> object | None:
    """JSON inside a message, once or twice packed (databricks.md 5.1 shape 4)."""
    _, brace, rest = text.partition("{")
    if not brace or len(text) - len(rest) > 80:
        return None
    try:
        value: object = _ANY.decode(brace + rest)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
    fields = as_object(value)
    if fields is None or not any(key in fields for key in ("message", "error", "detail")):
        return None
    return fields


def _stripped(text: str) -> str:
    code = _LEADING_CODE.match(text)
    return text[code.end() :].strip() if code else text.strip()


def _kind(told: Told, status: int) -> Kind:
    """By code first, then by known wordings, then by status. "Bad request" codes are too broad to be first."""
    known = [_CODES[code.lower()] for code in told.codes if code.lower() in _CODES]
    precise = [kind for kind in known if kind is not Kind.INVALID_REQUEST]
    if status < 500 and _TOO_LONG.search(told.message) and Kind.QUOTA not in precise:
        return (
            Kind.CONTEXT_TOO_LONG
            if status != 429 or "context" in told.message.lower()
            else Kind.RATE_LIMITED
        )
    if precise and precise[0] is not Kind.UPSTREAM_FAILED:
        if precise[0] is Kind.RATE_LIMITED and _QUOTA.search(told.message):
            return Kind.QUOTA
        return precise[0]
    if status in (402, 429) and _QUOTA.search(told.message):
        return Kind.QUOTA
    if status >= 500 and _OVERLOADED.search(told.message):
        return Kind.OVERLOADED
    if status == 200:
        return known[0] if known else Kind.UPSTREAM_FAILED
    return kind_of_status(status)


def error_of(
    value: object, status: int, *, raw: bytes | None, retry_after: float | None = None
) -> GatewayError:
    """The meaning of a decoded error value. ``status`` 200: it came inside an answer that had begun well."""
    told = told_by(value)
    told_status = told.status if status == 200 and told.status is not None else status
    kind = _kind(told, told_status)
    if retry_after is None and kind in (Kind.RATE_LIMITED, Kind.OVERLOADED, Kind.QUOTA):
        retry_after = retry_after_of((), told.message)
    return GatewayError(
        kind,
        told.message[:MAX_TEXT]
        or f"the upstream answered with an error and no text (status {told_status})",
        status=STATUS[kind] if told_status < 400 else told_status,
        code=told.codes[0] if told.codes else None,
        field=told.field,
        retry_after=retry_after,
        protocol=NAME,
        raw=raw,
        local=False,
    )


def decode_error(head: HttpHead, body: bytes) -> GatewayError:
    """See :meth:`Codec.decode_error`."""
    value: object
    try:
        value = _ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = readable(body) or f"the upstream answered with status {head.status} and an empty body"
    listed = as_list(value)
    value = listed[0] if listed else value  # Google's compatible route wraps the error in a list
    told_status = head.status if head.status >= 400 else 502
    error = error_of(value, told_status, raw=body)
    hint = retry_after_of(head.headers, error.message)
    if hint is not None and error.kind is not Kind.INVALID_REQUEST:
        error.retry_after = hint
    should = head.header("x-should-retry")
    if should in ("true", "false"):
        error.should_retry = should == "true"
    return error


def readable(body: bytes) -> str:
    """Text of a body that is not JSON: HTML without its tags, cut to a safe length (E109)."""
    text = body[: 4 * MAX_TEXT].decode("utf-8", "replace")
    if text.lstrip()[:1] == "<":
        text = _TAG.sub(" ", text)
    return " ".join(text.split())[:MAX_TEXT]


_TYPES: Final[dict[Kind, tuple[str, str | None]]] = {
    Kind.INVALID_REQUEST: ("invalid_request_error", None),
    Kind.CONTEXT_TOO_LONG: ("invalid_request_error", "context_length_exceeded"),
    Kind.AUTHENTICATION: ("invalid_request_error", "invalid_api_key"),
    Kind.PERMISSION: ("invalid_request_error", "permission_denied"),
    Kind.NOT_FOUND: ("invalid_request_error", "model_not_found"),
    Kind.TOO_LARGE: ("invalid_request_error", "request_too_large"),
    Kind.RATE_LIMITED: ("rate_limit_error", "rate_limit_exceeded"),
    Kind.QUOTA: ("insufficient_quota", "insufficient_quota"),
    Kind.OVERLOADED: ("server_error", "overloaded"),
    Kind.UPSTREAM_FAILED: ("server_error", "upstream_failed"),
    Kind.UNREACHABLE: ("server_error", "upstream_unreachable"),
    Kind.TIMEOUT: ("server_error", "timeout"),
    Kind.TRUNCATED: ("server_error", "upstream_truncated"),
    Kind.UNSUPPORTED: ("invalid_request_error", "not_supported"),
    Kind.INTERNAL: ("server_error", "internal_error"),
}
_LOCAL_CODES: Final = frozenset(
    {Kind.INVALID_REQUEST, Kind.NOT_FOUND, Kind.UPSTREAM_FAILED, Kind.UNSUPPORTED}
)
"""Kinds whose own code says more than ours; for the rest clients match on OpenAI's code."""


class _Said(msgspec.Struct):
    message: str
    type: str
    param: str | None
    code: str | None


def _envelope(error: GatewayError) -> bytes:
    kind_type, code = _TYPES[error.kind]
    if error.code is not None and error.kind in _LOCAL_CODES:
        code = error.code
    return ENCODER.encode({"error": _Said(error.message, kind_type, error.field, code)})


def _own(error: GatewayError) -> bytes | None:
    """The upstream's own body, when it is already what a client of this protocol reads."""
    if error.protocol != NAME or error.raw is None:
        return None
    try:
        value: object = _ANY.decode(error.raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    envelope = as_object(value)
    told = None if envelope is None else as_object(envelope.get("error"))
    return error.raw if told is not None and isinstance(told.get("message"), str) else None


def encode_error(error: GatewayError, request_id: str) -> ErrorReply:
    """See :meth:`Codec.encode_error`. 529 is unknown to clients of this protocol: 503 (E108)."""
    headers = [("content-type", "application/json"), ("x-request-id", request_id)]
    if error.retry_after is not None:
        headers.append(("retry-after", str(max(1, -int(-error.retry_after // 1)))))
    if error.should_retry is not None:
        headers.append(("x-should-retry", "true" if error.should_retry else "false"))
    status = 503 if error.status == 529 else error.status
    return ErrorReply(status, tuple(headers), _own(error) or _envelope(error))


def encode_stream_error(error: GatewayError) -> bytes:
    """One chunk with the error; neither ``[DONE]`` nor a finish follows it."""
    own = _own(error)
    fits = own is not None and b'"choices"' not in own and b"\n" not in own and b"\r" not in own
    data = own if own is not None and fits else _envelope(error)
    return b"data: " + escape_separators(data) + b"\n\n"

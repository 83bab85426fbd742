"""Errors both ways: Google's envelope, alone or in an array, with its details (protocols.md 2.4, 4.3)."""

import math
import re
from typing import Final

import msgspec
from msgspec import Struct

from trunkline.core.errors import STATUS, GatewayError, Kind, kind_of_status
from trunkline.core.http import HttpHead
from trunkline.protocols.codec import ErrorReply
from trunkline.protocols.gemini.untyped import as_list, as_object
from trunkline.protocols.gemini.wire import PROTOCOL, encode, escape_separators

MAX_TEXT: Final = 4000
_RETRY_INFO: Final = "type.googleapis.com/google.rpc.RetryInfo"
_ANY: Final = msgspec.json.Decoder()

_KINDS: Final[dict[str, Kind]] = {
    "INVALID_ARGUMENT": Kind.INVALID_REQUEST,
    "FAILED_PRECONDITION": Kind.INVALID_REQUEST,
    "OUT_OF_RANGE": Kind.INVALID_REQUEST,
    "UNAUTHENTICATED": Kind.AUTHENTICATION,
    "PERMISSION_DENIED": Kind.PERMISSION,
    "NOT_FOUND": Kind.NOT_FOUND,
    "RESOURCE_EXHAUSTED": Kind.RATE_LIMITED,
    "UNAVAILABLE": Kind.OVERLOADED,
    "DEADLINE_EXCEEDED": Kind.TIMEOUT,
    "UNIMPLEMENTED": Kind.UNSUPPORTED,
    "INTERNAL": Kind.UPSTREAM_FAILED,
    "UNKNOWN": Kind.UPSTREAM_FAILED,
    "CANCELLED": Kind.UPSTREAM_FAILED,
    "ABORTED": Kind.UPSTREAM_FAILED,
    "DATA_LOSS": Kind.UPSTREAM_FAILED,
}
_STATUSES: Final[dict[Kind, str]] = {
    Kind.INVALID_REQUEST: "INVALID_ARGUMENT",
    Kind.CONTEXT_TOO_LONG: "INVALID_ARGUMENT",
    Kind.TOO_LARGE: "INVALID_ARGUMENT",
    Kind.AUTHENTICATION: "UNAUTHENTICATED",
    Kind.PERMISSION: "PERMISSION_DENIED",
    Kind.NOT_FOUND: "NOT_FOUND",
    Kind.RATE_LIMITED: "RESOURCE_EXHAUSTED",
    Kind.QUOTA: "RESOURCE_EXHAUSTED",
    Kind.OVERLOADED: "UNAVAILABLE",
    Kind.UPSTREAM_FAILED: "INTERNAL",
    Kind.UNREACHABLE: "UNAVAILABLE",
    Kind.TIMEOUT: "DEADLINE_EXCEEDED",
    Kind.TRUNCATED: "INTERNAL",
    Kind.UNSUPPORTED: "UNIMPLEMENTED",
    Kind.INTERNAL: "INTERNAL",
}
_TOO_LONG: Final = re.compile(
    r"token count.{0,40}exceeds? the maximum|exceeds the maximum number of tokens|"
    r"prompt is too long|maximum context length|context (?:window|length).{0,40}exceed",
    re.IGNORECASE | re.DOTALL,
)
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)s")
_RETRY_WORDS: Final = re.compile(r"retry in (?:(\d+)h)?(?:(\d+)m)?(\d+(?:\.\d+)?)(ms|s)\b", re.IGNORECASE)
_TAG: Final = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL | re.IGNORECASE)


class _Said(Struct):
    """What an error value says."""

    message: str = ""
    status: str | None = None
    code: int | None = None
    retry: float | None = None
    reasons: tuple[str, ...] = ()
    daily: bool = False


def _said(value: object) -> _Said:
    listed = as_list(value)
    value = listed[0] if listed else value
    fields = as_object(value)
    if fields is None:
        return _Said(value if isinstance(value, str) else "")
    inner = fields.get("error")
    envelope = as_object(inner) or ({"message": inner} if isinstance(inner, str) else fields)
    message, code = envelope.get("message"), envelope.get("code")
    status = envelope.get("status") or envelope.get("error_code")
    said = _Said(
        message if isinstance(message, str) else "",
        status if isinstance(status, str) else None,
        code if isinstance(code, int) and not isinstance(code, bool) else None,
    )
    for detail in as_list(envelope.get("details")) or []:
        _look(as_object(detail) or {}, said)
    return said


def _look(detail: dict[str, object], said: _Said) -> None:
    delay, reason = detail.get("retryDelay"), detail.get("reason")
    if isinstance(delay, str) and (found := _DURATION.fullmatch(delay)):
        said.retry = float(found[1])
    if isinstance(reason, str):
        said.reasons += (reason,)
    for violation in as_list(detail.get("violations")) or []:
        quota = (as_object(violation) or {}).get("quotaId")
        said.daily = said.daily or (isinstance(quota, str) and "PerDay" in quota)


def _kind(said: _Said, status: int) -> Kind:
    """By reason first, then by known wording, then by the vendor's status word, then by HTTP status."""
    if any(reason.startswith("API_KEY") for reason in said.reasons):
        return Kind.AUTHENTICATION
    if any(reason in ("BILLING_DISABLED", "SERVICE_DISABLED") for reason in said.reasons):
        return Kind.PERMISSION
    if status < 500 and _TOO_LONG.search(said.message):
        return Kind.CONTEXT_TOO_LONG
    if said.daily or (status == 402):
        return Kind.QUOTA
    if status == 413:
        return Kind.TOO_LARGE
    return _KINDS.get((said.status or "").upper()) or kind_of_status(status)


def _hint(said: _Said, kind: Kind) -> float | None:
    if kind not in (Kind.RATE_LIMITED, Kind.QUOTA, Kind.OVERLOADED, Kind.UPSTREAM_FAILED):
        return None
    if said.retry is not None:
        return said.retry
    found = _RETRY_WORDS.search(said.message)
    if found is None:
        return None
    seconds = float(found[3]) / (1000 if found[4].lower() == "ms" else 1)
    return seconds + 60 * int(found[2] or 0) + 3600 * int(found[1] or 0)


def error_of(value: object, status: int, *, raw: bytes | None) -> GatewayError:
    """The meaning of a decoded error value. ``status`` 200: it came inside an answer that had begun well."""
    said = _said(value)
    if status < 400:
        status = said.code if said.code is not None and 400 <= said.code < 600 else 502
    kind = _kind(said, status)
    return GatewayError(
        kind,
        said.message[:MAX_TEXT] or f"the upstream answered with an error and no text (status {status})",
        status=status if 400 <= status < 600 else STATUS[kind],
        code=said.status,
        retry_after=_hint(said, kind),
        protocol=PROTOCOL,
        raw=raw,
        local=False,
    )


def decode_error(head: HttpHead, body: bytes) -> GatewayError:
    """As :meth:`trunkline.protocols.codec.Codec.decode_error` promises."""
    value: object
    try:
        value = _ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = readable(body) or f"the upstream answered with status {head.status} and an empty body"
    error = error_of(value, head.status if head.status >= 400 else 502, raw=body)
    hint = head.header("retry-after")
    if hint is not None and error.retry_after is None and hint.strip().isdigit():
        error.retry_after = float(hint)
    return error


def readable(body: bytes) -> str:
    """Text of a body that is not JSON: HTML without its tags, cut to a safe length (E109)."""
    text = body[: 4 * MAX_TEXT].decode("utf-8", "replace")
    if text.lstrip().startswith("<"):
        text = _TAG.sub(" ", text)
    return " ".join(text.split())[:MAX_TEXT]


def _status(error: GatewayError) -> int:
    """529 is another vendor's: nobody here knows it (E108)."""
    return 503 if error.status == 529 else error.status


def _envelope(error: GatewayError) -> bytes:
    code = error.code if error.code in _KINDS else _STATUSES[error.kind]
    said: dict[str, object] = {"code": _status(error), "message": error.message, "status": code}
    if error.retry_after is not None:
        delay = f"{math.ceil(error.retry_after)}s"
        said["details"] = [{"@type": _RETRY_INFO, "retryDelay": delay}]
    return encode({"error": said})


def _own(error: GatewayError) -> bytes | None:
    """The upstream's own body, when it is already what a client of this protocol reads."""
    if error.protocol != PROTOCOL or error.raw is None:
        return None
    try:
        value: object = _ANY.decode(error.raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    told = as_object((as_object(value) or {}).get("error"))
    return error.raw if told is not None and isinstance(told.get("message"), str) else None


def encode_error(error: GatewayError, request_id: str) -> ErrorReply:
    """As :meth:`trunkline.protocols.codec.Codec.encode_error` promises."""
    headers = [("content-type", "application/json; charset=UTF-8"), ("x-request-id", request_id)]
    if error.retry_after is not None:
        headers.append(("retry-after", str(max(1, math.ceil(error.retry_after)))))
    return ErrorReply(_status(error), tuple(headers), _own(error) or _envelope(error))


def encode_stream_error(error: GatewayError) -> bytes:
    """One chunk with the error, and the error once more outside of any event; nothing follows.

    JavaScript's SDK passes over errors in events and ends as if all were well; what stands outside makes
    it fail (@google/genai 1.30.0). Everybody else reads the event, and skips a line that is no field.
    """
    own = _own(error)
    data = _envelope(error) if own is None or b'"candidates"' in own else own
    if b"\n" in data or b"\r" in data:
        data = msgspec.json.format(data, indent=-1)
    data = escape_separators(data)
    return b"data: " + data + b"\n\n" + data + b"\n\n"

"""Errors in this protocol: what an upstream's refusal means, and how ours look to a client."""

import math
import re
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.errors import STATUS, GatewayError, Kind, kind_of_status
from trunkline.core.http import HttpHead
from trunkline.core.sse import encode_named
from trunkline.protocols.anthropic_messages.context import compacts, is_too_long, too_long
from trunkline.protocols.anthropic_messages.wire import PROTOCOL, encode
from trunkline.protocols.codec import ErrorReply

KINDS: Final[dict[str, Kind]] = {
    "invalid_request_error": Kind.INVALID_REQUEST,
    "authentication_error": Kind.AUTHENTICATION,
    "permission_error": Kind.PERMISSION,
    "not_found_error": Kind.NOT_FOUND,
    "request_too_large": Kind.TOO_LARGE,
    "rate_limit_error": Kind.RATE_LIMITED,
    "billing_error": Kind.QUOTA,
    "api_error": Kind.UPSTREAM_FAILED,
    "timeout_error": Kind.TIMEOUT,
    "overloaded_error": Kind.OVERLOADED,
    "not_supported": Kind.UNSUPPORTED,
}

TYPES: Final[dict[Kind, str]] = {
    Kind.INVALID_REQUEST: "invalid_request_error",
    Kind.CONTEXT_TOO_LONG: "invalid_request_error",
    Kind.AUTHENTICATION: "authentication_error",
    Kind.PERMISSION: "permission_error",
    Kind.NOT_FOUND: "not_found_error",
    Kind.TOO_LARGE: "request_too_large",
    Kind.RATE_LIMITED: "rate_limit_error",
    Kind.QUOTA: "rate_limit_error",
    Kind.OVERLOADED: "overloaded_error",
    Kind.UPSTREAM_FAILED: "api_error",
    Kind.UNREACHABLE: "api_error",
    Kind.TIMEOUT: "timeout_error",
    Kind.TRUNCATED: "api_error",
    Kind.UNSUPPORTED: "not_supported",
    Kind.INTERNAL: "api_error",
}

TEXT_LIMIT: Final = 600
"""Characters kept of an error page that is not JSON (E109)."""

_MARKUP: Final = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_SPACE: Final = re.compile(r"\s+")
_QUOTA: Final = re.compile(
    r"credit balance is too low|insufficient[_ ]quota|exceeded your current quota", re.I
)
_RESETS: Final = ("requests", "tokens", "input-tokens", "output-tokens")


class _Inner(Struct, gc=False):
    type: str | int | None = None
    code: str | int | None = None
    message: str | None = None


class _Located(Struct, gc=False):
    msg: str = ""
    loc: list[str | int] = []


class _Body(Struct, gc=False):
    type: str | None = None
    error: _Inner | str | None = None
    error_code: str | int | None = None
    message: str | None = None
    detail: str | list[_Located] | _Inner | None = None


class _Shown(Struct, gc=False):
    type: str
    message: str


class _Envelope(Struct, gc=False, tag="error"):
    error: _Shown
    request_id: str


_body: Final = msgspec.json.Decoder(_Body).decode
_any: Final = msgspec.json.Decoder(dict[str, Raw]).decode


def decode_error(head: HttpHead, body: bytes) -> GatewayError:
    """As :meth:`trunkline.protocols.codec.Codec.decode_error` promises: any body gives an error."""
    vendor, message, native = _read(body)
    kind = _kind(head.status, vendor, message)
    should_retry = {"true": True, "false": False}.get((head.header("x-should-retry") or "").lower())
    if kind is Kind.QUOTA and should_retry is None:
        should_retry = False
    return GatewayError(
        kind,
        message or f"the upstream answered {head.status} without saying why",
        status=head.status if head.status >= 400 else None,
        code=vendor,
        retry_after=retry_after(head),
        should_retry=should_retry,
        protocol=PROTOCOL if native else None,
        raw=body if native else None,
        local=False,
    )


def decode_event_error(data: bytes) -> GatewayError:
    """An ``error`` event within a stream, or any payload that holds an error."""
    return decode_error(HttpHead(200), data)


def _kind(status: int, vendor: str | None, message: str) -> Kind:
    if is_too_long(message) or (vendor or "") == "context_length_exceeded":
        return Kind.CONTEXT_TOO_LONG
    if _QUOTA.search(message) or vendor == "insufficient_quota":
        return Kind.QUOTA
    kind = KINDS.get(vendor or "")
    if status < 400:  # an error in a stream or under status 200: only its own word counts
        return kind or Kind.UPSTREAM_FAILED
    if kind is None or (kind is Kind.INVALID_REQUEST and status not in (400, 422)):
        return kind_of_status(status)
    return kind


def _read(body: bytes) -> tuple[str | None, str, bool]:
    """The vendor's word for it, the message, and whether the body is this protocol's own envelope."""
    try:
        wire = _body(body)
    except msgspec.ValidationError:
        return None, _page(body), False
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None, _page(body), False
    if isinstance(wire.error, _Inner):
        inner = wire.error
        native = wire.type == "error" and isinstance(inner.type, str) and inner.message is not None
        vendor, message = _unpacked(inner.type or inner.code, inner.message or "")
        return vendor, message or _page(body), native
    if isinstance(wire.detail, list):
        located = (".".join(map(str, item.loc)) + ": " + item.msg for item in wire.detail)
        return None, "; ".join(located), False
    if isinstance(wire.detail, _Inner):
        return _word(wire.detail.type), wire.detail.message or _page(body), False
    said = wire.error or wire.message or wire.detail or ""
    vendor, message = _unpacked(wire.error_code, said)
    return vendor, message or _page(body), False


def _word(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def _unpacked(vendor: str | int | None, message: str) -> tuple[str | None, str]:
    """A message that is itself an error in JSON (Databricks) gives its inner word and wording (E107)."""
    start = message.find("{")
    if start < 0 or not message.rstrip().endswith("}"):
        return _word(vendor), message
    try:
        inner = _body(message[start:].encode())
    except (msgspec.DecodeError, UnicodeError):
        return _word(vendor), message
    if isinstance(inner.error, _Inner) and inner.error.message:
        return _word(inner.error.type or inner.error.code or vendor), inner.error.message
    if inner.message:
        return _word(inner.error_code or inner.type or vendor), inner.message
    return _word(vendor), message


def _page(body: bytes) -> str:
    """The readable words of any body, cut to a safe length."""
    text = _SPACE.sub(" ", _MARKUP.sub(" ", body[: 64 * TEXT_LIMIT].decode(errors="replace"))).strip()
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + "..."


def retry_after(head: HttpHead) -> float | None:
    """Seconds to wait by ``retry-after-ms``, ``retry-after`` or the exhausted limit's reset time.

    Dates count from the answer's own ``date`` header: nothing here knows the time.
    """
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = head.header(name)
        if value is None:
            continue
        try:
            return max(float(value) * scale, 0.0)
        except ValueError:
            waited = _until(head, _http_date(value))
            if waited is not None:
                return waited
    if head.status != 429:
        return None
    waits: list[float] = []
    for limit in _RESETS:
        if head.header(f"anthropic-ratelimit-{limit}-remaining") == "0":
            waited = _until(head, _rfc3339(head.header(f"anthropic-ratelimit-{limit}-reset")))
            if waited is not None:
                waits.append(waited)
    return max(waits, default=None)


def _until(head: HttpHead, moment: datetime | None) -> float | None:
    now = _http_date(head.header("date"))
    return None if moment is None or now is None else max((moment - now).total_seconds(), 0.0)


def _http_date(value: str | None) -> datetime | None:
    try:
        return datetime.strptime(value or "", "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None


def _rfc3339(value: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def encode_error(error: GatewayError, request_id: str) -> ErrorReply:
    """As :meth:`trunkline.protocols.codec.Codec.encode_error` promises."""
    body = _own_raw(error)
    headers = [("content-type", "application/json")]
    if error.retry_after is not None:
        headers.append(("retry-after", str(math.ceil(error.retry_after))))  # whole seconds by RFC 9110
    should_retry = False if error.kind is Kind.UNSUPPORTED else error.should_retry
    if should_retry is not None:
        headers.append(("x-should-retry", "true" if should_retry else "false"))
    return ErrorReply(
        _status(error, passed=body is not None), tuple(headers), body or envelope(error, request_id)
    )


def _own_raw(error: GatewayError) -> bytes | None:
    """The upstream's own body, unless a client would not understand it as "too long" (E106)."""
    if error.protocol != PROTOCOL or not error.raw:
        return None
    if error.kind is Kind.CONTEXT_TOO_LONG and not compacts(error.message):
        return None
    return error.raw


def _status(error: GatewayError, *, passed: bool) -> int:
    if error.kind is Kind.CONTEXT_TOO_LONG:
        return 400
    if error.kind is Kind.OVERLOADED and not passed:
        return 529
    return error.status if 400 <= error.status <= 599 else STATUS[error.kind]


def envelope(error: GatewayError, request_id: str) -> bytes:
    """The error object of this protocol, with the upstream's own wording."""
    message = too_long(error.message) if error.kind is Kind.CONTEXT_TOO_LONG else error.message
    return encode(_Envelope(_Shown(TYPES[error.kind], message), request_id))


def encode_stream_error(error: GatewayError, request_id: str) -> bytes:
    """One ``error`` event; no ``message_stop`` may follow it (protocols.md 4.3)."""
    return encode_named(b"error", _own_event(error) or envelope(error, request_id))


def _own_event(error: GatewayError) -> bytes | None:
    raw = _own_raw(error)
    if raw is None or b"\n" in raw or b"\r" in raw:
        return None
    try:
        _any(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return raw

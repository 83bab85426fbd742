"""Errors of AWS: the exception's name in a header or the body, the words in ``message`` (protocols.md 2.6)."""

import re
from typing import Final

import msgspec
from msgspec import Struct

from trunkline.core.errors import STATUS, GatewayError, Kind, kind_of_status
from trunkline.core.http import HttpHead

TYPE_HEADER: Final = "x-amzn-errortype"
TEXT_LIMIT: Final = 600

KINDS: Final[dict[str, Kind]] = {
    "ValidationException": Kind.INVALID_REQUEST,
    "AccessDeniedException": Kind.PERMISSION,
    "UnrecognizedClientException": Kind.AUTHENTICATION,
    "InvalidSignatureException": Kind.AUTHENTICATION,
    "IncompleteSignature": Kind.AUTHENTICATION,
    "MissingAuthenticationTokenException": Kind.AUTHENTICATION,
    "MissingAuthenticationToken": Kind.AUTHENTICATION,
    "ExpiredTokenException": Kind.AUTHENTICATION,
    "ExpiredToken": Kind.AUTHENTICATION,
    "ResourceNotFoundException": Kind.NOT_FOUND,
    "ThrottlingException": Kind.RATE_LIMITED,
    "ServiceQuotaExceededException": Kind.QUOTA,
    "ModelTimeoutException": Kind.TIMEOUT,
    "ModelErrorException": Kind.UPSTREAM_FAILED,
    "ModelStreamErrorException": Kind.UPSTREAM_FAILED,
    "ModelNotReadyException": Kind.OVERLOADED,
    "ServiceUnavailableException": Kind.OVERLOADED,
    "InternalServerException": Kind.UPSTREAM_FAILED,
    "InternalFailure": Kind.UPSTREAM_FAILED,
}
"""By the exception's name (docs.aws.amazon.com, Bedrock runtime API reference, common errors; 2026-06)."""

_TOO_LONG: Final = re.compile(
    r"input is too long|prompt is too long|too many input tokens|maximum context length"
    r"|exceeds? the (?:maximum|model's) (?:number of |input |context )",
    re.IGNORECASE,
)
_BAD_KEY: Final = re.compile(r"security token included in the request is (?:invalid|expired)|api key", re.I)


class _Body(Struct):
    message: str | None = None
    Message: str | None = None
    type: str | None = msgspec.field(default=None, name="__type")


_BODY: Final = msgspec.json.Decoder(_Body)


def decode_error(head: HttpHead, body: bytes) -> GatewayError:
    """As :meth:`trunkline.protocols.codec.ProviderCodec.decode_error` promises."""
    try:
        wire = _BODY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        wire = _Body(body[: 4 * TEXT_LIMIT].decode("utf-8", "replace").strip()[:TEXT_LIMIT])
    message = wire.message or wire.Message or ""
    name = exception_name(head.header(TYPE_HEADER) or wire.type or "")
    error = error_of(name, message, head.status)
    hint = head.header("retry-after")
    if hint is not None and hint.strip().isdigit():
        error.retry_after = float(hint)
    return error


def exception_name(text: str) -> str:
    """``ThrottlingException`` out of ``namespace#ThrottlingException:http://...`` in any of its forms."""
    name = text.partition(":")[0].rpartition("#")[2].strip()
    return name[:1].upper() + name[1:]


def error_of(name: str, message: str, status: int | None = None) -> GatewayError:
    """The error that an exception stands for. ``status`` None: it came inside a stream."""
    kind = KINDS.get(name)
    if kind is None:
        kind = Kind.UPSTREAM_FAILED if status is None else kind_of_status(status)
    if kind is Kind.INVALID_REQUEST and _TOO_LONG.search(message):
        kind = Kind.CONTEXT_TOO_LONG
    if kind is Kind.PERMISSION and _BAD_KEY.search(message):
        kind = Kind.AUTHENTICATION
    text = message or f"Bedrock answered with {name or f'status {status}'} and no message"
    if kind is Kind.AUTHENTICATION:
        status = None  # AWS says 403 to a bad key as well as to a missing right
    return GatewayError(kind, text, status=status or STATUS[kind], code=name or None, local=False)


def refine(error: GatewayError, head: HttpHead) -> GatewayError:
    """An error that another room read out of the status alone, by AWS' own name for it."""
    name = exception_name(head.header(TYPE_HEADER) or "")
    if name not in KINDS:
        return error
    refined = error_of(name, error.message, head.status)
    refined.retry_after = error.retry_after
    return refined

"""What a request's head must be like before anything of ours looks at it: pure checks, one table of refusals.

The parser below is llhttp, which is strict about line ends, folding and lengths, but takes several
heads that other servers on the way may read differently (reliability_ux.md A4). These are refused here.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

import msgspec
from msgspec import Struct

from trunkline.server.asgi import RawHeaders

MAX_TARGET: Final = 8 * 1024
MAX_HEADER: Final = 16 * 1024
MAX_HEAD: Final = 64 * 1024
MAX_HEADERS: Final = 100

MAX_PIPELINE: Final = 16
MAX_HELD: Final = 64 * 1024
"""Bytes of a body waiting to be taken before we stop reading."""
MAX_DISCARD: Final = 64 * 1024 * 1024
"""Bytes of a body that are read and dropped after its request has been answered."""

SMALL_CHUNKS: Final = 4096
"""Body pieces after which their average size is looked at."""
SMALL_CHUNK: Final = 32
"""Bytes; a body in pieces smaller than this on average only costs us work."""

_HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?", re.ASCII)
_ENCODER: Final = msgspec.json.Encoder()

ErrorType = Literal["invalid_request_error", "timeout_error", "request_too_large"]

REASONS: Final[dict[int, str]] = {
    400: "Bad Request",
    408: "Request Timeout",
    414: "URI Too Long",
    431: "Request Header Fields Too Large",
    505: "HTTP Version Not Supported",
}


class Refused(Exception):
    """Stops the parser inside a callback; the reason is on the protocol."""


class Refusal(Struct, frozen=True):
    """An answer of the edge itself; the connection ends with it."""

    status: int
    message: str
    type: ErrorType = "invalid_request_error"

    def encode(self, request_id: str) -> bytes:
        """The whole answer, ready for the wire."""
        body = _ENCODER.encode({"error": {"message": self.message, "type": self.type}})
        head = (
            f"HTTP/1.1 {self.status} {REASONS[self.status]}\r\n"
            "content-type: application/json\r\n"
            f"content-length: {len(body)}\r\n"
            "x-should-retry: false\r\n"
            f"x-trunkline-request-id: {request_id}\r\n"
            "connection: close\r\n\r\n"
        )
        return head.encode("ascii") + body


MALFORMED: Final = Refusal(400, "This is not a well-formed HTTP/1.1 request.")
PIPELINE_FULL: Final = Refusal(400, "Too many requests are queued on this connection.")
TINY_CHUNKS: Final = Refusal(400, "The request body comes in too many too small chunks.")
TARGET_TOO_LONG: Final = Refusal(414, f"The request target is longer than {MAX_TARGET} bytes.")
HEADER_TOO_LARGE: Final = Refusal(431, f"A request header is larger than {MAX_HEADER} bytes.")
HEAD_TOO_LARGE: Final = Refusal(431, f"The request headers are larger than {MAX_HEAD} bytes together.")
TOO_MANY_HEADERS: Final = Refusal(431, f"The request has more than {MAX_HEADERS} headers.")
HEADER_TIMEOUT: Final = Refusal(
    408, "The request's headers did not arrive in time (client.header).", "timeout_error"
)
BODY_IDLE: Final = Refusal(408, "The request's body stopped arriving (client.body_idle).", "timeout_error")
BODY_TOTAL: Final = Refusal(
    408, "The request's body did not arrive in time (client.body_total).", "timeout_error"
)

VERSION: Final = Refusal(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.")
CONNECT: Final = Refusal(400, "This is not a forward proxy: CONNECT is refused.")
TARGET: Final = Refusal(400, "The request target must be a path on this host.")
NO_HOST: Final = Refusal(400, "The request has no Host header.")
TWO_HOSTS: Final = Refusal(400, "The request has more than one Host header.")
BAD_HOST: Final = Refusal(400, "The Host header is not a host name with an optional port.")
TRANSFER_ENCODING: Final = Refusal(400, "The only transfer encoding understood is chunked.")


@lru_cache(maxsize=64)
def host_is_valid(value: bytes) -> bool:
    """A name or bracketed IPv6 address with an optional port, and nothing else."""
    match = _HOST.fullmatch(value)
    return match is not None and (match[1] is None or 0 < int(match[1]) <= 65535)


def framing(headers: RawHeaders) -> tuple[bytes, bytes] | None:
    """The header that says how long the body is; None for a request without a body."""
    return next((pair for pair in headers if pair[0] in (b"content-length", b"transfer-encoding")), None)


def drips(pieces: int, size: int) -> bool:
    """Whether a body comes in so many so small pieces that it only costs us work."""
    return pieces > SMALL_CHUNKS and size < pieces * SMALL_CHUNK


def origin_form(target: bytes, host: bytes) -> bytes | None:
    """The path and query of a target; None for a target that is not for this host.

    An absolute target counts only with the very authority that the Host header names.
    """
    if b"#" in target:
        return None
    if target.startswith(b"/"):
        return target
    scheme, found, rest = target.partition(b"://")
    if not found or scheme.lower() not in (b"http", b"https"):
        return None
    authority, slash, path = rest.partition(b"/")
    return slash + path if slash and authority.lower() == host.lower() else None


def judge_head(
    method: bytes, version: str, headers: RawHeaders, fields: Mapping[bytes, bytes], size: int
) -> Refusal | bytes:
    """The request's one valid Host, or why the request is refused. The target is judged afterwards.

    ``fields``: the headers by name. ``size``: bytes in which the whole head arrived, at the most; a small one needs no
    measuring.
    """
    if version not in ("1.1", "1.0"):
        return VERSION
    if method == b"CONNECT":
        return CONNECT
    if len(headers) > MAX_HEADERS:
        return TOO_MANY_HEADERS
    if size > MAX_HEADER and (excess := _excess(headers)) is not None:
        return excess
    if b"transfer-encoding" in fields and not _just_chunked(version, headers):
        return TRANSFER_ENCODING
    if len(fields) < len(headers) and sum(name == b"host" for name, _ in headers) > 1:
        return TWO_HOSTS
    host = fields.get(b"host")
    if host is None:
        return NO_HOST
    host = host.rstrip(b" \t")
    return host if host_is_valid(host) else BAD_HOST


def _excess(headers: RawHeaders) -> Refusal | None:
    lengths = [len(name) + len(value) for name, value in headers]
    if max(lengths, default=0) > MAX_HEADER:
        return HEADER_TOO_LARGE
    return HEAD_TOO_LARGE if sum(lengths) > MAX_HEAD else None


def _just_chunked(version: str, headers: RawHeaders) -> bool:
    codings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
    return version == "1.1" and all(coding == b"chunked" for coding in codings)

"""The one error of the project, its kinds, and what each kind means in HTTP."""

from enum import Enum
from typing import Final

from trunkline.core.http import Headers


class Kind(Enum):
    """What went wrong, in the client's terms; each protocol has its own word for it (protocols.md 4.3)."""

    INVALID_REQUEST = "invalid_request"
    CONTEXT_TOO_LONG = "context_too_long"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    OVERLOADED = "overloaded"
    UPSTREAM_FAILED = "upstream_failed"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"
    UNSUPPORTED = "unsupported"
    INTERNAL = "internal"


STATUS: Final[dict[Kind, int]] = {
    Kind.INVALID_REQUEST: 400,
    Kind.CONTEXT_TOO_LONG: 400,
    Kind.AUTHENTICATION: 401,
    Kind.PERMISSION: 403,
    Kind.NOT_FOUND: 404,
    Kind.TOO_LARGE: 413,
    Kind.RATE_LIMITED: 429,
    Kind.QUOTA: 429,
    Kind.OVERLOADED: 529,
    Kind.UPSTREAM_FAILED: 502,
    Kind.UNREACHABLE: 502,
    Kind.TIMEOUT: 504,
    Kind.TRUNCATED: 502,
    Kind.UNSUPPORTED: 501,
    Kind.INTERNAL: 500,
}
"""The status a client gets when the upstream gave none of its own."""

KIND_BY_STATUS: Final[dict[int, Kind]] = {
    400: Kind.INVALID_REQUEST,
    401: Kind.AUTHENTICATION,
    402: Kind.QUOTA,
    403: Kind.PERMISSION,
    404: Kind.NOT_FOUND,
    408: Kind.TIMEOUT,
    413: Kind.TOO_LARGE,
    422: Kind.INVALID_REQUEST,
    429: Kind.RATE_LIMITED,
    501: Kind.UNSUPPORTED,
    503: Kind.OVERLOADED,
    504: Kind.TIMEOUT,
    529: Kind.OVERLOADED,
}


def kind_of_status(status: int) -> Kind:
    """The kind an HTTP status stands for when the body says nothing better."""
    if status in KIND_BY_STATUS:
        return KIND_BY_STATUS[status]
    return Kind.INVALID_REQUEST if 400 <= status < 500 else Kind.UPSTREAM_FAILED


class GatewayError(Exception):
    """The only error that pure code raises and the only one a client is shown.

    ``message`` says what, where, why and what to do next; it never holds a secret. ``raw`` is the
    upstream's own body, kept so that the same protocol can pass it on unmodified.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        field: str | None = None,
        retry_after: float | None = None,
        should_retry: bool | None = None,
        timeout: str | None = None,
        protocol: str | None = None,
        raw: bytes | None = None,
        local: bool = True,
        in_line: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = STATUS[kind] if status is None else status
        """The HTTP status for the client; the upstream's own where it sent one."""
        self.code = code
        """The vendor's own code or type, verbatim."""
        self.field = field
        """The offending request field, where known."""
        self.retry_after = retry_after
        """Seconds the upstream asked to wait."""
        self.should_retry = should_retry
        """False: no retry can help, tell the client so; None: unknown."""
        self.timeout = timeout
        """Name of the expired timeout (reliability_ux.md A2), if that is what happened."""
        self.protocol = protocol
        """The protocol that ``raw`` is written in."""
        self.raw = raw
        self.local = local
        """True when we refused ourselves, False when an upstream answered so."""
        self.in_line = in_line
        """This one deployment takes nobody for now, and nobody says for how long: the tokens of its minute are used
        up, or it is starting. Who asks anew stands in line."""
        self.full: str | None = None
        """The message with what is not for clients, where that differs; for our own record."""
        self.headers: Headers = ()
        """What the answer with this error says about its exchange; set by the relay."""

"""One walk over a request's headers: what admission needs, what framing needs, what the relay gets."""

from typing import Final

from msgspec import Struct

from trunkline.core.http import Headers
from trunkline.server.asgi import RawHeaders
from trunkline.server.client_keys import Caller

HOP_BY_HOP: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
CREDENTIALS: Final = frozenset(
    {"authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"}
)
FRAMING: Final = frozenset({"host", "content-length", "content-encoding", "accept-encoding", "expect"})
BROWSER: Final = frozenset({"origin", "referer"})
FORWARDED: Final = frozenset({"forwarded", "via", "x-real-ip"})

NOT_FOR_THE_RELAY: Final = HOP_BY_HOP | CREDENTIALS | FRAMING | BROWSER | FORWARDED
_PREFIXES: Final = ("sec-", "proxy-", "x-forwarded-")
_ORDINARY_CONNECTION: Final = frozenset({b"keep-alive", b"close", b"Keep-Alive"})


class Head(Struct):
    """A request's headers, sorted. ``headers`` are the client's without credentials and hop-by-hop ones."""

    caller: Caller
    headers: Headers
    length: int | None
    """The declared length of the body in bytes."""
    encoding: str
    """The body's content encoding in lower case, ``""`` for none."""
    upgrade: bool
    anthropic: bool
    """The client speaks to Anthropic, by its headers."""


def read_head(raw: RawHeaders, peer: str | None) -> Head:
    """Sort the headers of one request. A header named by ``Connection`` is hop-by-hop as well."""
    caller = Caller(peer=peer)
    head = Head(caller=caller, headers=(), length=None, encoding="", upgrade=False, anthropic=False)
    kept: list[tuple[str, str]] = []
    named: frozenset[str] = frozenset()
    for raw_name, raw_value in raw:
        name = raw_name.decode("latin-1")
        if name not in NOT_FOR_THE_RELAY and not name.startswith(_PREFIXES):
            kept.append((name, raw_value.decode("latin-1")))
        elif name == "connection":
            if raw_value not in _ORDINARY_CONNECTION:
                named |= {token.strip().lower() for token in raw_value.decode("latin-1").split(",")}
        else:
            _note(head, caller, name, raw_value.decode("latin-1").strip())
    head.headers = tuple(pair for pair in kept if pair[0] not in named) if named else tuple(kept)
    return head


def _note(head: Head, caller: Caller, name: str, value: str) -> None:
    """Keep what a header that goes no further says to us."""
    match name:
        case "host":
            caller.host = value
        case "authorization":
            caller.authorization = value
        case "x-api-key" | "api-key" | "x-goog-api-key":
            caller.api_key = caller.api_key or value
        case "origin":
            caller.origin = value
        case "sec-fetch-site":
            caller.fetch_site = value.lower()
        case "content-length":
            head.length = int(value)
        case "content-encoding":
            head.encoding = "" if value.lower() == "identity" else value.lower()
        case "upgrade":
            head.upgrade = True
        case _:
            pass


def speaks_anthropic(headers: Headers) -> bool:
    """Whether a client on a route of no protocol is one that expects Anthropic's shapes."""
    return any(
        name == "anthropic-version" or (name == "user-agent" and value.lower().startswith("claude"))
        for name, value in headers
    )

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
_MEANINGFUL: Final = frozenset(
    {b"x-forwarded-email", b"x-forwarded-user", b"x-forwarded-access-token", b"host", b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key", b"origin", b"sec-fetch-site",
     b"content-length", b"content-encoding", b"upgrade"}
)  # fmt: skip
_KNOWN: Final[dict[bytes, str]] = {}
"""Names as seen so far, ``""`` for those that go no further: the same few dozen come with every request."""
_MAX_KNOWN: Final = 512


class Head(Struct):
    """A request's headers, sorted. ``headers`` are the client's without credentials and hop-by-hop ones."""

    caller: Caller
    headers: Headers = ()
    length: int | None = None
    """The declared length of the body in bytes."""
    encoding: str = ""
    """The body's content encoding in lower case, ``""`` for none."""
    upgrade: bool = False


def read_head(raw: RawHeaders, client: tuple[str, int] | None) -> Head:
    """Sort the headers of one request. A header named by ``Connection`` is hop-by-hop as well."""
    head = Head(Caller(None if client is None else client[0]))
    kept: list[tuple[str, str]] = []
    named: frozenset[str] = frozenset()
    for raw_name, value in raw:
        name = _KNOWN.get(raw_name)
        if name is None:
            name = _kept_name(raw_name)
        if name:
            kept.append((name, value.decode("latin-1")))
        elif raw_name in _MEANINGFUL:
            _note(head, raw_name, value.decode("latin-1").strip())
        elif raw_name == b"connection" and value not in _ORDINARY_CONNECTION:
            named |= {token.strip().lower() for token in value.decode("latin-1").split(",")}
    head.headers = tuple(pair for pair in kept if pair[0] not in named) if named else tuple(kept)
    return head


def _kept_name(raw_name: bytes) -> str:
    """The name of a header that goes to the relay, ``""`` for one that does not."""
    name = raw_name.decode("latin-1")
    if name in NOT_FOR_THE_RELAY or name.startswith(_PREFIXES):
        name = ""
    if len(_KNOWN) < _MAX_KNOWN:
        _KNOWN[raw_name] = name
    return name


def _note(head: Head, name: bytes, value: str) -> None:
    """Keep what a header that goes no further says to us."""
    caller = head.caller
    if name == b"host":
        caller.host = value
    elif name == b"x-forwarded-access-token":
        caller.forwarded_token = value
    elif name in (b"x-forwarded-email", b"x-forwarded-user"):
        caller.forwarded_user = caller.forwarded_user or value
    elif name == b"content-length":
        head.length = int(value)
    elif name == b"authorization":
        caller.authorization = value
    elif name == b"origin":
        caller.origin = value
    elif name == b"sec-fetch-site":
        caller.fetch_site = value.lower()
    elif name == b"content-encoding":
        head.encoding = "" if value.lower() == "identity" else value.lower()
    elif name == b"upgrade":
        head.upgrade = True
    else:
        caller.api_key = caller.api_key or value


def speaks(headers: Headers) -> str:
    """The protocol whose shapes a client expects on a route of no protocol."""
    for name, value in headers:
        if name == "anthropic-version" or (name == "user-agent" and value.lower().startswith("claude")):
            return "anthropic_messages"
        if name == "x-goog-api-client":
            return "gemini"
    return "openai_chat"

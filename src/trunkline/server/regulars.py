"""Whoever was let in once and says the same again: the head is read and judged once, not with every request.

An agent sends one head hundreds of times; nothing but its length differs.
"""

from typing import Final

from msgspec import Struct

from trunkline.config.secret import Secret
from trunkline.core.http import Headers
from trunkline.protocols.codec import Carrier, Peek
from trunkline.relay.inbound import Operation
from trunkline.server.asgi import RawHeaders, Scope, Spelling
from trunkline.server.routes import Match

MAX_KEPT: Final = 256
MAX_BYTES: Final = 4096
"""Of the header values in a head that is kept."""


class Admitted(Struct, frozen=True, kw_only=True):
    """What the head of a request for an exchange came to."""

    found: Match
    codec: Carrier
    operation: Operation
    headers: Headers
    """The client's, without credentials."""
    encoding: str
    tenant: str
    peek: Peek | None
    """Model and stream flag, where the path says them."""
    token: Secret | None


def spell(scope: Scope) -> Spelling:
    """The head of a request."""
    spelling = scope.get("spelling")
    if spelling is not None:
        return spelling
    headers, client = scope["headers"], scope["client"]
    fields = dict(headers)
    alone = fields.pop(b"content-length", None) is not None
    said = tuple(fields.items()) if len(fields) + alone == len(headers) else tuple(headers)
    peer = None if client is None else client[0]
    return peer, scope["method"], scope["raw_path"], scope["query_string"], said


def declared(headers: RawHeaders) -> int | None:
    """The bytes of body that a head declares."""
    return next((int(value) for name, value in headers if name == b"content-length"), None)


class Regulars:
    """Heads that were let in, a bounded number; made anew with every configuration.

    They hold keys. One is found by its hash, which Python keys with a secret of the process, and compared byte by byte
    only when all of that agrees: how long it takes tells nobody how much of a key was right.
    """

    def __init__(self) -> None:
        self._kept: dict[Spelling, Admitted] = {}
        self.find = self._kept.get

    def keep(self, spelling: Spelling, admitted: Admitted) -> None:
        """Let this head in from now on, unless what it leads to may change."""
        if admitted.found.added is not None or sum(len(value) for _, value in spelling[4]) > MAX_BYTES:
            return
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[spelling] = admitted

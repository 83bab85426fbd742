"""The dashboard's page: files that anybody may read who reaches the gateway, and nothing else of it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import Headers
from trunkline.server.asgi import Scope
from trunkline.server.faults import send_whole
from trunkline.server.routes import Match
from trunkline.server.sink import ClientSink

INDEX: Final = "index.html"
POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; worker-src 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Nothing inline, nothing from elsewhere, nobody's frame, and no text that becomes markup or script."""
GUARD: Final[Headers] = (
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
)


class File(Protocol):
    """A file, ready to be sent."""

    @property
    def content_type(self) -> str: ...
    @property
    def body(self) -> bytes: ...
    @property
    def zipped(self) -> bytes: ...
    @property
    def tag(self) -> str: ...


Files = Callable[[], Mapping[str, File]]
"""All files by name; slow the first time."""


def no_files() -> Mapping[str, File]:
    """Of a gateway that has no page."""
    return {}


async def send_page(files: Files, scope: Scope, found: Match, sink: ClientSink) -> None:
    """One file of the page, or where it is. Raises GatewayError (NOT_FOUND)."""
    if found.route.path == "/ui":
        await send_whole(sink, 307, (*GUARD, ("location", "/ui/")), b"")
        return
    known = await asyncio.to_thread(files)
    file = known.get(found.rest or INDEX)
    if file is None:
        raise GatewayError(Kind.NOT_FOUND, "The page has no such file; it is at /ui/.", should_retry=False)
    headers: Headers = (
        *GUARD,
        ("etag", file.tag),
        ("cache-control", "no-cache"),
        ("vary", "accept-encoding"),
    )
    asked = dict(scope["headers"])
    if file.tag.encode() in asked.get(b"if-none-match", b""):
        await send_whole(sink, 304, headers, b"")
    elif b"gzip" in asked.get(b"accept-encoding", b""):
        zipped = (("content-type", file.content_type), ("content-encoding", "gzip"))
        await send_whole(sink, 200, (*headers, *zipped), file.zipped)
    else:
        await send_whole(sink, 200, (*headers, ("content-type", file.content_type)), file.body)

"""HTTP requests and answers as plain values, for code that never opens a socket."""

from collections.abc import Callable

from msgspec import Struct

Headers = tuple[tuple[str, str], ...]
"""Header pairs in order, names in lower case."""


Take = Callable[[bytes], bool]
"""Takes a piece of a body at once; False when it takes no more for now. Never raises."""


class HttpRequest(Struct, frozen=True):
    """A request to an upstream, complete: nothing is added later but framing headers."""

    method: str
    url: str
    headers: Headers
    body: bytes = b""
    proxy: str | None = None
    """The URL of the proxy to go through, ``""`` for none; None: as for every request to such a host."""


class HttpHead(Struct, frozen=True):
    """Status and headers of an upstream's answer."""

    status: int
    headers: Headers = ()

    def header(self, name: str) -> str | None:
        """The first value of a header, or None. ``name`` in lower case."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    @property
    def media_type(self) -> str:
        """The content type without parameters, in lower case; ``""`` when absent."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

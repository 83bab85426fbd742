"""Where a URL leads."""

from functools import lru_cache
from urllib.parse import urlsplit

from msgspec import Struct

from trunkline.core.errors import GatewayError, Kind


class Place(Struct, frozen=True):
    """What to connect to and what to ask for."""

    origin: str
    tls: bool
    host: str
    port: int
    authority: str
    target: str


@lru_cache(maxsize=1024)
def place_of(url: str) -> Place:
    """Takes a URL apart once. Raises GatewayError (INTERNAL) for what is not http or https."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise GatewayError(Kind.INTERNAL, f"not an http or https address: {parts.scheme}://{parts.netloc}")
    tls = parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    authority = parts.netloc.rpartition("@")[2]
    return Place(f"{parts.scheme}://{authority}", tls, parts.hostname, port, authority, target)

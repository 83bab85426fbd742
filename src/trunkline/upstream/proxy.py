"""An HTTP proxy between us and a provider: what it is told, and what it says when it does not take us along."""

from base64 import b64encode
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from trunkline.config.proxy_url import is_proxy
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import Headers
from trunkline.upstream.place import Place, place_of

AUTHENTICATE: Final = 407


class Proxy(NamedTuple):
    """Where it is, and the headers that let us in. ``place.origin`` is what people are shown: it has no credentials."""

    place: Place
    headers: Headers


def proxy_of(url: str) -> Proxy:
    """A proxy by its URL, ``http://`` where that says nothing. Raises GatewayError (INTERNAL), which never quotes it."""
    text = url.strip() if "://" in url else f"http://{url.strip()}"
    if not is_proxy(text):
        message = 'the proxy toward providers cannot be used: it is written "http://host:port"'
        raise GatewayError(Kind.INTERNAL, message, should_retry=False)
    user, at, _ = urlsplit(text).netloc.rpartition("@")
    headers: Headers = ()
    if at:
        name, _, password = user.partition(":")
        word = b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
        headers = (("proxy-authorization", f"Basic {word}"),)
    return Proxy(place_of(text), headers)


def opening(proxy: Proxy, place: Place) -> bytes:
    """The request for a connection to ``place``, which is then spoken over in TLS."""
    host = f"[{place.host}]" if ":" in place.host else place.host
    lines = [f"CONNECT {host}:{place.port} HTTP/1.1", f"host: {host}:{place.port}"]
    lines += [f"{name}: {value}" for name, value in proxy.headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def check(proxy: Proxy, place: Place, status: int) -> None:
    """Raises GatewayError (UNREACHABLE) when the proxy's answer says that it lets nobody through."""
    if 200 <= status < 300:
        return
    why = f"it answers {status}"
    if status == AUTHENTICATE:
        why = "it does not take the user name and password of its URL"
        if not proxy.headers:
            why = "it wants a user name and a password: http://user:password@host:port"
    raise GatewayError(
        Kind.UNREACHABLE,
        f"the proxy {proxy.place.origin} makes no connection to {place.origin}: {why}",
        should_retry=None if status >= 500 else False,
        local=False,
    )

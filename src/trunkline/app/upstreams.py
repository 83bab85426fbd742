"""Which client a request goes out by: a recording, the network directly, or a proxy."""

from collections.abc import Awaitable, Mapping
from functools import lru_cache
from typing import Final, Protocol
from urllib.parse import urlsplit

from trunkline.config.addresses import is_loopback
from trunkline.config.schema import Configuration, Timeouts
from trunkline.config.secret import Secret
from trunkline.core.http import HttpRequest
from trunkline.providers.rehearsal import SCHEME
from trunkline.relay.ports import Upstream, UpstreamAnswer
from trunkline.upstream.http1 import Http1Upstream
from trunkline.upstream.proxy import Proxy, proxy_of

PROXIES: Final = (
    ("https", ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")),
    ("http", ("http_proxy", "ALL_PROXY", "all_proxy")),
)
"""Upper-case HTTP_PROXY is not read: where a request's headers become variables, a client could set it."""


class _Closing(Protocol):
    async def close(self) -> None: ...


class Upstreams:
    """Implements :class:`trunkline.relay.ports.Upstream` for every kind of provider.

    The clients that need memory or modules of their own are made when a request first needs them.
    """

    def __init__(
        self, timeouts: Timeouts, environ: Mapping[str, str], configured: Secret | None = None
    ) -> None:
        self._timeouts = timeouts
        self._environ = environ
        self._configured = configured
        self._direct = self._http1(None)
        self._rehearsal: Upstream | None = None
        self._proxied: dict[str, Upstream] = {}
        self._closers: list[_Closing] = [self._direct]
        self.proxy = lru_cache(maxsize=512)(self._proxy_for)
        """The proxy for an origin, None to go directly."""
        self._client = lru_cache(maxsize=512)(self._client_for)

    def open(self, request: HttpRequest, *, headers_timeout: float) -> Awaitable[UpstreamAnswer]:
        """Send by the right client; see the port for what it raises."""
        return self._client(request.url, request.proxy).open(request, headers_timeout=headers_timeout)

    async def close(self) -> None:
        """Close every connection."""
        for client in self._closers:
            await client.close()

    def _http1(self, proxy: Proxy | None) -> Http1Upstream:
        timeouts = self._timeouts
        return Http1Upstream(
            connect_timeout=timeouts.up_connect, pool_timeout=timeouts.up_pool, proxy=proxy
        )

    def _client_for(self, url: str, wanted: str | None) -> Upstream:
        if url.startswith(SCHEME):
            return self._recordings()
        origin = _origin(url)
        proxy = self.proxy(origin) if wanted is None else wanted
        return self._direct if not proxy or self._is_near(origin) else self._through(proxy)

    def _recordings(self) -> Upstream:
        if self._rehearsal is None:
            from trunkline.upstream.rehearsal import RehearsalUpstream  # only a rehearsal needs its tapes

            self._rehearsal = RehearsalUpstream()
        return self._rehearsal

    def _through(self, proxy: str) -> Upstream:
        client = self._proxied.get(proxy)
        if client is None:
            made = self._http1(proxy_of(proxy))
            self._closers.append(made)
            client = self._proxied[proxy] = made
        return client

    def _is_near(self, origin: str) -> bool:
        """On this machine, or excepted by NO_PROXY."""
        parts = urlsplit(origin)
        host = parts.hostname or ""
        return is_loopback(host) or _excepted(host, parts.port, self._environ)

    def _proxy_for(self, origin: str) -> str | None:
        """The configured proxy or the one that the usual variables name for an origin, None to go directly."""
        if self._is_near(origin):
            return None
        if self._configured is not None:
            return self._configured.reveal()
        for scheme, names in PROXIES:
            if origin.startswith(f"{scheme}://"):
                return next((self._environ[name] for name in names if self._environ.get(name)), None)
        return None


def make_upstreams(configuration: Configuration, environ: Mapping[str, str]) -> Upstreams:
    """The clients that a configuration wants."""
    return Upstreams(configuration.timeouts, environ, configuration.upstream_proxy)


def _origin(url: str) -> str:
    end = url.find("/", url.find("://") + 3)
    return url if end < 0 else url[:end]


def _excepted(host: str, port: int | None, environ: Mapping[str, str]) -> bool:
    """Whether NO_PROXY names the host: itself, a domain it is in, with a port or ``*``."""
    named = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    for entry in named.replace(" ", ",").split(","):
        name, _, only = entry.strip().lower().partition(":")
        name = name.removeprefix("*").lstrip(".")
        if entry.strip() == "*":
            return True
        if name and (not only or only == str(port)) and (host == name or host.endswith("." + name)):
            return True
    return False

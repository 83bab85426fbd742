"""Which addresses a page may be read from: public ones, whatever a name resolves to, at every hop."""

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from trunkline.core.search import SearchFailed

PORTS: Final = frozenset({80, 443, 8080, 8443})
_TUNNELS: Final = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))
"""IPv6 addresses that lead to IPv4 ones, private ones among them."""

Allow = Callable[[str], bool]


def is_public(address: str) -> bool:
    """Whether an address is one of the internet and of nothing nearer."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return _is_global(found.ipv4_mapped)
        if any(found in tunnel for tunnel in _TUNNELS):
            return False
    return _is_global(found)


def _is_global(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def check_url(url: str, allow: Allow, ports: frozenset[int] | None = PORTS) -> None:
    """Raises SearchFailed for an address that must not be read as far as it shows in the URL itself.

    ``ports`` None: any.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as cause:
        raise SearchFailed("invalid_input", "not an address") from cause
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
        raise SearchFailed("invalid_input", "not an address of a page")
    if port is not None and ports is not None and port not in ports:
        raise SearchFailed("url_not_allowed", f"port {port} is not one of the web")
    try:
        literal = str(ip_address(host))
    except ValueError:
        return  # a name: what it resolves to is checked when it is resolved
    if not allow(literal):
        raise SearchFailed("url_not_allowed", "a private address")


class GuardedResolver(AbstractResolver):
    """Resolves names and keeps the allowed addresses: the connection goes to exactly what was checked."""

    def __init__(self, allow: Allow) -> None:
        self._allow = allow
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The allowed addresses. Raises OSError when there are none: aiohttp then connects to nothing."""
        found = await self._resolver.resolve(host, port, family)
        allowed = [one for one in found if self._allow(one["host"])]
        if not allowed:
            raise PermissionError(f"{host} is at a private address")
        return allowed

    async def close(self) -> None:
        """Nothing is held."""
        await self._resolver.close()

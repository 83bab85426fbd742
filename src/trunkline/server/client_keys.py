"""Who may use the gateway: client keys, and without any, only programs on this machine.

A web page is not such a program: it reaches loopback too, by a name of its own that points there (DNS
rebinding) or by a plain cross-site request. Both are told apart by headers that no page can forge.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qs

from msgspec import Struct

from trunkline.config.schema import Server
from trunkline.config.secret import Secret
from trunkline.core.errors import GatewayError, Kind
from trunkline.server.errors import Exposed
from trunkline.server.hosts import bare, host_name, is_loopback

TOKEN: Final = re.compile(rb"[\x21-\x7e]{1,8192}")
NO_KEYS: Final = "-"
"""The tenant of everybody when no keys are configured."""


@lru_cache(maxsize=256)
def is_loopback_host(authority: str) -> bool:
    """Whether a Host header names this very machine."""
    return is_loopback(host_name(authority))


@lru_cache(maxsize=256)
def is_loopback_peer(address: str) -> bool:
    """Whether the other end of a connection is on this machine."""
    return is_loopback(address)


class Caller(Struct):
    """What a request's head says about who sends it; filled while its headers are read."""

    peer: str | None = None
    """Address of the connection's other end; never taken from a header."""
    host: str = ""
    authorization: str | None = None
    api_key: str | None = None
    query_key: str | None = None
    """The ``key`` of the query, on routes whose protocol allows it there (gemini)."""
    forwarded_user: str | None = None
    """Who a front door says that it is, and with which token; believed where there is one for sure."""
    forwarded_token: str | None = None
    origin: str | None = None
    fetch_site: str | None = None


def check_exposure(server: Server) -> None:
    """Raises Exposed when the gateway would listen beyond loopback without client keys."""
    if not (server.keys or server.own_tokens or server.databricks_app) and not is_loopback(
        bare(server.host)
    ):
        raise Exposed(
            f"server.host is {server.host}, which other machines can reach, but server.keys is empty: anyone "
            'could use your providers. Set server.keys (for example: keys: ["${TRUNKLINE_KEY}"]), or listen '
            "on 127.0.0.1."
        )


class Door:
    """Lets requests in or raises. Made from one configuration; replaced as a whole on reload."""

    def __init__(self, server: Server) -> None:
        self._pepper = os.urandom(32)
        self._tenants: dict[bytes, tuple[bytes, str]] = {}
        for key in server.keys:
            value = key.reveal().encode()
            digest = self._digest(value)
            self._tenants[digest] = (digest, hashlib.sha256(value).hexdigest()[:12])
        self._bound = bare(server.host)
        self._app = server.databricks_app
        self._open = (server.own_tokens or self._app) and not is_loopback(self._bound)

    def _digest(self, value: bytes) -> bytes:
        return hmac.digest(self._pepper, value, "sha256")

    @property
    def has_keys(self) -> bool:
        """Whether clients must present one."""
        return bool(self._tenants)

    def check_source(self, caller: Caller) -> None:
        """For every route, public ones too. Raises GatewayError (PERMISSION) to anything but local programs
        when no keys are configured and clients' own tokens do not take their place."""
        if self._tenants or self._open:
            return
        if caller.peer is None or not is_loopback_peer(caller.peer):
            raise refused(
                "Without client keys the gateway serves this machine only; set server.keys to open it."
            )
        if not is_loopback_host(caller.host) and host_name(caller.host) != self._bound:
            raise refused(
                "Without client keys the gateway answers to localhost, 127.0.0.1 and [::1] only, not to the "
                "name this request used; set server.keys to use another name."
            )

    def check_browser(self, caller: Caller) -> None:
        """Raises GatewayError (PERMISSION) for a request that a page of another origin made a browser send."""
        if caller.fetch_site is not None and caller.fetch_site not in ("none", "same-origin"):
            raise refused("Requests from other web sites are refused.")
        if caller.origin is not None:
            scheme, _, authority = caller.origin.partition("://")
            if scheme not in ("http", "https") or authority.lower() != caller.host.lower():
                raise refused("Requests from web pages of another origin are refused.")

    def check_inside(self, caller: Caller) -> None:
        """For what tells about the gateway itself. Raises GatewayError (PERMISSION) to other machines that no key of
        ours lets in."""
        if self._app and not self._tenants:
            raise refused("Whoever uses this App may not see this; set server.keys to open it.")
        if self._open and not self._tenants and not (caller.peer and is_loopback_peer(caller.peer)):
            raise refused("Only this machine may see this; set server.keys to open it.")

    def token_of(self, caller: Caller) -> Secret | None:
        """The client's own token for providers: what it presents that is no key of ours, a bearer token first. In an
        App that of its user, which the front door forwards."""
        if (
            self._app
            and caller.forwarded_token
            and TOKEN.fullmatch(caller.forwarded_token.encode("latin-1"))
        ):
            return Secret(caller.forwarded_token)
        for key in reversed(list(presented_keys(caller))):
            if self._digest(key) not in self._tenants and TOKEN.fullmatch(key):
                return Secret(key.decode("ascii"))
        return None

    def admit(self, caller: Caller) -> str:
        """The tenant. Raises GatewayError (AUTHENTICATION) without one of the configured keys."""
        if not self._tenants:
            return self._from_front_door(caller) if self._app else NO_KEYS
        presented = False
        for key in presented_keys(caller):
            presented = True
            digest = self._digest(key)
            known, tenant = self._tenants.get(digest, (b"", ""))
            if hmac.compare_digest(known, digest):
                return tenant
        raise GatewayError(
            Kind.AUTHENTICATION,
            "The client key is not one of those in server.keys of the gateway."
            if presented
            else "This gateway wants a client key, as x-api-key, x-goog-api-key or Authorization: Bearer.",
            should_retry=False,
        )

    def check_tenant(self, tenant: str) -> None:
        """For a tenant of another door, before it was replaced. Raises GatewayError (AUTHENTICATION) without its key here."""
        known = {name for _, name in self._tenants.values()} if self._tenants else {tenant}
        if tenant not in known:
            raise GatewayError(
                Kind.AUTHENTICATION,
                "The client key of this connection is no longer one of those in server.keys of the gateway.",
                should_retry=False,
            )

    def _from_front_door(self, caller: Caller) -> str:
        """An App's user as a tenant. Nobody reaches an App but through its front door, which asked who it is."""
        if caller.forwarded_user is None:
            raise GatewayError(
                Kind.AUTHENTICATION,
                "This gateway runs as a Databricks App and was not called through the App's own address, which"
                " says who calls; open it with server.keys for anything else.",
                should_retry=False,
            )
        return hashlib.sha256(caller.forwarded_user.lower().encode("latin-1")).hexdigest()[:12]


def refused(message: str) -> GatewayError:
    return GatewayError(Kind.PERMISSION, message, should_retry=False)


def presented_keys(caller: Caller) -> Iterator[bytes]:
    """Every key a request carries: SDKs may send a placeholder in one header and the key in the other."""
    if caller.api_key is not None:
        yield caller.api_key.encode("latin-1")
    if caller.query_key is not None:
        yield caller.query_key.encode("latin-1", "replace")
    if caller.authorization is not None:
        scheme, _, value = caller.authorization.strip().partition(" ")
        if scheme.lower() == "bearer":
            yield value.strip().encode("latin-1")
        elif scheme.lower() == "basic":
            yield from _basic(value.strip())


def query_key(query: bytes) -> str | None:
    """The ``key`` of a query string, where Google's own SDKs of old put it."""
    if b"key=" not in query:
        return None
    return parse_qs(query.decode("latin-1")).get("key", [None])[-1]


def _basic(value: str) -> list[bytes]:
    """The password of Basic credentials, or the name where there is no password."""
    try:
        name, _, password = base64.b64decode(value, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return []
    return [password or name]

"""One way to ask a deployment, and where a gateway's routes begin (databricks.md 1.4, 1.5)."""

import re
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from trunkline.config.addresses import DATABRICKS_ZONES
from trunkline.protocols.cursor import NAME as CURSOR
from trunkline.providers.databricks.hosts import Host

_MARKER: Final = re.compile(r"\[[^\]]*\]$")


class Place(Struct, frozen=True):
    """One surface of one deployment, before its facts are known."""

    name: str
    protocol: str
    deployment: str
    url: str
    stream_url: str | None = None
    reserve: bool = False
    """Only asked after a refusal that points to it."""


def bare_name(deployment: str) -> str:
    """The deployment without a client's own marker at its end (``[1m]``)."""
    return _MARKER.sub("", deployment.strip())


def form_of(protocol: str) -> str:
    """The protocol that a body for a surface is written in."""
    return "openai_responses" if protocol == CURSOR else protocol


def gateway_url(host: Host, prefix: str | None) -> str:
    """The base of the gateway's routes."""
    if host.dedicated and prefix is None:
        return host.base
    return f"{host.base}/{(prefix or 'ai-gateway').strip('/')}"


def gateway_base(host: Host, prefix: str | None) -> str:
    """The same for an address that was given as a gateway's: one that is no workspace's has its routes at the root."""
    name = urlsplit(host.base).hostname or ""
    below = prefix is not None or (host.pin or "").startswith("gateway") or name.endswith(DATABRICKS_ZONES)
    return gateway_url(host, prefix) if below else host.base

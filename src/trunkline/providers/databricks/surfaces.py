"""Which ways there are to ask a deployment, and what each calls it (databricks.md 1.3 to 1.7)."""

import re
from typing import Final

from msgspec import Struct

from trunkline.catalog.names import family_of
from trunkline.providers.address import CARRIED_NAMES, ENDPOINTS
from trunkline.providers.databricks.hosts import Host

ORDER: Final = (
    "serving_messages",
    "serving_chat",
    "serving_invocations",
    "gateway_messages",
    "gateway_chat",
)
"""All surfaces by name."""

PROTOCOL: Final = {
    "serving_messages": "anthropic_messages",
    "serving_chat": "openai_chat",
    "serving_invocations": "openai_chat",
    "gateway_messages": "anthropic_messages",
    "gateway_chat": "openai_chat",
}

_PATHS: Final = {
    "serving_messages": "/serving-endpoints/anthropic/v1/messages",
    "serving_chat": "/serving-endpoints/chat/completions",
    "gateway_messages": "/anthropic/v1/messages",
    "gateway_chat": "/mlflow/v1/chat/completions",
}

FLIP: Final = {
    "serving_messages": "gateway_messages",
    "serving_chat": "gateway_chat",
    "serving_invocations": "gateway_chat",
    "gateway_messages": "serving_messages",
    "gateway_chat": "serving_chat",
}
"""The same protocol on the other side."""

OTHER_PROTOCOL: Final = {
    "serving_messages": "serving_chat",
    "serving_chat": "serving_messages",
    "serving_invocations": "serving_messages",
    "gateway_messages": "gateway_chat",
    "gateway_chat": "gateway_messages",
}
"""The other protocol on the same side."""

_MARKER: Final = re.compile(r"\[[^\]]*\]$")
_SYSTEM: Final = "system.ai."
_LEGACY: Final = "databricks-"
_ENTITY_NAMES: Final = {
    "llama_v3_3_70b_instruct": "meta-llama-3-3-70b-instruct",
    "meta_llama_v3_1_8b_instruct": "meta-llama-3-1-8b-instruct",
}
"""Catalog entities whose name is not the endpoint's (serving-endpoints listing, 2026-05)."""


class Place(Struct, frozen=True):
    """One surface of one deployment, before its facts are known."""

    name: str
    protocol: str
    deployment: str
    url: str


def bare_name(deployment: str) -> str:
    """The deployment without a client's own marker at its end (``[1m]``)."""
    return _MARKER.sub("", deployment.strip())


def service_name(deployment: str) -> str:
    """What the gateway calls it: a Unity Catalog name. Full names stay; endpoints' lose ``databricks-``."""
    name = bare_name(deployment)
    if name.count(".") >= 2:
        if not name.startswith(_SYSTEM):
            return name
        name = name.removeprefix(_SYSTEM)
    name = name.removeprefix(_LEGACY)
    return _SYSTEM + _ENTITY_NAMES.get(name, name).replace("_", "-").replace(".", "-")


def endpoint_name(deployment: str) -> str:
    """What serving calls it: an endpoint's name. A ``system.ai`` service becomes its legacy endpoint."""
    name = bare_name(deployment)
    if not name.startswith(_SYSTEM):
        return name
    name = name.removeprefix(_SYSTEM).removeprefix(_LEGACY)
    return _LEGACY + _ENTITY_NAMES.get(name, name).replace("_", "-").replace(".", "-")


def places(host: Host, deployment: str, *, prefix: str | None, surface: str | None) -> tuple[Place, ...]:
    """Every way to ask ``deployment``, best first; never empty.

    ``surface`` (a setting) or the pin in the host's spelling leave only what they name, as far as the
    deployment has it; ``prefix`` replaces ``ai-gateway``.
    """
    names = _candidates(host, deployment)
    if surface is not None:
        names = (surface,)
    elif host.pin is not None:
        names = _pinned(host.pin, names)
    return tuple(_place(host, name, deployment, prefix) for name in names)


def carried_place(host: Host, protocol: str, deployment: str, *, prefix: str | None) -> Place | None:
    """Where an operation that only passes through is asked (databricks.md 1.3, 1.5); None where it is not.

    Serving has both for its endpoints; the gateway has embeddings, for services of Unity Catalog.
    """
    if host.endpoint_url is not None:
        return Place("serving_invocations", protocol, host.endpoint or "", host.endpoint_url)
    name = bare_name(deployment)
    on_gateway = host.dedicated or (host.pin or "").startswith("gateway")
    on_gateway = on_gateway or (name.count(".") >= 2 and (host.system_ai or not name.startswith(_SYSTEM)))
    kind = CARRIED_NAMES[protocol]
    if not on_gateway:
        url = f"{host.base}/serving-endpoints{ENDPOINTS[protocol]}"
        return Place(f"serving_{kind}", protocol, endpoint_name(deployment), url)
    if protocol != "openai_embeddings":
        return None
    url = f"{_gateway(host, prefix)}/mlflow/v1{ENDPOINTS[protocol]}"
    return Place(f"gateway_{kind}", protocol, service_name(deployment), url)


def _candidates(host: Host, deployment: str) -> tuple[str, ...]:
    claude = family_of(deployment) == "claude"
    gateway = ("gateway_messages", "gateway_chat") if claude else ("gateway_chat",)
    serving = ("serving_messages", "serving_chat") if claude else ("serving_chat",)
    name = bare_name(deployment)
    if host.dedicated:
        return gateway
    if name.count(".") >= 2 and not name.startswith(_SYSTEM):
        return gateway
    if name.startswith(_SYSTEM):
        return gateway + serving if host.system_ai else serving
    if name.startswith(_LEGACY):
        return serving + gateway if host.system_ai else serving
    # A user's endpoint: its own path is sure. A bare model name may also be a service of the platform.
    own = ("serving_invocations", "serving_chat")
    return own + gateway if host.system_ai and family_of(name) != "other" else own


def _pinned(pin: str, names: tuple[str, ...]) -> tuple[str, ...]:
    if pin in ORDER:
        side = pin.partition("_")[0]
        if pin in names or pin == "serving_invocations":
            return (pin,)
        return tuple(name for name in names if name.startswith(side)) or (f"{side}_chat",)
    return tuple(name for name in names if name.startswith(pin)) or (f"{pin}_chat",)


def _place(host: Host, name: str, deployment: str, prefix: str | None) -> Place:
    protocol = PROTOCOL[name]
    if name == "serving_invocations":
        endpoint = host.endpoint or endpoint_name(deployment)
        url = host.endpoint_url or f"{host.base}/serving-endpoints/{endpoint}/invocations"
        return Place(name, protocol, endpoint, url)
    if name.startswith("serving"):
        return Place(name, protocol, endpoint_name(deployment), host.base + _PATHS[name])
    return Place(name, protocol, service_name(deployment), _gateway(host, prefix) + _PATHS[name])


def _gateway(host: Host, prefix: str | None) -> str:
    """The base of the gateway's routes."""
    return (
        host.base
        if host.dedicated and prefix is None
        else f"{host.base}/{(prefix or 'ai-gateway').strip('/')}"
    )

"""Which ways there are to ask a deployment, and what each calls it (databricks.md 1.3 to 1.7)."""

import re
from typing import Final

from msgspec.structs import replace

from trunkline.catalog.names import family_key, family_of
from trunkline.providers.address import CARRIED_NAMES, ENDPOINTS, gemini_urls, in_path
from trunkline.providers.databricks.bridge import Paths, bridge_places
from trunkline.providers.databricks.hosts import Host
from trunkline.providers.databricks.place import Place, bare_name, gateway_url

PROTOCOL: Final = {
    "serving_messages": "anthropic_messages",
    "serving_chat": "openai_chat",
    "serving_invocations": "openai_chat",
    "serving_responses": "openai_responses",
    "serving_gemini": "gemini",
    "gateway_messages": "anthropic_messages",
    "gateway_chat": "openai_chat",
    "gateway_responses": "openai_responses",
    "gateway_gemini": "gemini",
}
"""All surfaces by name, and what each speaks."""

_PATHS: Final = {
    "serving_messages": "/serving-endpoints/anthropic/v1/messages",
    "serving_chat": "/serving-endpoints/chat/completions",
    "serving_responses": "/serving-endpoints/responses",
    "serving_gemini": "/serving-endpoints/gemini",
    "gateway_messages": "/anthropic/v1/messages",
    "gateway_chat": "/mlflow/v1/chat/completions",
    "gateway_responses": "/openai/v1/responses",
    "gateway_gemini": "/gemini",
}
_ANY_RESPONSES: Final = "/mlflow/v1/responses"
"""The gateway's Responses for all that is not GPT, agents among them; never a choice of ours (1.4)."""

FLIP: Final = {
    "serving_messages": "gateway_messages",
    "serving_chat": "gateway_chat",
    "serving_invocations": "gateway_chat",
    "serving_responses": "gateway_responses",
    "serving_gemini": "gateway_gemini",
    "gateway_messages": "serving_messages",
    "gateway_chat": "serving_chat",
    "gateway_responses": "serving_responses",
    "gateway_gemini": "serving_gemini",
    "bridge_messages": "gateway_messages",
    "bridge_chat": "gateway_chat",
    "bridge_cursor": "gateway_responses",
    "bridge_responses": "gateway_responses",
    "bridge_gemini": "gateway_gemini",
}
"""The same protocol on the other side; of the bridge's surfaces, where the gateway has it by its own rules."""

OTHER_PROTOCOL: Final = {
    "serving_messages": "serving_chat",
    "serving_chat": "serving_messages",
    "serving_invocations": "serving_messages",
    "serving_responses": "serving_chat",
    "serving_gemini": "serving_chat",
    "gateway_messages": "gateway_chat",
    "gateway_chat": "gateway_messages",
    "gateway_responses": "gateway_chat",
    "gateway_gemini": "gateway_chat",
    "bridge_messages": "bridge_chat",
    "bridge_chat": "bridge_cursor",
    "bridge_cursor": "bridge_chat",
    "bridge_responses": "bridge_cursor",
    "bridge_gemini": "bridge_chat",
}
"""Another protocol on the same side."""

_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "claude": ("messages", "chat"),
    "gpt": ("chat", "responses"),
    "gemini": ("chat", "gemini"),
}
"""What a family can be asked in beside Chat, in our order of preference (1.7)."""

_RESPONSES_ONLY: Final = re.compile(
    r"gpt-5-5(?:-pro)?|gpt-5(?:-[1-4])?-pro|gpt-5[\d-]*-codex(?:-[a-z]+)?|codex-.*|gpt-6-(?:1-)?sol|gpt-6-luna"
)
"""GPT models that refuse Chat (1.7; documentation of 2026-09, LiteLLM 1.109.1's catalogue)."""

_SYSTEM: Final = "system.ai."
_LEGACY: Final = "databricks-"
_ENTITY_NAMES: Final = {
    "llama_v3_3_70b_instruct": "meta-llama-3-3-70b-instruct",
    "meta_llama_v3_1_8b_instruct": "meta-llama-3-1-8b-instruct",
}
"""Catalog entities whose name is not the endpoint's (serving-endpoints listing, 2026-05)."""


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


def places(
    host: Host, deployment: str, *, prefix: str | None, surface: str | None, paths: Paths = ()
) -> tuple[Place, ...]:
    """Every way to ask ``deployment``, best first; never empty.

    ``surface`` (a setting) or the pin in the host's spelling leave only what they name, as far as the
    deployment has it; ``prefix`` replaces ``ai-gateway``. Where ``paths`` say, all else is only asked after
    a refusal.
    """
    bridged = bridge_places(host, deployment, paths, prefix)
    if bridged:
        usual = (_place(host, name, deployment, prefix) for name in _candidates(host, deployment))
        return (*bridged, *(replace(place, reserve=True) for place in usual))
    names = _candidates(host, deployment)
    if surface is not None:
        names = (surface,)
    elif host.pin is not None:
        names = _pinned(host.pin, names, deployment)
    found = [_place(host, name, deployment, prefix) for name in names]
    if names[0] == "serving_invocations" and surface is None and host.pin is None:
        # The user's endpoint may hold a model that refuses Chat: its refusal says so.
        found.append(replace(_place(host, "serving_responses", deployment, prefix), reserve=True))
    return tuple(found)


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
    url = f"{gateway_url(host, prefix)}/mlflow/v1{ENDPOINTS[protocol]}"
    return Place(f"gateway_{kind}", protocol, service_name(deployment), url)


def _kinds(deployment: str) -> tuple[str, ...]:
    if _RESPONSES_ONLY.fullmatch(family_key(deployment)):
        return ("responses",)
    return _KINDS.get(family_of(deployment), ("chat",))


def _candidates(host: Host, deployment: str) -> tuple[str, ...]:
    kinds = _kinds(deployment)
    gateway = tuple(f"gateway_{kind}" for kind in kinds)
    serving = tuple(f"serving_{kind}" for kind in kinds)
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
    own = serving if kinds == ("responses",) else ("serving_invocations", "serving_chat")
    return own + gateway if host.system_ai and family_of(name) != "other" else own


def _pinned(pin: str, names: tuple[str, ...], deployment: str) -> tuple[str, ...]:
    if pin in PROTOCOL:
        side = pin.partition("_")[0]
        if pin in names or pin == "serving_invocations":
            return (pin,)
    else:
        side = pin
    return tuple(name for name in names if name.startswith(side)) or (f"{side}_{_kinds(deployment)[-1]}",)


def _place(host: Host, name: str, deployment: str, prefix: str | None) -> Place:
    protocol = PROTOCOL[name]
    if name == "serving_invocations":
        endpoint = host.endpoint or endpoint_name(deployment)
        url = host.endpoint_url or f"{host.base}/serving-endpoints/{in_path(endpoint)}/invocations"
        return Place(name, protocol, endpoint, url)
    if name.startswith("serving"):
        called, base = endpoint_name(deployment), host.base
    else:
        called, base = service_name(deployment), gateway_url(host, prefix)
    if protocol == "gemini":
        urls = gemini_urls(base + _PATHS[name], called)
        return Place(name, protocol, called, urls.whole, urls.stream)
    path = _PATHS[name]
    if name == "gateway_responses" and family_of(deployment) != "gpt":
        path = _ANY_RESPONSES
    return Place(name, protocol, called, base + path)

"""Asking where a list of paths says, as the ForgeCode bridge does: ``models.json`` (databricks.md 7.1)."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from trunkline.catalog.names import family_of
from trunkline.protocols.cursor import NAME as CURSOR
from trunkline.providers.address import gemini_urls
from trunkline.providers.databricks.hosts import Host
from trunkline.providers.databricks.place import Place, bare_name, gateway_base

Paths = Sequence[tuple[str, tuple[str, ...]]]
"""(glob over names of deployments, paths on the gateway in order of preference); the first that fits counts."""

BRIDGE: Final = {
    "bridge_chat": "openai_chat",
    "bridge_cursor": CURSOR,
    "bridge_responses": "openai_responses",
    "bridge_messages": "anthropic_messages",
    "bridge_gemini": "gemini",
}
"""Surfaces by name, and what each speaks. Names of deployments go out as they are."""

_ENDINGS: Final = (
    ("/cursor/v1/chat/completions", ("bridge_cursor", "bridge_chat")),
    ("/responses", ("bridge_responses",)),
    ("/messages", ("bridge_messages",)),
)
_NATIVE: Final = {
    "claude": ("bridge_messages", "/anthropic/v1/messages"),
    "gemini": ("bridge_gemini", "/gemini"),
}
"""A family's own route beside the configured ones, for clients that speak it (databricks.md 1.4)."""


def bridge_places(host: Host, deployment: str, paths: Paths, prefix: str | None) -> tuple[Place, ...]:
    """Every way that ``paths`` give, best first; none when no pattern fits."""
    name = bare_name(deployment)
    fitting = next((one for pattern, one in paths if fnmatchcase(name, pattern)), None)
    if fitting is None:
        return ()
    base, family = gateway_base(host, prefix), family_of(name)
    found: dict[str, Place] = {}
    for path in fitting:
        for surface, reserve in _surfaces(path, family):
            place = Place(surface, BRIDGE[surface], name, base + path, reserve=reserve)
            found.setdefault(surface, place)
    native = _NATIVE.get(family)
    if native is not None and native[0] not in found:
        found[native[0]] = _native(native[0], name, base + native[1])
    return tuple(found.values())


def _surfaces(path: str, family: str) -> tuple[tuple[str, bool], ...]:
    """The surfaces that a path may be, each with whether it is only asked after a refusal."""
    names = next((names for ending, names in _ENDINGS if path.endswith(ending)), ("bridge_chat",))
    if len(names) == 2 and family != "gpt":
        names = names[::-1]  # only GPT is held to the rules of Responses there
    return tuple((name, index > 0) for index, name in enumerate(names))


def _native(surface: str, name: str, url: str) -> Place:
    if surface != "bridge_gemini":
        return Place(surface, BRIDGE[surface], name, url)
    urls = gemini_urls(url, name)
    return Place(surface, BRIDGE[surface], name, urls.whole, urls.stream)

"""The providers of claude-code-router 3 in the form that version 2 has for them (ccr.md 8.2)."""

from collections.abc import Callable
from typing import Final, cast
from urllib.parse import urlsplit

from msgspec import Struct

Table = dict[str, object]
Warn = Callable[[str, str], None]
"""Takes a key and what is to be said about it."""

PROTOCOLS: Final = {
    "openai_chat_completions": "openai_chat",
    "openai_responses": "openai_responses",
    "anthropic_messages": "anthropic_messages",
    "gemini_generate_content": "gemini",
}
ENDINGS: Final = {
    "openai_chat": "/chat/completions",
    "openai_responses": "/responses",
    "anthropic_messages": "/v1/messages",
    "gemini": "/v1beta/models",
}
BASES: Final = {"anthropic_messages": ("/v1",), "gemini": ("/v1beta", "/v1")}
"""What a base URL may end in that belongs to the endpoint."""


class Way(Struct, frozen=True):
    """A protocol that a provider speaks, and where."""

    protocol: str
    url: str


class Ported(Struct, frozen=True, kw_only=True):
    """One provider. ``entry`` is version 2's; the rest has no place in that."""

    entry: Table
    ways: tuple[Way, ...]
    headers: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.entry["name"])


def port_providers(settings: Table, warn: Warn) -> list[Ported]:
    """All that are in use, in order; of those with one name the last, as a warning says."""
    found: dict[str, Ported] = {}
    for index, listed in enumerate(as_list(settings.get("Providers"))):
        key = f"Providers[{index}]"
        entry = as_table(listed)
        name = text_in(entry, "name")
        if not name:
            warn(key, "has no name: it is left out")
        elif entry.get("enabled") is False:
            warn(key, f'"{name}" is turned off: it is left out')
        else:
            if name in found:
                warn(key, f'another provider is called "{name}": this one is used')
            found[name] = _port(entry, name, key, warn)
    return list(found.values())


def _port(entry: Table, name: str, key: str, warn: Warn) -> Ported:
    base = text_in(entry, "api_base_url", "baseUrl", "baseurl")
    ways = _ways(entry, base, key, warn)
    ported: Table = {"name": name, "api_base_url": ways[0].url if ways else base}
    ported["api_key"] = _key(entry)
    ported["models"] = [model for model in as_list(entry.get("models")) if isinstance(model, str)]
    if extra := as_table(entry.get("extraBody")):
        ported["transformer"] = {"use": [["customparams", extra]]}
    headers = as_table(entry.get("extraHeaders"))
    pairs = tuple((header, str(value)) for header, value in headers.items() if isinstance(value, str | int))
    return Ported(entry=ported, ways=tuple(ways), headers=pairs)


def _ways(entry: Table, base: str, key: str, warn: Warn) -> list[Way]:
    """The protocols in order: the provider's own type, then what else was found that it can."""
    own = _protocol(text_in(entry, "type"))
    found: dict[str, Way] = {}
    for capability in map(as_table, as_list(entry.get("capabilities"))):
        kind = text_in(capability, "type")
        protocol = PROTOCOLS.get(kind)
        if protocol is None:
            warn(f"{key}.capabilities", f'"{kind}" is not served here: it is left out')
            continue
        place = text_in(capability, "endpoint") or text_in(capability, "baseUrl") or base
        found.setdefault(protocol, Way(protocol, endpoint(place, protocol)))
    if own is not None and own not in found and base:
        found[own] = Way(own, endpoint(base, own))
    return sorted(found.values(), key=lambda way: way.protocol != own)


def _protocol(kind: str) -> str | None:
    """What a type means: one of version 3's words, or an older one that says it by a part."""
    if kind in PROTOCOLS:
        return PROTOCOLS[kind]
    for part, protocol in (
        ("gemini", "gemini"),
        ("anthropic", "anthropic_messages"),
        ("openai", "openai_chat"),
    ):
        if part in kind.lower():
            return protocol
    return None


def endpoint(base: str, protocol: str) -> str:
    """The full address of a protocol at a base URL, as version 2 wants it."""
    base, ending = base.rstrip("/"), ENDINGS[protocol]
    if base.endswith(ending) or "{" in base:
        return base
    for other in (*ENDINGS.values(), "/messages"):
        base = base.removesuffix(other)
    for version in BASES.get(protocol, ()):
        base = base.removesuffix(version)
    bare = not urlsplit(base).path.strip("/")
    if bare and protocol == "openai_chat":
        return base  # the kind of the provider says what comes between
    return base + ("/v1" if bare and protocol == "openai_responses" else "") + ending


def _key(entry: Table) -> str | list[str]:
    """The provider's key, or all that are on: they take turns, whatever their weights."""
    keys = [text_in(entry, "api_key", "apiKey", "apikey")]
    for credential in map(as_table, as_list(entry.get("credentials"))):
        if credential.get("enabled") is not False:
            keys.append(text_in(credential, "api_key", "apiKey", "apikey"))
    usable = list(dict.fromkeys(one for one in keys if one))
    return usable if len(usable) > 1 else "".join(usable)


def text_in(table: Table, *names: str) -> str:
    """The first of some keys that holds a text, without blanks around it; empty when none does."""
    return next(
        (value.strip() for name in names if isinstance(value := table.get(name), str) and value.strip()), ""
    )


def as_table(value: object) -> Table:
    """``value``, or an empty table when it is none."""
    return cast("Table", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    """``value``, or an empty list when it is none."""
    return cast("list[object]", value) if isinstance(value, list) else []

"""Providers that need no code: where they are, how they authenticate, how they deviate."""

from collections.abc import Mapping
from functools import cache
from typing import Literal

import msgspec
from msgspec import Struct

from trunkline.catalog.merge import Layer, merge_layers, to_layer
from trunkline.catalog.resource import read_table
from trunkline.catalog.rules import ModelRule, RuleTable, matching_rules, read_rules, rule_layers

Auth = Literal["bearer", "basic", "api_key", "azure_key", "goog_key", "both", "none"]
"""``bearer`` and ``basic`` go into ``authorization``, ``api_key`` into ``x-api-key``, ``azure_key`` into ``api-key``,
``goog_key`` into ``x-goog-api-key``, ``both`` into ``authorization`` and ``x-api-key``."""


class ProviderEntry(Struct, frozen=True, kw_only=True):
    """One row of the catalog."""

    kind: str
    title: str
    auth: Auth
    env: tuple[str, ...]
    """Where a key usually is, first match wins."""
    key_required: bool
    needs: Literal["nothing", "host", "url", "speaks", "project", "region"]
    """What a user must configure besides the key."""
    speaks: tuple[tuple[str, str], ...]
    """(protocol, base URL) in order of preference."""
    discovery: str | None
    """The address that lists models: whole, or a path under the first base."""
    carries: tuple[str, ...]
    """Operations beside chat, at the same base URL: ``openai_completions``, ``openai_embeddings``."""
    headers: tuple[tuple[str, str], ...]
    extra: str | None
    """The optional part of the package that its usual credentials need."""
    aliases: tuple[str, ...]
    """Other words for this kind."""
    usual: tuple[str, ...]
    """What is usually served, while no list is to be had."""
    open_prefixes: tuple[str, ...]
    """How model ids begin here, listed or not: a provider's own list may be incomplete."""
    note: str
    """What is special, in a line for people."""
    quirks: Mapping[str, Layer]
    """Facts by protocol that hold for every model there."""
    model_rules: tuple[ModelRule, ...]
    """Facts that hold for some models there, later ones over earlier ones."""

    def only(self, model: str) -> frozenset[str]:
        """The only protocols that ``model`` is asked in here; empty: any."""
        return frozenset(name for rule in matching_rules(self.model_rules, model) for name in rule.only)

    def layer(self, model: str, protocol: str) -> Layer:
        """What this provider makes of ``model`` over ``protocol``, over what is known of the model itself."""
        return merge_layers(self.quirks.get(protocol, {}), *rule_layers(self.model_rules, model, protocol))


class _Table(Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    auth: Auth
    env: tuple[str, ...] = ()
    key_required: bool = True
    needs: Literal["nothing", "host", "url", "speaks", "project", "region"] = "nothing"
    extra: str | None = None
    speaks: dict[str, str] = {}
    discovery: str | None = None
    carries: tuple[Literal["completions", "embeddings"], ...] = ()
    headers: dict[str, str] = {}
    aliases: tuple[str, ...] = ()
    usual: tuple[str, ...] = ()
    open_prefixes: tuple[str, ...] = ()
    note: str = ""
    quirks: dict[str, dict[str, object]] = {}
    model: tuple[RuleTable, ...] = ()


@cache
def provider_entries() -> Mapping[str, ProviderEntry]:
    """All entries by kind, in the file's order. Raises ValueError for a broken catalog."""
    return {kind: _entry(kind, table) for kind, table in _tables().items()}


def provider_entry(kind: str) -> ProviderEntry | None:
    """The entry of a kind, which may be called by one of its aliases, in any letter case."""
    return provider_entries().get(_names().get(kind.lower(), kind))


@cache
def _names() -> Mapping[str, str]:
    return {
        alias: entry.kind for entry in provider_entries().values() for alias in (entry.kind, *entry.aliases)
    }


def _tables() -> dict[str, _Table]:
    return msgspec.convert(read_table("providers.toml"), dict[str, _Table])


def _entry(kind: str, table: _Table) -> ProviderEntry:
    return ProviderEntry(
        kind=kind,
        title=table.title,
        auth=table.auth,
        env=table.env,
        key_required=table.key_required,
        needs=table.needs,
        speaks=tuple(table.speaks.items()),
        discovery=table.discovery,
        carries=tuple(f"openai_{name}" for name in table.carries),
        headers=tuple((key.lower(), value) for key, value in table.headers.items()),
        extra=table.extra,
        aliases=table.aliases,
        usual=table.usual,
        open_prefixes=table.open_prefixes,
        note=table.note,
        quirks={
            protocol: to_layer(quirks, f"providers.toml, {kind}.quirks.{protocol}")
            for protocol, quirks in table.quirks.items()
        },
        model_rules=read_rules(table.model, f"providers.toml, {kind}"),
    )

"""Providers that need no code: where they are, how they authenticate, how they deviate."""

from collections.abc import Mapping
from functools import cache
from typing import Literal

import msgspec
from msgspec import Struct

from trunkline.catalog.merge import Layer, to_layer
from trunkline.catalog.resource import read_table

Auth = Literal["bearer", "basic", "api_key", "azure_key", "none"]
"""``bearer`` and ``basic`` go into ``authorization``, ``api_key`` into ``x-api-key``, ``azure_key`` into ``api-key``."""


class ProviderEntry(Struct, frozen=True, kw_only=True):
    """One row of the catalog."""

    kind: str
    title: str
    auth: Auth
    env: tuple[str, ...]
    """Where a key usually is, first match wins."""
    key_required: bool
    needs: Literal["nothing", "host", "url", "speaks"]
    """What a user must configure besides the key."""
    speaks: tuple[tuple[str, str], ...]
    """(protocol, base URL) in order of preference."""
    discovery: str | None
    """The address that lists models: whole, or a path under the first base."""
    carries: tuple[str, ...]
    """Operations beside chat, at the same base URL: ``openai_completions``, ``openai_embeddings``."""
    headers: tuple[tuple[str, str], ...]
    quirks: Mapping[str, Layer]
    """Facts by protocol that hold for every model there."""


class _Table(Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    auth: Auth
    env: tuple[str, ...] = ()
    key_required: bool = True
    needs: Literal["nothing", "host", "url", "speaks"] = "nothing"
    speaks: dict[str, str] = {}
    discovery: str | None = None
    carries: tuple[Literal["completions", "embeddings"], ...] = ()
    headers: dict[str, str] = {}
    quirks: dict[str, dict[str, object]] = {}


@cache
def provider_entries() -> Mapping[str, ProviderEntry]:
    """All entries by kind, in the file's order. Raises ValueError for a broken catalog."""
    return {kind: _entry(kind, table) for kind, table in _tables().items()}


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
        quirks={
            protocol: to_layer(quirks, f"providers.toml, {kind}.quirks.{protocol}")
            for protocol, quirks in table.quirks.items()
        },
    )

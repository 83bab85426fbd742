"""From settings to a provider."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Final

from trunkline.catalog.providers import ProviderEntry, provider_entries, provider_entry
from trunkline.config.schema import ProviderSettings
from trunkline.providers.bedrock.provider import BedrockProvider
from trunkline.providers.catalog_provider import CatalogProvider
from trunkline.providers.databricks.provider import DatabricksProvider
from trunkline.providers.problems import SettingsError
from trunkline.providers.provider import Provider
from trunkline.providers.vertex import VertexProvider

_WITH_BEHAVIOUR: Final[Mapping[str, Callable[[str, ProviderEntry, ProviderSettings], Provider]]] = {
    "bedrock": BedrockProvider,
    "databricks": DatabricksProvider,
    "vertex": VertexProvider,
}
"""Kinds that are more than a row of the catalog."""


def make_provider(name: str, settings: ProviderSettings) -> Provider:
    """The provider a user configured as ``name``.

    Raises SettingsError (a ValueError) whose message names the setting, what is wrong and what to write.
    """
    entries = provider_entries()
    entry = provider_entry(settings.kind)
    if entry is None:
        near = get_close_matches(settings.kind.lower(), entries, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(entries)}"
        raise SettingsError(f"providers.{name}.kind: no kind {settings.kind!r}; {hint}")
    make: Callable[[str, ProviderEntry, ProviderSettings], Provider] = _WITH_BEHAVIOUR.get(
        entry.kind, CatalogProvider
    )
    return make(name, entry, settings)

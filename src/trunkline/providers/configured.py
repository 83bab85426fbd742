"""What every provider with an entry of the catalog has: its name, its entry, and what the user set."""

from trunkline.catalog.providers import ProviderEntry
from trunkline.config.schema import ProviderSettings


class ConfiguredProvider:
    """The part of a provider that its configuration alone tells."""

    def __init__(self, name: str, entry: ProviderEntry, settings: ProviderSettings) -> None:
        self._name = name
        self._entry = entry
        self._settings = settings

    @property
    def name(self) -> str:
        return self._name

    @property
    def kind(self) -> str:
        return self._entry.kind

    @property
    def models(self) -> tuple[str, ...]:
        return self._settings.models

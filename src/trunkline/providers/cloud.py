"""What the providers that are clouds have in common: settings, headers, edits by facts."""

from collections.abc import Callable
from functools import lru_cache

from trunkline.catalog.merge import merge_facts
from trunkline.catalog.models import model_layer
from trunkline.catalog.providers import Auth, ProviderEntry
from trunkline.config.schema import ProviderSettings
from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.http import Headers, HttpHead
from trunkline.core.losses import Loss
from trunkline.providers.configured import ConfiguredProvider
from trunkline.providers.edits import edit_by_facts
from trunkline.providers.headers import Forward, auth_headers, request_headers
from trunkline.providers.learning import learn_from
from trunkline.providers.listing import decode_listing
from trunkline.providers.problems import SettingsError
from trunkline.providers.provider import Lesson, ListedModel, Surface


class CloudProvider(ConfiguredProvider):
    """A provider whose addresses hold a place and a model; ``make`` says which surfaces a deployment has."""

    forward: Forward = "messages"

    def __init__(
        self,
        name: str,
        entry: ProviderEntry,
        settings: ProviderSettings,
        make: Callable[[str], tuple[Surface, ...]],
    ) -> None:
        super().__init__(name, entry, settings)
        self._auth: Auth = entry.auth if settings.auth is None else settings.auth
        self._make = make
        self._surfaces = lru_cache(maxsize=512)(self._chosen)

    def surfaces(self, deployment: str) -> tuple[Surface, ...]:
        return self._surfaces(deployment)

    def _chosen(self, deployment: str) -> tuple[Surface, ...]:
        """All surfaces, or the one that was configured as far as the deployment has it."""
        found = self._make(deployment)
        wanted = tuple(one for one in found if one.name == self._settings.surface)
        return wanted or found

    def carried(self, protocol: str, deployment: str) -> Surface | None:
        return None

    def facts(self, deployment: str, protocol: str) -> Facts:
        """What is known of ``deployment`` here over ``protocol``."""
        return merge_facts(
            Facts(provider=self._name, model=deployment),
            model_layer(deployment, protocol),
            self._entry.layer(deployment, protocol),
        )

    def headers(self, surface: Surface, credential: str | None, client: Headers) -> Headers:
        return request_headers(
            auth_headers(self._auth, credential),
            client,
            surface.facts,
            self.forward if surface.protocol == "anthropic_messages" else "none",
            self._entry.headers + self._settings.headers,
        )

    def edit(self, surface: Surface, body: bytes, client: Headers = ()) -> tuple[bytes, tuple[Loss, ...]]:
        return edit_by_facts(surface, body)

    def read_error(self, surface: Surface, error: GatewayError, head: HttpHead) -> GatewayError:
        return error

    def learn(self, surface: Surface, error: GatewayError) -> Lesson | None:
        return learn_from(surface.protocol, surface.facts, error)

    def decode_discovery(self, body: bytes) -> tuple[ListedModel, ...]:
        return decode_listing(self._name, body)


def check_surface(name: str, settings: ProviderSettings, names: tuple[str, ...]) -> None:
    """Raises SettingsError for a configured surface that no deployment can have."""
    if settings.surface is not None and settings.surface not in names:
        raise SettingsError(
            f"providers.{name}.surface: no surface {settings.surface!r}; there are {', '.join(names)}"
        )

"""Databricks as a provider: hosts, surfaces, rules, errors and lessons in one place."""

from functools import lru_cache
from typing import final
from urllib.parse import urlsplit

from trunkline.catalog.providers import Auth, ProviderEntry
from trunkline.config.schema import ProviderSettings
from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.http import Headers, HttpHead, HttpRequest
from trunkline.core.losses import Loss
from trunkline.providers.address import CARRIED_NAMES
from trunkline.providers.configured import ConfiguredProvider
from trunkline.providers.databricks.discovery import decode_endpoints
from trunkline.providers.databricks.edits import edit_body
from trunkline.providers.databricks.errors import read_error
from trunkline.providers.databricks.hosts import Host, read_host
from trunkline.providers.databricks.learning import learn
from trunkline.providers.databricks.place import form_of, gateway_url
from trunkline.providers.databricks.rules import databricks_facts
from trunkline.providers.databricks.services import PLATFORM, ServiceWalk
from trunkline.providers.databricks.surfaces import PROTOCOL, carried_place, places
from trunkline.providers.headers import auth_headers, request_headers
from trunkline.providers.problems import SettingsError
from trunkline.providers.provider import Lesson, ListedModel, Surface

_CODING_AGENT: Headers = (("x-databricks-use-coding-agent-mode", "true"),)


@final
class DatabricksProvider(ConfiguredProvider):
    """A configured workspace. Raises SettingsError for a host or surface that cannot be."""

    def __init__(self, name: str, entry: ProviderEntry, settings: ProviderSettings) -> None:
        super().__init__(name, entry, settings)
        where = f"providers.{name}.host"
        given = settings.host or settings.url
        if given is None:
            raise SettingsError(
                f"{where}: missing; write the workspace's host, for instance"
                " adb-1234567890123456.7.azuredatabricks.net"
            )
        self._host = read_host(where, given)
        if settings.surface is not None and settings.surface not in PROTOCOL:
            raise SettingsError(
                f"providers.{name}.surface: no surface {settings.surface!r}; there are {', '.join(PROTOCOL)}"
            )
        self._auth: Auth = settings.auth or entry.auth
        org_id = self._host.org_id
        org: Headers = (("x-databricks-org-id", org_id),) if org_id else ()
        self._extra = org + settings.headers
        self._surfaces = lru_cache(maxsize=512)(self._make_surfaces)
        self.carried = lru_cache(maxsize=512)(self._make_carried)

    @property
    def host(self) -> Host:
        """The workspace's address, as it was read."""
        return self._host

    @property
    def pinned(self) -> str:
        """The only surface, or side of it, that is used; empty when all are."""
        return self._settings.surface or self._host.pin or ""

    def get(self, path: str, credential: str | None) -> HttpRequest:
        """A request to the workspace itself, beside the models."""
        return HttpRequest("GET", f"{self._host.base}{path}", self._listing(credential))

    def gateway_models(self, credential: str | None) -> HttpRequest:
        """A request that only a workspace with the AI gateway answers."""
        base = gateway_url(self._host, self._settings.prefix)
        return HttpRequest("GET", f"{base}/anthropic/v1/models", self._listing(credential))

    @property
    def needs_credential(self) -> bool:
        return self._auth != "none"

    def surfaces(self, deployment: str) -> tuple[Surface, ...]:
        return self._surfaces(deployment)

    def _make_surfaces(self, deployment: str) -> tuple[Surface, ...]:
        found = places(
            self._host,
            deployment,
            prefix=self._settings.prefix,
            surface=self._settings.surface,
            paths=self._settings.paths,
        )
        return tuple(
            Surface(
                name=place.name,
                protocol=place.protocol,
                deployment=place.deployment,
                url=place.url,
                stream_url=place.stream_url,
                reserve=place.reserve,
                facts=databricks_facts(self._name, deployment, place.protocol, place.name),
            )
            for place in found
        )

    def _make_carried(self, protocol: str, deployment: str) -> Surface | None:
        place = carried_place(self._host, protocol, deployment, prefix=self._settings.prefix)
        if place is None:
            return None
        return Surface(
            name=place.name,
            protocol=protocol,
            deployment=place.deployment,
            url=place.url,
            facts=Facts(provider=self._name, model=deployment),
        )

    def headers(self, surface: Surface, credential: str | None, client: Headers) -> Headers:
        messages = surface.protocol == "anthropic_messages"
        return request_headers(
            auth_headers(self._auth, credential),
            client,
            surface.facts,
            "messages" if messages else "none",
            self._extra + _CODING_AGENT if messages else self._extra,
        )

    def edit(self, surface: Surface, body: bytes, client: Headers = ()) -> tuple[bytes, tuple[Loss, ...]]:
        if surface.protocol in CARRIED_NAMES:
            return body, ()
        return edit_body(body, form_of(surface.protocol), surface.facts)

    def read_error(self, surface: Surface, error: GatewayError, head: HttpHead) -> GatewayError:
        host = urlsplit(surface.url).netloc
        return read_error(error, head, host=host, deployment=surface.facts.model)

    def learn(self, surface: Surface, error: GatewayError) -> Lesson | None:
        offered = frozenset(other.name for other in self.surfaces(surface.facts.model))
        return learn(surface, error, offered)

    def discovery(self, credential: str | None) -> HttpRequest | None:
        if self._host.dedicated or self._entry.discovery is None:
            return None  # a gateway's own host has no control plane (databricks.md 1.5)
        return self.get(self._entry.discovery, credential)

    def services(self, credential: str | None) -> tuple[ServiceWalk, ...]:
        """The lists of Unity Catalog model services; none where the gateway could not be asked for them."""
        if self._host.dedicated or not self._host.system_ai or self.pinned.startswith("serving"):
            return ()
        headers = self._listing(credential)
        return tuple(ServiceWalk(self._host.base, headers, parent) for parent in (PLATFORM, None))

    def _listing(self, credential: str | None) -> Headers:
        return (("accept", "application/json"), *auth_headers(self._auth, credential), *self._extra)

    def decode_discovery(self, body: bytes) -> tuple[ListedModel, ...]:
        return decode_endpoints(body)

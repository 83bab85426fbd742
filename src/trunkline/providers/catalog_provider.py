"""Every provider that is a row of the catalog: no code of its own."""

from functools import lru_cache
from typing import Final, final

from trunkline.catalog.merge import merge_facts
from trunkline.catalog.models import model_layer
from trunkline.catalog.providers import Auth, ProviderEntry
from trunkline.config.schema import ProviderSettings
from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.http import Headers, HttpHead, HttpRequest
from trunkline.core.losses import Loss
from trunkline.providers.address import (
    CARRIED_NAMES,
    ENDPOINTS,
    beside_chat,
    check_url,
    endpoint_url,
    gemini_models,
    gemini_urls,
    in_path,
)
from trunkline.providers.configured import ConfiguredProvider
from trunkline.providers.edits import edit_by_facts
from trunkline.providers.headers import USER_AGENT, Forward, auth_headers, request_headers
from trunkline.providers.key_refusals import refused_key
from trunkline.providers.learning import learn_from, wants_responses
from trunkline.providers.listing import decode_listing
from trunkline.providers.problems import SettingsError
from trunkline.providers.provider import Lesson, ListedModel, Surface, Switched

SURFACE_NAMES: Final = {
    "openai_chat": "chat",
    "openai_responses": "responses",
    "anthropic_messages": "messages",
    "gemini": "gemini",
}
"""What a surface is called here, by protocol; a provider has one of each at the most."""
NO_FACTS: Final = Facts()


@final
class CatalogProvider(ConfiguredProvider):
    """A provider made of its catalog entry and the user's settings. Raises SettingsError for wrong ones."""

    def __init__(self, name: str, entry: ProviderEntry, settings: ProviderSettings) -> None:
        super().__init__(name, entry, settings)
        self._auth: Auth = _auth(entry, settings)
        self._speaks = _speaks(name, entry, settings)
        self._forward: dict[str, Forward] = {
            "anthropic_messages": "verbatim" if entry.kind == "anthropic" else "messages",
            "openai_responses": "codex" if entry.kind in ("openai", "azure") else "none",
        }
        self._surfaces = lru_cache(maxsize=512)(self._make_surfaces)
        self.carried = lru_cache(maxsize=512)(self._make_carried)
        self._own_headers = lru_cache(maxsize=16)(self._make_own_headers)

    @property
    def needs_credential(self) -> bool:
        if self._auth == "none":
            return False
        return self._entry.key_required or self._settings.credential is not None

    def surfaces(self, deployment: str) -> tuple[Surface, ...]:
        return self._surfaces(deployment)

    def _make_surfaces(self, deployment: str) -> tuple[Surface, ...]:
        chosen = [
            (protocol, configured)
            for protocol, configured in self._speaks
            if protocol not in CARRIED_NAMES and self._settings.surface in (None, SURFACE_NAMES[protocol])
        ]
        only = self._entry.only(deployment)
        chosen = [pair for pair in chosen if pair[0] in only] or chosen
        return tuple(self._surface(protocol, configured, deployment) for protocol, configured in chosen)

    def _surface(self, protocol: str, configured: str, deployment: str) -> Surface:
        if "{model}" in configured:
            configured = configured.replace("{model}", in_path(deployment))
        stream_url = count_url = None
        if protocol == "gemini":
            url, stream_url, count_url = gemini_urls(configured, deployment)
        else:
            url = endpoint_url(protocol, configured)
            if protocol == "anthropic_messages" and self._entry.kind == "anthropic":
                count_url = f"{url}/count_tokens"
        return Surface(
            name=SURFACE_NAMES[protocol],
            protocol=protocol,
            deployment=deployment,
            url=url,
            stream_url=stream_url,
            count_url=count_url,
            facts=merge_facts(
                Facts(provider=self._name, model=deployment),
                model_layer(deployment, protocol),
                self._entry.layer(deployment, protocol),
            ),
        )

    def _make_carried(self, protocol: str, deployment: str) -> Surface | None:
        speaks = dict(self._speaks)
        configured, chat = speaks.get(protocol), speaks.get("openai_chat")
        if configured is not None:
            url = endpoint_url(protocol, configured)
        elif chat is not None and protocol in self._entry.carries:
            url = beside_chat(protocol, chat)
        else:
            return None
        return Surface(
            name=CARRIED_NAMES[protocol],
            protocol=protocol,
            deployment=deployment,
            url=url.replace("{model}", in_path(deployment)) if "{model}" in url else url,
            facts=Facts(provider=self._name, model=deployment),
        )

    def headers(self, surface: Surface, credential: str | None, client: Headers) -> Headers:
        forward = self._forward.get(surface.protocol, "none")
        if forward == "none":
            return self._own_headers(surface.protocol, credential)
        return request_headers(
            auth_headers(self._auth_of(surface.protocol), credential),
            client,
            surface.facts,
            forward,
            self._entry.headers + self._settings.headers,
        )

    def _make_own_headers(self, protocol: str, credential: str | None) -> Headers:
        """Those where none of the client's goes along."""
        auth = auth_headers(self._auth_of(protocol), credential)
        return request_headers(auth, (), NO_FACTS, "none", self._entry.headers + self._settings.headers)

    def _auth_of(self, protocol: str) -> Auth:
        """A user's own Gemini address gets its key where that protocol has it, unless told otherwise."""
        auth = self._settings.auth
        own = self._entry.needs == "speaks" if auth is None else auth == "api_key"
        return "goog_key" if protocol == "gemini" and own else self._auth

    def edit(self, surface: Surface, body: bytes, client: Headers = ()) -> tuple[bytes, tuple[Loss, ...]]:
        return edit_by_facts(surface, body)

    def read_error(self, surface: Surface, error: GatewayError, head: HttpHead) -> GatewayError:
        return refused_key(error)

    def learn(self, surface: Surface, error: GatewayError) -> Lesson | None:
        if (
            surface.protocol == "openai_chat"
            and wants_responses(error)
            and "openai_responses" in dict(self._speaks)
        ):
            return Switched(SURFACE_NAMES["openai_responses"], "the model takes Responses only")
        return learn_from(surface.protocol, surface.facts, error)

    def discovery(self, credential: str | None) -> HttpRequest | None:
        path = self._entry.discovery
        if path is None or not self._speaks:
            return None
        protocol, configured = self._speaks[0]
        if "{model}" in configured:
            return None
        if protocol == "gemini" and "://" not in path:
            url = gemini_models(configured) + (path if path.startswith("?") else "")
        else:
            base = configured.partition("?")[0].rstrip("/").removesuffix(ENDPOINTS[protocol])
            url = path if "://" in path else f"{base}{path}"
        headers: Headers = (("accept", "application/json"), ("user-agent", USER_AGENT))
        headers += (
            auth_headers(self._auth_of(protocol), credential) + self._entry.headers + self._settings.headers
        )
        if self._entry.kind == "anthropic":
            headers += (("anthropic-version", "2023-06-01"),)
        return HttpRequest("GET", url, headers)

    def decode_discovery(self, body: bytes) -> tuple[ListedModel, ...]:
        return decode_listing(self._name, body)


def _auth(entry: ProviderEntry, settings: ProviderSettings) -> Auth:
    if settings.auth is None:
        return entry.auth
    # "api_key" means the header this provider knows as such.
    return entry.auth if settings.auth == "api_key" and entry.auth.endswith("_key") else settings.auth


def _speaks(name: str, entry: ProviderEntry, settings: ProviderSettings) -> tuple[tuple[str, str], ...]:
    """(protocol, base or endpoint URL), checked."""
    where = f"providers.{name}"
    speaks = settings.speaks or _from_url(where, entry, settings)
    if not speaks:
        missing = "url" if entry.needs == "url" else "speaks"
        example = (
            "https://RESOURCE.openai.azure.com"
            if entry.needs == "url"
            else '{openai_chat: "http://127.0.0.1:8000/v1"}'
        )
        raise SettingsError(
            f"{where}.{missing}: missing for kind {entry.kind}; write for instance {example}"
        )
    for protocol, _ in speaks:
        if protocol not in ENDPOINTS:
            raise SettingsError(
                f"{where}.speaks: no protocol {protocol!r}; there are {', '.join(sorted(ENDPOINTS))}"
            )
    checked = tuple((protocol, check_url(f"{where}.speaks.{protocol}", url)) for protocol, url in speaks)
    if settings.surface is not None and settings.surface not in {SURFACE_NAMES[one] for one, _ in checked}:
        names = ", ".join(SURFACE_NAMES[one] for one, _ in checked)
        raise SettingsError(f"{where}.surface: no surface {settings.surface!r}; there are {names}")
    return checked


def _from_url(where: str, entry: ProviderEntry, settings: ProviderSettings) -> tuple[tuple[str, str], ...]:
    given = settings.url or settings.host
    if given is None:
        return entry.speaks
    base = check_url(f"{where}.url", given if "://" in given else f"https://{given}")
    if entry.kind == "azure":
        return azure_urls(base, settings.api_version)
    if base.count("/") > 2:  # it has a path: that of the first protocol
        return tuple((protocol, base) for protocol, _ in entry.speaks[:1]) or (("openai_chat", base),)
    return tuple((protocol, _moved(default, base)) for protocol, default in entry.speaks) or (
        ("openai_chat", base),
    )


def _moved(default: str, base: str) -> str:
    """A catalog URL on the user's own host."""
    _, slash, path = default.partition("://")[2].partition("/")
    return base + slash + path


def azure_urls(base: str, api_version: str | None) -> tuple[tuple[str, str], ...]:
    """Azure's addresses: chat by deployment with an API version, the ``v1`` form without one. Responses
    are there in the ``v1`` form, whose model is in the body, for every resource."""
    if "/chat/completions" in base:
        return (("openai_chat", base),)
    root = base.partition("/openai")[0]
    chat = f"{root}/openai/v1"
    if api_version is not None:
        chat = f"{root}/openai/deployments/{{model}}/chat/completions?api-version={api_version}"
    return (("openai_chat", chat), ("openai_responses", f"{root}/openai/v1"))

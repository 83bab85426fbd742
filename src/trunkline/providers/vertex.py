"""Google's Vertex AI: Gemini in its own protocol, Claude in its own, everything else over Chat.

Sources: cloud.google.com/vertex-ai, generateContent, "Claude on Vertex AI" (rawPredict, anthropic_version), locations
and endpoints, OpenAI-compatible endpoint; 2026-09. Paths and bodies as recorded of Google's and Anthropic's SDKs.
"""

from typing import Final, final
from urllib.parse import quote

from trunkline.catalog.names import family_of
from trunkline.catalog.providers import ProviderEntry
from trunkline.config.schema import ProviderSettings
from trunkline.core.http import Headers, HttpRequest
from trunkline.core.losses import Loss
from trunkline.providers.address import check_url
from trunkline.providers.cloud import CloudProvider, check_surface
from trunkline.providers.draft import Draft
from trunkline.providers.problems import SettingsError
from trunkline.providers.provider import Surface

VERSION: Final = "vertex-2023-10-16"
GLOBAL: Final = "global"
MULTI: Final = frozenset({"us", "eu"})
SURFACES: Final = ("gemini", "messages", "chat")


@final
class VertexProvider(CloudProvider):
    """A project at a location. Raises SettingsError for wrong settings."""

    def __init__(self, name: str, entry: ProviderEntry, settings: ProviderSettings) -> None:
        super().__init__(name, entry, settings, self._make_surfaces)
        if not settings.project:
            raise SettingsError(
                f"providers.{name}.project: missing for kind vertex; write your Google Cloud project's id, or set"
                " GOOGLE_CLOUD_PROJECT"
            )
        check_surface(name, settings, SURFACES)
        location = settings.region or GLOBAL
        root = settings.url or settings.host or _host(location)
        self._root = check_url(f"providers.{name}.url", root if "://" in root else f"https://{root}")
        self._place = f"projects/{quote(settings.project, safe=':.-')}/locations/{location}"

    @property
    def needs_credential(self) -> bool:
        return self._auth != "none"

    def _make_surfaces(self, deployment: str) -> tuple[Surface, ...]:
        match family_of(deployment):
            case "gemini":
                return (self._gemini(deployment),)
            case "claude":
                return (self._claude(deployment),)
            case _:
                return (self._chat(deployment),)

    def _gemini(self, deployment: str) -> Surface:
        base = f"{self._root}/v1beta1/{self._place}/publishers/google/models/{_model(deployment)}"
        return Surface(
            name="gemini",
            protocol="gemini",
            deployment=deployment,
            url=f"{base}:generateContent",
            stream_url=f"{base}:streamGenerateContent?alt=sse",
            count_url=f"{base}:countTokens",
            facts=self.facts(deployment, "gemini"),
        )

    def _claude(self, deployment: str) -> Surface:
        base = f"{self._root}/v1/{self._place}/publishers/anthropic/models/{_model(deployment)}"
        return Surface(
            name="messages",
            protocol="anthropic_messages",
            deployment=deployment,
            url=f"{base}:rawPredict",
            stream_url=f"{base}:streamRawPredict",
            facts=self.facts(deployment, "anthropic_messages"),
        )

    def _chat(self, deployment: str) -> Surface:
        return Surface(
            name="chat",
            protocol="openai_chat",
            deployment=deployment,
            url=f"{self._root}/v1beta1/{self._place}/endpoints/openapi/chat/completions",
            facts=self.facts(deployment, "openai_chat"),
        )

    def edit(self, surface: Surface, body: bytes, client: Headers = ()) -> tuple[bytes, tuple[Loss, ...]]:
        """Claude's model is in the address, its version in the body."""
        body, losses = super().edit(surface, body, client)
        if surface.protocol != "anthropic_messages":
            return body, losses
        draft = Draft(body)
        draft.drop("model")
        draft.put("anthropic_version", VERSION)
        body, more = draft.finish()
        return body, (*losses, *more)

    def discovery(self, credential: str | None) -> HttpRequest | None:
        """None: Vertex lists the models of everybody, not those that a project may ask."""
        return None


def _model(deployment: str) -> str:
    return quote(deployment.removeprefix("models/").rpartition("/")[2], safe="@.-")


def _host(location: str) -> str:
    if location == GLOBAL:
        return "aiplatform.googleapis.com"
    if location in MULTI:
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"

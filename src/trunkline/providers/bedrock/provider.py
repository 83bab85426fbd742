"""Bedrock as a provider: Claude's own protocol first where a model is one, Converse for all.

Sources: docs.aws.amazon.com/bedrock, InvokeModel, Converse, "Anthropic Claude Messages API", API keys; 2026-06.
"""

from typing import Final, final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from trunkline.catalog.names import family_of
from trunkline.catalog.providers import ProviderEntry
from trunkline.config.schema import ProviderSettings
from trunkline.core.aws_eventstream import MEDIA_TYPE
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.framing import Framing
from trunkline.core.http import Headers, HttpHead, HttpRequest
from trunkline.core.losses import Loss
from trunkline.protocols.bedrock_converse import ConverseUnframer, refine
from trunkline.providers.address import check_url
from trunkline.providers.bedrock.frames import ClaudeUnframer
from trunkline.providers.cloud import CloudProvider, check_surface
from trunkline.providers.draft import Draft
from trunkline.providers.edit_fields import drop_paths
from trunkline.providers.headers import (
    USER_AGENT,
    Forward,
    auth_headers,
    beta_allowed,
    fields_of_beta,
    split_betas,
)
from trunkline.providers.problems import SettingsError
from trunkline.providers.provider import ListedModel, Surface

VERSION: Final = "bedrock-2023-05-31"
SURFACES: Final = ("messages", "converse")
CLAUDE: Final = Framing(MEDIA_TYPE, ClaudeUnframer)
CONVERSE: Final = Framing(MEDIA_TYPE, ConverseUnframer)


class _Profile(Struct, rename="camel"):
    inference_profile_id: str = ""
    inference_profile_name: str | None = None


class _Profiles(Struct, rename="camel"):
    inference_profile_summaries: list[_Profile] = []


_PROFILES: Final = msgspec.json.Decoder(_Profiles)


@final
class BedrockProvider(CloudProvider):
    """The models of one region. Raises SettingsError for wrong settings."""

    forward: Forward = "none"  # Claude's betas stand in the body

    def __init__(self, name: str, entry: ProviderEntry, settings: ProviderSettings) -> None:
        super().__init__(name, entry, settings, self._make_surfaces)
        region = settings.region
        if not region:
            raise SettingsError(
                f"providers.{name}.region: missing for kind bedrock; write for instance us-east-1, or set AWS_REGION"
            )
        check_surface(name, settings, SURFACES)
        given = settings.url or settings.host
        root = given or f"bedrock-runtime.{region}.amazonaws.com"
        self._root = check_url(f"providers.{name}.url", root if "://" in root else f"https://{root}")
        self._lists = self._root if given else f"https://bedrock.{region}.amazonaws.com"

    @property
    def needs_credential(self) -> bool:
        """Never one that stands in a header: a request may be signed instead."""
        return False

    def _make_surfaces(self, deployment: str) -> tuple[Surface, ...]:
        base = f"{self._root}/model/{quote(deployment, safe='')}"
        converse = Surface(
            name="converse",
            protocol="bedrock_converse",
            deployment=deployment,
            url=f"{base}/converse",
            stream_url=f"{base}/converse-stream",
            framing=CONVERSE,
            signed=True,
            facts=self.facts(deployment, "bedrock_converse"),
        )
        if family_of(deployment) != "claude":
            return (converse,)
        messages = Surface(
            name="messages",
            protocol="anthropic_messages",
            deployment=deployment,
            url=f"{base}/invoke",
            stream_url=f"{base}/invoke-with-response-stream",
            framing=CLAUDE,
            signed=True,
            facts=self.facts(deployment, "anthropic_messages"),
        )
        return (messages, converse)

    def edit(self, surface: Surface, body: bytes, client: Headers = ()) -> tuple[bytes, tuple[Loss, ...]]:
        """Claude's model and stream are in the address, its version and betas in the body."""
        body, losses = super().edit(surface, body, client)
        if surface.protocol != "anthropic_messages":
            return body, losses
        draft = Draft(body)
        draft.drop("model")
        draft.drop("stream")
        draft.put("anthropic_version", VERSION)
        _put_betas(draft, surface, client)
        body, more = draft.finish()
        return body, (*losses, *more)

    def read_error(self, surface: Surface, error: GatewayError, head: HttpHead) -> GatewayError:
        """AWS names its errors in a header, whatever the body is."""
        return refine(error, head)

    def discovery(self, credential: str | None) -> HttpRequest | None:
        """The inference profiles of the region; models that need none are asked by their ids all the same."""
        headers: Headers = (("accept", "application/json"), ("user-agent", USER_AGENT))
        headers += auth_headers(self._auth, credential) + self._settings.headers
        return HttpRequest("GET", f"{self._lists}/inference-profiles?maxResults=1000", headers)

    def decode_discovery(self, body: bytes) -> tuple[ListedModel, ...]:
        try:
            found = _PROFILES.decode(body).inference_profile_summaries
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            message = f"{self._name}: the list of inference profiles is unreadable: {cause}"
            raise GatewayError(Kind.UPSTREAM_FAILED, message) from cause
        return tuple(
            ListedModel(one.inference_profile_id, one.inference_profile_name)
            for one in found
            if one.inference_profile_id
        )


def _put_betas(draft: Draft, surface: Surface, client: Headers) -> None:
    """The client's betas that Bedrock takes; fields that need another one go with it (E111)."""
    asked = [beta for key, value in client if key == "anthropic-beta" for beta in split_betas(value)]
    taken = [beta for beta in asked if beta_allowed(beta, surface.facts)]
    for beta in asked:
        if beta not in taken:
            for path in fields_of_beta(beta):
                if "." in path:
                    drop_paths(draft, (path,))
                else:
                    draft.drop(path, "Bedrock does not take the beta it needs")
    if taken and draft.raw("anthropic_beta") is None:
        draft.put("anthropic_beta", list(dict.fromkeys(taken)))

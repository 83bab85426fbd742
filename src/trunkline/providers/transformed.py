"""A provider with transforms: what they change of its facts and of the bodies it is sent.

What they change of a request before it is encoded, and of answers, is in :mod:`trunkline.transforms`.
"""

from collections.abc import Mapping, Set
from functools import lru_cache
from typing import Final, final

from msgspec.structs import replace

from trunkline.catalog.merge import Layer, merge_facts
from trunkline.catalog.providers import provider_entry
from trunkline.config.schema import ProviderSettings, Transform
from trunkline.config.transforms import NO_PLUGINS, transforms_for
from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.http import Headers, HttpHead, HttpRequest
from trunkline.core.losses import Loss
from trunkline.providers.draft import Draft
from trunkline.providers.provider import Lesson, ListedModel, Provider, Surface
from trunkline.providers.transform_fields import EDITS, Edit

_GENERATION: Final = frozenset(
    {"openai_chat", "openai_responses", "anthropic_messages", "gemini", "bedrock_converse"}
)
_LIKE: Final = ("groq", "cerebras", "openrouter")
"""Transforms that make a provider take what the catalog's entry of that name takes."""
_ANSWERS: Final = frozenset({"tooluse", "enhancetool", "forcereasoning", "extrathinktag"})
"""Transforms of answers, which are read and written anew even for a client of the same protocol."""
_CHAT: Final[Mapping[str, Layer]] = {
    "maxcompletiontokens": {"max_tokens_field": "max_completion_tokens"},
    "streamoptions": {"stream_options": True},
    "reasoning": {"reasoning_switch": "both"},
}


@final
class TransformedProvider:
    """``inner`` with the transforms of its settings. Everything else is its own.

    ``plugins``: names that plugins have, which may be those of built-ins; known before the first request.
    """

    def __init__(self, inner: Provider, settings: ProviderSettings, plugins: Set[str] = NO_PLUGINS) -> None:
        self._inner = inner
        self._plugins = plugins
        self._settings = settings
        self._surfaces = lru_cache(maxsize=512)(self._make_surfaces)
        self._edits = lru_cache(maxsize=512)(self._make_edits)

    @property
    def inner(self) -> Provider:
        """The provider without its transforms."""
        return self._inner

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def kind(self) -> str:
        return self._inner.kind

    @property
    def models(self) -> tuple[str, ...]:
        return self._inner.models

    @property
    def needs_credential(self) -> bool:
        return self._inner.needs_credential

    def surfaces(self, deployment: str) -> tuple[Surface, ...]:
        return self._surfaces(deployment)

    def _make_surfaces(self, deployment: str) -> tuple[Surface, ...]:
        transforms = transforms_for(self._settings, deployment, self._plugins)
        return tuple(
            replace(surface, facts=self._facts(surface, transforms))
            for surface in self._inner.surfaces(deployment)
        )

    def _facts(self, surface: Surface, transforms: tuple[Transform, ...]) -> Facts:
        facts = surface.facts
        for one in transforms:
            if one.name in _LIKE and one.name != self.kind:
                entry = provider_entry(one.name)
                assert entry is not None
                facts = merge_facts(facts, entry.layer(surface.facts.model, surface.protocol))
            if surface.protocol == "openai_chat":
                facts = merge_facts(facts, self._chat_layer(one, surface))
            if one.name in _ANSWERS:
                facts = replace(facts, dialect=True)
        return facts

    def _chat_layer(self, one: Transform, surface: Surface) -> Layer:
        match one.name:
            case "deepseek" if surface.facts.reasoning_history == "none":
                return {"reasoning_history": "reasoning_content", "reasoning_required": True}
            case "openrouter" | "vercel":
                return {"cache_marks": "claude" in surface.facts.model.lower()}
            case _:
                return _CHAT.get(one.name, {})

    def carried(self, protocol: str, deployment: str) -> Surface | None:
        return self._inner.carried(protocol, deployment)

    def headers(self, surface: Surface, credential: str | None, client: Headers) -> Headers:
        return self._inner.headers(surface, credential, client)

    def edit(self, surface: Surface, body: bytes, client: Headers = ()) -> tuple[bytes, tuple[Loss, ...]]:
        """The provider's own edits, then those of the transforms in their order; a body to be counted gets none."""
        body, losses = self._inner.edit(surface, body, client)
        edits = self._edits(surface.facts.model)
        if not edits or surface.protocol not in _GENERATION or surface.url == surface.count_url:
            return body, losses
        draft = Draft(body)
        for edit, one in edits:
            edit(draft, surface, one.options)
        body, more = draft.finish()
        return body, (*losses, *more)

    def _make_edits(self, deployment: str) -> tuple[tuple[Edit, Transform], ...]:
        transforms = transforms_for(self._settings, deployment, self._plugins)
        return tuple((EDITS[one.name], one) for one in transforms if one.name in EDITS)

    def read_error(self, surface: Surface, error: GatewayError, head: HttpHead) -> GatewayError:
        return self._inner.read_error(surface, error, head)

    def learn(self, surface: Surface, error: GatewayError) -> Lesson | None:
        return self._inner.learn(surface, error)

    def discovery(self, credential: str | None) -> HttpRequest | None:
        return self._inner.discovery(credential)

    def decode_discovery(self, body: bytes) -> tuple[ListedModel, ...]:
        return self._inner.decode_discovery(body)

"""The list of models, in the shape of whoever asks: Anthropic's, OpenAI's or Gemini's."""

import re
from collections.abc import Callable, Sequence
from typing import Final, Literal

import msgspec
from msgspec import Struct

from trunkline.config.nearest import did_you_mean
from trunkline.core.errors import GatewayError, Kind
from trunkline.providers.provider import ListedModel

UNKNOWN_DATE: Final = "1970-01-01T00:00:00Z"
"""Anthropic's own stand-in for a model whose release date is not known."""

_PICKED: Final = re.compile("claude|anthropic", re.IGNORECASE)
"""Claude Code's model picker hides every id without one of these words (clients.md 2)."""

_ENCODER: Final = msgspec.json.Encoder()


class AnthropicModel(Struct, frozen=True):
    id: str
    display_name: str
    created_at: str = UNKNOWN_DATE
    type: Literal["model"] = "model"


class AnthropicList(Struct, frozen=True):
    data: list[AnthropicModel]
    has_more: bool
    first_id: str | None
    last_id: str | None


class OpenAIModel(Struct, frozen=True):
    id: str
    owned_by: str
    created: int = 0
    object: Literal["model"] = "model"


class OpenAIList(Struct, frozen=True):
    data: list[OpenAIModel]
    object: Literal["list"] = "list"


class GeminiModel(Struct, frozen=True, rename="camel"):
    name: str
    display_name: str
    version: str = ""
    supported_generation_methods: tuple[str, ...] = (
        "generateContent",
        "streamGenerateContent",
        "countTokens",
    )


class GeminiList(Struct, frozen=True):
    models: list[GeminiModel]


def encode_list(models: Sequence[ListedModel], protocol: str) -> bytes:
    """All models, on one page."""
    if protocol == "gemini":
        return _ENCODER.encode(GeminiList([_gemini(model) for model in models]))
    if protocol != "anthropic_messages":
        return _ENCODER.encode(OpenAIList([_openai(model) for model in models]))
    data = [_anthropic(model) for model in models]
    data += [_picked(model) for model in models if not _PICKED.search(model.id)]
    return _ENCODER.encode(
        AnthropicList(
            data=data,
            has_more=False,
            first_id=data[0].id if data else None,
            last_id=data[-1].id if data else None,
        )
    )


def encode_model(models: Sequence[ListedModel], name: str, protocol: str) -> bytes:
    """One model by its id. Raises GatewayError (NOT_FOUND) naming the nearest."""
    shape = _SHAPES.get(protocol, _openai)
    for model in models:
        if name in (model.id, f"anthropic/{model.id}"):
            return _ENCODER.encode(shape(model))
    hint = did_you_mean(name[:200], (model.id for model in models))
    raise GatewayError(Kind.NOT_FOUND, f"There is no model {name[:200]!r} here.{hint}", should_retry=False)


def _anthropic(model: ListedModel) -> AnthropicModel:
    return AnthropicModel(id=model.id, display_name=model.display_name or model.id)


def _picked(model: ListedModel) -> AnthropicModel:
    """The same model under a name that Claude Code's picker shows; routing takes the prefix off."""
    return AnthropicModel(id=f"anthropic/{model.id}", display_name=model.display_name or model.id)


def _openai(model: ListedModel) -> OpenAIModel:
    provider, slash, _ = model.id.partition("/")
    return OpenAIModel(id=model.id, owned_by=provider if slash else "trunkline")


def _gemini(model: ListedModel) -> GeminiModel:
    return GeminiModel(name=f"models/{model.id}", display_name=model.display_name or model.id)


_SHAPES: Final[dict[str, Callable[[ListedModel], Struct]]] = {
    "anthropic_messages": _anthropic,
    "gemini": _gemini,
}

"""Lists of models, in the shapes that vendors answer with."""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from trunkline.core.errors import GatewayError, Kind
from trunkline.providers.provider import ListedModel

_GENERATES: Final = "generateContent"


class _Model(Struct, rename="camel"):
    """OpenAI and Anthropic name a model by ``id``, Google and Ollama by ``name``."""

    id: str | None = None
    name: str | None = None
    display_name: str | None = None
    display_name_snake: str | None = msgspec.field(default=None, name="display_name")
    supported_generation_methods: list[str] | None = None


class _Listing(Struct):
    data: list[_Model] | None = None
    models: list[_Model] | None = None


_OBJECT: Final = msgspec.json.Decoder(_Listing)
_ARRAY: Final = msgspec.json.Decoder(list[_Model])


def decode_listing(provider: str, body: bytes) -> tuple[ListedModel, ...]:
    """The models of an answer: under ``data``, under ``models``, or a bare array (Together, GitHub).

    Raises GatewayError (UPSTREAM_FAILED) for anything else.
    """
    try:
        if body.lstrip()[:1] == b"[":
            return tuple(_listed(_ARRAY.decode(body)))
        listing = _OBJECT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        message = f"{provider}: the list of models is unreadable: {cause}"
        raise GatewayError(Kind.UPSTREAM_FAILED, message) from cause
    return tuple(_listed(listing.data or listing.models or []))


def _listed(models: list[_Model]) -> Iterator[ListedModel]:
    for model in models:
        methods = model.supported_generation_methods
        if methods is not None and _GENERATES not in methods:  # Google lists embedders and others too
            continue
        shown = model.display_name or model.display_name_snake
        if model.id:
            yield ListedModel(model.id, shown or model.name)
        elif model.name:
            yield ListedModel(model.name.removeprefix("models/"), shown)

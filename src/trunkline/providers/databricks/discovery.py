"""The models a workspace serves (databricks.md 6.1)."""

from typing import Final

import msgspec
from msgspec import Struct

from trunkline.catalog.names import family_key
from trunkline.core.errors import GatewayError, Kind
from trunkline.providers.provider import ListedModel

_TASKS: Final = frozenset({"llm/v1/chat", "agent/v1/chat"})
"""Tasks that answer chat requests. Agents of the other kinds speak Responses."""


class State(Struct):
    """How an endpoint is; READY says nothing of who may ask it."""

    ready: str | None = None
    config_update: str | None = None
    suspend: str | None = None


class _FoundationModel(Struct):
    name: str | None = None
    display_name: str | None = None


class _ExternalModel(Struct):
    name: str | None = None


class _Entity(Struct):
    foundation_model: _FoundationModel | None = None
    external_model: _ExternalModel | None = None


class _Config(Struct):
    served_entities: list[_Entity] | None = None


class Endpoint(Struct):
    """A serving endpoint as it is listed, as far as we read it."""

    name: str
    task: str | None = None
    state: State | None = None
    permission_level: str | None = None
    config: _Config | None = None

    @property
    def generates(self) -> bool:
        """It answers chat requests."""
        return self.task in _TASKS

    @property
    def ready(self) -> bool:
        return self.state is not None and self.state.ready == "READY"


class _Listing(Struct):
    endpoints: list[Endpoint] | None = None


_LISTING: Final = msgspec.json.Decoder(_Listing)


def read_endpoints(body: bytes) -> list[Endpoint]:
    """All endpoints of a listing. Raises GatewayError (UPSTREAM_FAILED) for anything else."""
    try:
        return _LISTING.decode(body).endpoints or []
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise GatewayError(
            Kind.UPSTREAM_FAILED, f"the list of serving endpoints is unreadable: {cause}"
        ) from cause


def decode_endpoints(body: bytes) -> tuple[ListedModel, ...]:
    """The READY chat endpoints of a listing. Raises GatewayError (UPSTREAM_FAILED) for anything else."""
    return tuple(
        ListedModel(endpoint.name, _display_name(endpoint), _base(endpoint))
        for endpoint in read_endpoints(body)
        if endpoint.generates and endpoint.ready
    )


def _base(endpoint: Endpoint) -> str | None:
    """What a user's endpoint asks: a name chosen by its user may hide the family (databricks.md 6.1)."""
    entities = (endpoint.config.served_entities if endpoint.config else None) or []
    named = (entity.external_model or entity.foundation_model for entity in entities)
    base = next((model.name for model in named if model is not None and model.name), None)
    return None if base is None or family_key(base) == family_key(endpoint.name) else base


def _display_name(endpoint: Endpoint) -> str | None:
    entities = (endpoint.config.served_entities if endpoint.config else None) or []
    models = (entity.foundation_model for entity in entities)
    return next((model.display_name for model in models if model is not None and model.display_name), None)

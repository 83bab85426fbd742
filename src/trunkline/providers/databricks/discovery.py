"""The models a workspace serves (databricks.md 6.1)."""

from typing import Final

import msgspec
from msgspec import Struct

from trunkline.core.errors import GatewayError, Kind
from trunkline.providers.provider import ListedModel

_TASKS: Final = frozenset({"llm/v1/chat", "agent/v1/chat"})
"""Tasks that answer chat requests. Agents of the other kinds speak Responses."""


class _State(Struct):
    ready: str | None = None


class _FoundationModel(Struct):
    display_name: str | None = None


class _Entity(Struct):
    foundation_model: _FoundationModel | None = None


class _Config(Struct):
    served_entities: list[_Entity] | None = None


class _Endpoint(Struct):
    name: str
    task: str | None = None
    state: _State | None = None
    config: _Config | None = None


class _Listing(Struct):
    endpoints: list[_Endpoint] | None = None


_LISTING: Final = msgspec.json.Decoder(_Listing)


def decode_endpoints(body: bytes) -> tuple[ListedModel, ...]:
    """The READY chat endpoints of a listing. Raises GatewayError (UPSTREAM_FAILED) for anything else."""
    try:
        listing = _LISTING.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise GatewayError(
            Kind.UPSTREAM_FAILED, f"the list of serving endpoints is unreadable: {cause}"
        ) from cause
    return tuple(
        ListedModel(endpoint.name, _display_name(endpoint))
        for endpoint in listing.endpoints or []
        if endpoint.task in _TASKS and endpoint.state is not None and endpoint.state.ready == "READY"
    )


def _display_name(endpoint: _Endpoint) -> str | None:
    entities = (endpoint.config.served_entities if endpoint.config else None) or []
    models = (entity.foundation_model for entity in entities)
    return next((model.display_name for model in models if model is not None and model.display_name), None)

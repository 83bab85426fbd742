"""Asking providers what they serve, where the configuration does not say."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from trunkline.app.providers import client_tokens
from trunkline.catalog.providers import provider_entry
from trunkline.config.environment import SOURCE
from trunkline.config.schema import Configuration
from trunkline.core.errors import GatewayError, Kind, kind_of_status
from trunkline.core.http import HttpHead, HttpRequest
from trunkline.providers.databricks.errors import read_error
from trunkline.providers.databricks.models import bases_of, best_claude
from trunkline.providers.databricks.provider import DatabricksProvider
from trunkline.providers.databricks.services import ServiceWalk, merge_models
from trunkline.providers.provider import ListedModel, Provider
from trunkline.relay.ports import Credentials, Upstream, UpstreamAnswer
from trunkline.routing.table import RoutingTable, Served

PATIENCE: Final = 10.0
"""Seconds that a provider gets to list its models."""
SERVICES_PATIENCE: Final = 5.0
"""Seconds for the pages of model services, at the same time."""
MAX_LIST: Final = 16 * 1024 * 1024


class Listing(Struct, frozen=True):
    """What a provider said. ``error`` None and no models: it has no such call."""

    provider: str
    models: tuple[ListedModel, ...] = ()
    error: GatewayError | None = None


def to_discover(
    configuration: Configuration, providers: Mapping[str, Provider], *, everyone: bool = False
) -> tuple[Provider, ...]:
    """The providers whose models the configuration does not name (``everyone``: all), as far as they can be asked
    before a client is there."""
    return tuple(
        provider
        for name, provider in providers.items()
        if (everyone or not provider.models) and name not in client_tokens(configuration)
    )


async def discover(provider: Provider, upstream: Upstream, credentials: Credentials) -> Listing:
    """One provider's list of models. Never raises GatewayError: the listing carries it."""
    try:
        async with asyncio.timeout(PATIENCE):
            return Listing(provider.name, await _list(provider, upstream, credentials))
    except TimeoutError:
        message = f"{provider.name} did not list its models within {PATIENCE:g} s."
        return Listing(provider.name, error=GatewayError(Kind.TIMEOUT, message))
    except GatewayError as error:
        return Listing(provider.name, error=error)


async def _list(
    provider: Provider, upstream: Upstream, credentials: Credentials
) -> tuple[ListedModel, ...]:
    credential = await credentials.credential(provider.name)
    if not isinstance(provider, DatabricksProvider):
        request = provider.discovery(credential)
        signed = None if request is None else await credentials.sign(provider.name, request)
        return await _listed(provider, upstream, signed)
    walks = provider.services(credential)
    async with asyncio.TaskGroup() as group:
        for walk in walks:
            group.create_task(_follow(walk, upstream, provider.name))
        endpoints = await _outcome(_listed(provider, upstream, provider.discovery(credential)))
    if not isinstance(endpoints, GatewayError):
        return merge_models(endpoints, walks)
    if any(walk.names for walk in walks):  # no right to list endpoints is common (databricks.md 6.3)
        return merge_models((), walks)
    raise endpoints


async def _outcome(work: Awaitable[tuple[ListedModel, ...]]) -> tuple[ListedModel, ...] | GatewayError:
    try:
        return await work
    except GatewayError as error:
        return error


async def _listed(
    provider: Provider, upstream: Upstream, request: HttpRequest | None
) -> tuple[ListedModel, ...]:
    if request is None:
        return ()
    head, body = await ask_whole(upstream, request, provider.name)
    if head.status != 200:
        raise _refused(provider, request, head, body)
    return provider.decode_discovery(body)


def _refused(provider: Provider, request: HttpRequest, head: HttpHead, body: bytes) -> GatewayError:
    """A list that was refused; Databricks' reason is in the body, not in the status (databricks.md 5.3)."""
    message = f"{provider.name} answered {head.status} when asked for its models ({request.url})"
    error = GatewayError(kind_of_status(head.status), f"{message}.", status=head.status, local=False)
    if not isinstance(provider, DatabricksProvider):
        return error
    error.raw = body
    said = read_error(error, head, host=urlsplit(request.url).netloc, deployment="")
    said.message = f"{message}: {said.message}"
    return said


async def _follow(walk: ServiceWalk, upstream: Upstream, name: str) -> None:
    """All pages of a list that not every workspace has: what came in time counts, no failure does."""
    try:
        async with asyncio.timeout(SERVICES_PATIENCE):
            while (request := walk.request()) is not None:
                head, body = await ask_whole(upstream, request, name)
                walk.take(head.status, body)
    except (TimeoutError, GatewayError):
        return


async def ask_whole(upstream: Upstream, request: HttpRequest, name: str) -> tuple[HttpHead, bytes]:
    """An answer, whole; ``name`` is who is asked. Raises GatewayError."""
    answer = await upstream.open(request, headers_timeout=PATIENCE)
    whole = False
    try:
        body = await _body(answer, name)
        whole = True
    finally:
        await answer.close(reuse=whole)
    return answer.head, body


async def _body(answer: UpstreamAnswer, name: str) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := await answer.read():
        pieces.append(piece)
        size += len(piece)
        if size > MAX_LIST:
            raise GatewayError(Kind.UPSTREAM_FAILED, f"{name} lists more models than can be true.")
    return b"".join(pieces)


def served(
    configuration: Configuration, providers: Mapping[str, Provider], listings: Sequence[Listing]
) -> tuple[Served, ...]:
    """What all providers serve, in order, by configuration where it says so and by their lists elsewhere."""
    listed = {listing.provider: listing for listing in listings}
    first_only = configuration.source == SOURCE or configuration.proxy is not None
    bridged = dict(configuration.providers)
    found: list[Served] = []
    for index, (name, provider) in enumerate(providers.items()):
        listing = listed.get(name)
        own = tuple(model.id for model in listing.models) if listing is not None else ()
        entry = provider_entry(provider.kind)
        usual, prefixes = (entry.usual, entry.open_prefixes) if entry is not None else ((), ())
        models = provider.models or own or usual
        said = (
            {model.id: model.base for model in listing.models if model.base} if listing is not None else {}
        )
        bases = bases_of(models, said) if provider.kind == "databricks" else {}
        found.append(
            Served(
                provider=name,
                models=models,
                families=best_claude(models, bases),
                bases=bases,
                workspace=provider.kind == "databricks",
                open_prefixes=() if provider.models else prefixes,
                anything=bool(bridged[name].paths),
                discovered=not provider.models,
                listed=bool(own),
                only_explicit=first_only and index > 0,
            )
        )
    return tuple(found)


def listed_models(table: RoutingTable, listings: Mapping[str, Listing]) -> list[ListedModel]:
    """Every name once; a model of several providers is listed with its provider."""
    shown = {
        (listing.provider, model.id): model.display_name
        for listing in listings.values()
        for model in listing.models
    }
    found = {alias.name: ListedModel(alias.name) for alias in table.aliases.values()}
    for provider, models in table.deployments.items():
        for folded, model in models.items():
            unique = len(table.bare.get(folded, ())) == 1
            name = model if unique and model not in found else f"{provider}/{model}"
            found[name] = ListedModel(name, shown.get((provider, model)))
    return list(found.values())

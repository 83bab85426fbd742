"""Everything wired together: one configuration, one running gateway."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

from msgspec import structs

from trunkline import __version__
from trunkline.app.backend_health import Backend, backend_name
from trunkline.app.board import Seen, mark_of, page
from trunkline.app.credentials import make_credentials
from trunkline.app.discovery import Listing, discover, listed_models, served, to_discover
from trunkline.app.fingerprint import place
from trunkline.app.fronts import check_direct, make_front
from trunkline.app.lasting import Lasting
from trunkline.app.plugins import has_user_code
from trunkline.app.providers import client_tokens, make_providers, with_transforms
from trunkline.app.proxy_log import make_proxy_log
from trunkline.app.router import make_router, named
from trunkline.app.tables import discover_all
from trunkline.app.tokenizers import Tokenizers
from trunkline.app.upstreams import Upstreams, make_upstreams
from trunkline.config.schema import Configuration
from trunkline.core.errors import GatewayError
from trunkline.protocols.registry import CARRIED, CODECS, COUNTERS, TARGETS
from trunkline.providers.provider import ListedModel, Provider
from trunkline.relay.admission import Admission
from trunkline.relay.course import Planner
from trunkline.relay.exchange import Exchange
from trunkline.relay.inbound import Inbound
from trunkline.relay.journal import Journal
from trunkline.relay.ports import ExchangeRecord, Finder, Recorder, Sink
from trunkline.routing.table import build_table
from trunkline.server.admin import AdminAnswer, AdminCall, Administration
from trunkline.server.application import Application
from trunkline.server.asgi import Scope
from trunkline.server.health import Status
from trunkline.server.ports import Takeover
from trunkline.server.routes import Match
from trunkline.server.succession import Outcome
from trunkline.transforms.chain import chains_of

log: Final = logging.getLogger(__name__)

Reload = Callable[[], Awaitable[Outcome]]
"""Has the configuration read anew; see :meth:`trunkline.server.succession.Succession.reload`."""
NO_LISTINGS: Final[Mapping[str, Listing]] = {}
FRESH: Final = 10.0
"""Seconds that the outcome of a probe is good for."""
FIRST_WAIT: Final = 3.0
"""Seconds after the start that requests wait for the providers' lists; then they are planned without."""
REFRESH: Final = 600.0
AGAIN: Final = 30.0
"""Seconds until the lists are asked for again, after success and after failure."""


class Presets(Protocol):
    """What serves ``/preset/NAME/...``."""

    async def __call__(self, scope: Scope) -> Takeover: ...
    def end(self) -> None: ...


class Gateway:
    """One configuration at work. ``startup`` and ``shutdown`` run in one task, around everything else.

    ``lasting`` and ``listings`` (what providers said they serve) are what another one has left to it. ``reload`` has
    the next one take its place.
    """

    def __init__(
        self,
        configuration: Configuration,
        providers: Mapping[str, Provider],
        lasting: Lasting | None = None,
        listings: Mapping[str, Listing] = NO_LISTINGS,
    ) -> None:
        self.configuration = configuration
        self.lasting = lasting = Lasting(configuration, os.environ) if lasting is None else lasting
        self.reload: Reload | None = None
        self._providers = providers
        self._listings = dict(listings)
        self._listed = asyncio.Event()
        clock = lasting.clock
        self._upstreams = make_upstreams(configuration, os.environ)
        tokenizers = Tokenizers(configuration, self._upstreams, clock.now)
        self._router = make_router(
            build_table(configuration, served(configuration, providers, tuple(self._listings.values()))),
            configuration,
            os.environ,
            clock.now,
            lasting.lengths,
            tokenizers,
        )
        self._user_code = None
        self._taken: set[str] = set()
        """Names that plugins have: a built-in of such a name is not what its provider means."""
        if has_user_code(configuration):
            from trunkline.app.user_code import user_code_for  # only those who have any need it

            self._user_code = user_code_for(configuration, lasting.user_code)
        self._clock = clock
        self._credentials = make_credentials(configuration, os.environ, self._upstreams, clock)
        self.recorders: list[Recorder] = [*lasting.recorders, self._router]
        """Who is told of every exchange when it is over."""
        self._exchange = Exchange(
            planner=self._planner(),
            providers=with_transforms(configuration, providers, self._taken),
            transforms=chains_of(dict(configuration.providers), self._taken),
            codecs=CODECS,
            targets=TARGETS,
            carried=CARRIED,
            counters=COUNTERS,
            upstream=self._upstreams,
            credentials=self._credentials,
            clock=clock,
            recorder=self,
            timeouts=configuration.timeouts,
            retry=configuration.retry,
            health=lasting.health,
            budget=lasting.budget,
            proofs=lasting.proofs,
            learned=lasting.learned,
            answers=lasting.answers,
            turns=lasting.turns,
            live=lasting.board.live,
            client_tokens=client_tokens(configuration),
            finder=make_finder(configuration, self._upstreams),
            plugins=None if self._user_code is None else self._user_code.plugins,
            tokenizers=tokenizers if tokenizers else None,
            strict=configuration.server.strict,
            ping=configuration.server.ping,
            admission=Admission(configuration.server.max_concurrent, configuration.timeouts.queue_wait),
        )
        self._tasks = asyncio.TaskGroup()
        self._running: list[asyncio.Task[None]] = []
        self._wait_until = 0.0
        self._administration: Administration | None = None
        self._front = make_front(configuration, self._serve, self._refused)
        self._proxy_log = None if configuration.proxy is None else make_proxy_log(configuration.proxy)
        if self._proxy_log is not None:
            self.recorders.append(self._proxy_log)
        self._latest: dict[str, Listing] = {}
        self._probing = asyncio.Lock()
        self._probed = -FRESH
        self._presets: Presets | None = None
        self._speed = None
        if configuration.token_speed:
            from trunkline.app.token_speed import TokenSpeed  # only those who have asked for it need it

            self._speed = TokenSpeed(os.environ, clock.now)
            self.recorders.append(self._speed)
            self._front = self._speed.around(self._front)

        self.seen = Seen(
            configuration=configuration,
            providers=providers,
            health=lasting.health,
            turns=lasting.turns,
            clock=clock,
            table=lambda: self._router.table,
            status=self.status,
            plan=self._planner(),
            board=lasting.board,
            mark=mark_of(configuration.source),
        )

    def listings_for(self, configuration: Configuration) -> dict[str, Listing]:
        """What is known of the providers that another configuration has in the same place."""
        old, new = dict(self.configuration.providers), dict(configuration.providers)
        return {
            name: listing
            for name, listing in self._listings.items()
            if name in new and place(old[name]) == place(new[name])
        }

    def _planner(self) -> Planner:
        """The routes, with the user's own router before them where there is one."""
        if self._user_code is None or self._user_code.routing is None:
            return self._router
        from trunkline.app.custom_planner import CustomPlanner  # only those who have a router need it

        return CustomPlanner(self._router, self._user_code.routing).plan

    def application(self) -> Application:
        """The ASGI application."""
        return Application(
            server=self.configuration.server,
            codecs={**CODECS, **CARRIED},
            relay=self,
            models=self.models,
            status=self.status,
            metrics=self.lasting.metrics.exposition,
            probe=self.probe,
            check_direct=partial(check_direct, self.configuration),
            administration=self._administer,
            passes_tokens=bool(client_tokens(self.configuration)),
            presets=self._enter_preset,
            added=self._added_route,
            page=page,
            sessions=self.lasting.board.sessions,
        )

    def _added_route(self, raw_path: bytes) -> Match | None:
        """A route of the user's own code."""
        return None if self._user_code is None else self._user_code.routes.find(raw_path)

    async def _administer(self, call: AdminCall) -> AdminAnswer:
        """Administration, loaded when it is first asked for."""
        if self._administration is None:
            from trunkline.app.admin.surface import make_administration

            self._administration = make_administration(
                self.seen,
                plugins={} if self._user_code is None else self._user_code.plugins.routes,
                reload=self.reload,
            )
        return await self._administration(call)

    async def _enter_preset(self, scope: Scope) -> Takeover:
        """A preset's own gateway; what they need is loaded when somebody first asks for one."""
        if self._presets is None:
            from trunkline.app.namespaces import Namespaces

            self._presets = Namespaces(self._beside, self.configuration.server, os.environ, self._tasks)
        return await self._presets(scope)

    def _beside(self, configuration: Configuration) -> "Gateway":
        """Another gateway in this process, whose exchanges are recorded with ours."""
        lasting = Lasting(configuration, os.environ, [self], self.lasting.board)
        return Gateway(configuration, make_providers(configuration), lasting)

    def run(self, inbound: Inbound, sink: Sink) -> Awaitable[None]:
        """Serve one request."""
        return self._front(inbound, sink)

    def _serve(self, inbound: Inbound, sink: Sink) -> Awaitable[None]:
        """The exchange, and what comes before it, where anything does."""
        if self._listed.is_set() and self._user_code is None and not self.configuration.any_name:
            return self._exchange.run(inbound, sink)
        return self._serve_when_ready(inbound, sink)

    async def _serve_when_ready(self, inbound: Inbound, sink: Sink) -> None:
        """Soon after the start it may wait for the lists that its plan needs."""
        if self.configuration.any_name:
            inbound = named(inbound)
        if not self._listed.is_set() and self._router.depends_on_lists(inbound):
            await self._wait_for_lists()
        if self._user_code is not None and inbound.operation == "generate":
            await self._user_code.serve(self._exchange.run, inbound, sink)
        else:
            await self._exchange.run(inbound, sink)

    def record(self, record: ExchangeRecord) -> None:
        """Tell everyone who wants to know."""
        for recorder in self.recorders:
            recorder.record(record)

    def _refused(self, inbound: Inbound, error: GatewayError) -> None:
        """Record a request that was refused before its exchange."""
        journal = Journal(inbound, self._clock)
        journal.failed(error, error.status)
        self.record(journal.record())

    async def _wait_for_lists(self) -> None:
        try:
            async with asyncio.timeout_at(self._wait_until):
                await self._listed.wait()
        except TimeoutError:
            return

    async def startup(self) -> None:
        """Start what runs in the background. Raises ConfigurationError for plugins that do not work."""
        if self._user_code is not None:
            await self._user_code.start()
            self._taken |= self._user_code.plugins.names
        self.lasting.user_code = self._user_code
        self.lasting.board.seen = self.seen
        self._wait_until = asyncio.get_running_loop().time() + FIRST_WAIT
        await self._tasks.__aenter__()
        self._running.append(self._tasks.create_task(self._router.warm()))
        if self._proxy_log is not None:
            self._running.append(self._tasks.create_task(self._proxy_log.run()))
        if self._speed is not None:
            self._running.append(self._tasks.create_task(self._speed.run()))
        asked = to_discover(self.configuration, self._providers)
        if all(provider.name in self._listings for provider in asked):
            self._listed.set()
        if asked:
            self._running.append(self._tasks.create_task(self._keep_listed()))

    async def shutdown(self) -> None:
        """Stop it, write what is still to be written, close every connection."""
        for task in self._running:
            task.cancel()
        if self._presets is not None:
            self._presets.end()
        await self._tasks.__aexit__(None, None, None)
        if self._user_code is not None:
            await self._user_code.close()
        if self._proxy_log is not None:
            await self._proxy_log.close()
        await self._credentials.close()
        await self._upstreams.close()

    async def _keep_listed(self) -> None:
        """Ask for the lists now and from time to time; what is known stays when asking fails."""
        while True:
            listings = await discover_all(
                to_discover(self.configuration, self._providers), self._upstreams, self._credentials
            )
            self._take(listings)
            self._listed.set()
            failed = any(listing.error is not None for listing in listings)
            await asyncio.sleep(AGAIN if failed else REFRESH)

    async def probe(self) -> None:
        """Ask the ``PROXY_BACKEND`` proxy's backend for its models, unless that was just done.

        That costs nobody a token and shows whether it can be reached and takes the credential.
        """
        proxy = self.configuration.proxy
        provider = None if proxy is None else self._providers.get(backend_name(proxy))
        if provider is None:
            return
        async with self._probing:
            if self._clock.now() - self._probed >= FRESH:
                self._take([await discover(provider, self._upstreams, self._credentials)])
                self._probed = self._clock.now()

    def _take(self, listings: Sequence[Listing]) -> None:
        for listing in listings:
            self._learn(listing)
        known = served(self.configuration, self._providers, tuple(self._listings.values()))
        self._router.replace(build_table(self.configuration, known))

    def _learn(self, listing: Listing) -> None:
        self._latest[listing.provider] = listing
        known = self._listings.get(listing.provider)
        if listing.error is None:
            self._listings[listing.provider] = listing
            return
        if known is None or known.error is not None:
            if known is None or str(known.error) != str(listing.error):
                log.warning("models of %s are not known: %s", listing.provider, listing.error.message)
            self._listings[listing.provider] = listing

    def models(self) -> Sequence[ListedModel]:
        """What clients can ask for: the configuration's names, then what providers serve."""
        return listed_models(self._router.table, self._listings)

    def status(self) -> Status:
        """How the gateway is, without a secret."""
        providers = {name: self._provider_status(provider) for name, provider in self._providers.items()}
        details: dict[str, object] = {"configuration": self.configuration.source, "providers": providers}
        status = Status(version=__version__, rehearsal=is_rehearsal(self.configuration), details=details)
        proxy = self.configuration.proxy
        if proxy is None:
            return status
        name = backend_name(proxy)
        state = Backend(proxy, name in self._providers, self._latest.get(name), self._router.table)
        return structs.replace(
            status, word="healthy", summary=state.summary(), details={**details, **state.details()}
        )

    def _provider_status(self, provider: Provider) -> dict[str, object]:
        listing = self._listings.get(provider.name)
        models = len(self._router.table.deployments.get(provider.name, {}))
        status: dict[str, object] = {"kind": provider.kind, "models": models}
        rests = {
            target.deployment: {"seconds": round(seconds, 1), "waiting": waiting}
            for target, (seconds, waiting) in self.lasting.turns.resting().items()
            if target.provider == provider.name
        }
        if rests:
            status["limited"] = rests
        if not provider.models:
            status["listed"] = listing is not None and listing.error is None
        return status


def make_finder(configuration: Configuration, upstreams: Upstreams) -> Finder | None:
    """Who searches the web, if anybody does."""
    if configuration.search is None:
        return None
    from trunkline.upstream.search import WebFinder  # only those who search need it

    return WebFinder(configuration.search, upstreams)


def is_rehearsal(configuration: Configuration) -> bool:
    """Nothing but recordings can answer."""
    return bool(configuration.providers) and all(
        settings.kind == "rehearsal" for _, settings in configuration.providers
    )

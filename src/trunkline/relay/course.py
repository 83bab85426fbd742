"""What all attempts of one exchange share."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from trunkline.accounting.estimate import estimate_tokens
from trunkline.config.schema import Retry, Timeouts
from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.losses import Loss
from trunkline.core.proofs import unseal
from trunkline.core.types import Part, Request, Response
from trunkline.core.usage import Usage, total
from trunkline.protocols.codec import (
    CarriedCodec,
    Codec,
    CountCodec,
    Encoded,
    Keeping,
    Peek,
    ProviderCodec,
    ReplyContext,
)
from trunkline.providers.provider import Provider, Surface
from trunkline.relay.delivery import Delivery
from trunkline.relay.inbound import Compared, Inbound
from trunkline.relay.journal import Journal
from trunkline.relay.keeper import Keeper
from trunkline.relay.kept import AnswerStore
from trunkline.relay.learned import Learned
from trunkline.relay.pipe import Pipe
from trunkline.relay.ports import (
    Clock,
    Credentials,
    Finder,
    Loop,
    Plugins,
    Recorder,
    Sink,
    Tokenizers,
    Upstream,
)
from trunkline.relay.proofs import ProofStore
from trunkline.relay.recent import LARGE, Known, RecentBodies
from trunkline.relay.reinsert import claim, reinsert, remember, unproven
from trunkline.relay.signs import SignsOfLife
from trunkline.relay.turns import Place, Turns
from trunkline.routing.health import Health
from trunkline.routing.plan import Plan, Target
from trunkline.routing.retry_budget import RetryBudget
from trunkline.transforms.chain import Chain, Chains

Planner = Callable[[Inbound, Peek], Plan | Awaitable[Plan]]
"""Who serves a request; at once where nothing has to be waited for."""
Inquire = Callable[["Course", Request, Sequence[Target]], Awaitable[Response]]
"""Asks other targets something for an exchange. Raises GatewayError when none of them answers."""

MAX_LESSONS: Final = 2
"""Times a request is changed and sent again after a refusal (databricks.md 3.9)."""

ECHOING: Final = frozenset({"anthropic_messages"})
"""Protocols whose clients send thinking back as they got it: nothing needs to be kept for them."""

_QUOTING: Final = frozenset({"openai_responses"})
"""Protocols whose answers repeat the request or are shaped by its tools."""

MAX_SURFACES: Final = 1024
NO_PEEK: Final = Peek("")


class Services(Struct, frozen=True, kw_only=True):
    """Everything an exchange works with; lives as long as a configuration snapshot."""

    planner: Planner
    providers: Mapping[str, Provider]
    codecs: Mapping[str, Codec]
    targets: Mapping[str, ProviderCodec]
    """What can be spoken toward providers; ``codecs`` and more."""
    carried: Mapping[str, CarriedCodec]
    counters: Mapping[str, CountCodec]
    upstream: Upstream
    credentials: Credentials
    clock: Clock
    recorder: Recorder
    timeouts: Timeouts
    retry: Retry
    strict: bool
    ping: float
    proofs: ProofStore
    learned: Learned
    health: Health
    budget: RetryBudget
    answers: AnswerStore
    recent: RecentBodies
    turns: Turns
    inquire: Inquire
    finder: Finder | None = None
    client_tokens: frozenset[str] = frozenset()
    """The providers that are asked with the client's own token."""
    transforms: Mapping[str, Chains] = {}
    """Of the providers that have any."""
    plugins: Plugins | None = None
    tokenizers: Tokenizers | None = None
    head_whole: float
    """Seconds that an answer which is no stream has for its head."""
    surfaces: dict[Target, tuple[Surface, ...]]
    """Cache of what providers offer."""
    usual: dict[tuple[Target, str], Surface]
    """Cache of what is asked for clients of a protocol, where nothing else was learned."""

    def surfaces_of(self, target: Target) -> tuple[Surface, ...]:
        """Every way to ask ``target``."""
        found = self.surfaces.get(target)
        if found is None:
            if len(self.surfaces) >= MAX_SURFACES:
                self.surfaces.clear()
            found = self.providers[target.provider].surfaces(target.deployment)
            self.surfaces[target] = found
        return found

    def chain(self, facts: Facts) -> Chain | None:
        """What the transforms of a deployment do to requests and answers, None for nothing."""
        if not self.transforms:
            return None
        chains = self.transforms.get(facts.provider)
        return None if chains is None else chains.of(facts.model)


class Course:
    """One exchange under way."""

    def __init__(self, services: Services, inbound: Inbound, sink: Sink) -> None:
        self.peek = NO_PEEK
        self.keeper: Keeper | None = None
        """Set where the request continues a kept answer, or its own is to be kept."""
        self.pipe: Pipe | None = None
        """The stream to the client, once there is one."""
        self.rounds: Loop | None = None
        """Set where the gateway runs tools itself."""
        self.eyes: tuple[Target, ...] = ()
        """Who looks at the pictures for a model that is not shown any."""
        self.lessons_left = MAX_LESSONS
        self.trusted: Literal["all", "known", "none"] = "all"
        """Which proofs are sent. An upstream that refuses one is sent less of them, and none in the end."""
        self.retrying = False
        """It is a retry, or waits to be one: :meth:`end_retry` when that is over."""
        self._signs: SignsOfLife | None = None
        self._place: Place | None = None
        self._request: Request | None = None
        self.services = services
        self.inbound = inbound
        self.journal = Journal(inbound, services.clock)
        self.time = asyncio.get_running_loop().time
        self.delivery = Delivery(inbound, sink, self.journal, self.time)
        self.carried: CarriedCodec | None = services.carried.get(inbound.codec.name)
        """The client's operation, if it is one that only passes through."""

    def remember(self, keeping: Keeping) -> None:
        """Continue the answer that the request names, and have its own kept.

        Raises GatewayError (404) when there is no such answer any more.
        """
        self.keeper = Keeper(self.inbound, keeping, self.services.answers)
        self.inbound = self.keeper.whole()
        self.delivery.through(self.keeper.sink)

    def begin_retry(self, target: Target, error: GatewayError) -> None:
        """``target`` is asked again after ``error``, at the expense of the budget."""
        self.retrying = True
        self.services.budget.begin(target.provider, error)

    def end_retry(self) -> None:
        """What was a retry is over."""
        self.retrying = False
        self.services.budget.end()

    def ask(self, inbound: Inbound) -> None:
        """Put another request in the client's place, from the next attempt on."""
        self.inbound, self._request = inbound, None

    @property
    def signs(self) -> SignsOfLife:
        """For a client that waits for a stream; others get none."""
        if self._signs is None:
            self._signs = SignsOfLife(self.delivery, self.services.ping)
        return self._signs

    @property
    def place(self) -> Place:
        """Where this exchange stands in line, for targets that take nobody for now."""
        if self._place is None:
            services = self.services
            self._place = Place(services.turns, services.clock, services.retry.max_retry_after)
        return self._place

    @property
    def codec(self) -> Codec:
        """The client's protocol in full; not for an operation that only passes through."""
        return self.services.codecs[self.inbound.codec.name]

    @property
    def request(self) -> Request:
        """The client's request, decoded once. Raises GatewayError (INVALID_REQUEST)."""
        if self._request is None:
            known = self.known()
            read = self.codec.decode_request(self.inbound.body) if known is None else known.request
            self._request = read
            if (said := self.inbound.peek) is not None:
                self._request = replace(self._request, model=said.model, stream=said.stream)
        return self._request

    def known(self) -> Known | None:
        """The request's body beside the client's last ones; None for a small one."""
        inbound = self.inbound
        if len(inbound.body) < LARGE:
            return None
        if inbound.compared is None or inbound.compared.body is not inbound.body:
            codec = self.services.codecs.get(inbound.codec.name)
            found = (
                None if codec is None else self.services.recent.find(codec, inbound.client, inbound.body)
            )
            self.inbound = inbound = replace(inbound, compared=Compared(inbound.body, found))
        return inbound.known

    def look(self) -> Peek:
        """What routing needs of the request. Raises GatewayError (INVALID_REQUEST)."""
        known, inbound = self.known(), self.inbound
        return inbound.peek or (inbound.codec.peek(inbound.body) if known is None else known.peek())

    def encode(self, codec: ProviderCodec, request: Request, facts: Facts) -> Encoded:
        """``request``, which is the client's or made from it, for a target."""
        known = self.known()
        if known is None:
            return codec.encode_request(request, facts)
        self._keep(known)
        return known.encode(codec, request, facts)

    def _keep(self, known: Known) -> None:
        self.services.recent.keep(self.inbound.codec.name, self.inbound.client, known)

    def drop_foreign_proofs(self, origin: str) -> tuple[bytes, tuple[Loss, ...]]:
        """The client's own bytes without thinking that ``origin`` did not make."""
        known, inbound = self.known(), self.inbound
        if known is None or known.holds(self.codec.holds_proofs):
            return inbound.codec.drop_foreign_proofs(inbound.body, self.owns(origin))
        return inbound.body, ()

    def rename(self, body: bytes, deployment: str) -> bytes:
        """``body``, which is the client's or made from it, with the model's name that the provider has."""
        codec, known = self.inbound.codec, self.known()
        if known is None or body is not self.inbound.body:
            return codec.rename(body, deployment)
        self._keep(known)
        return codec.rename(body, deployment, known.places)

    def request_for(self, facts: Facts) -> Request:
        """The request with the proofs put back that the maker made whom ``facts`` tell of."""
        proofs, tenant = self.services.proofs, self.inbound.client
        request = self.request
        if self.trusted == "none":
            return unproven(request)
        if len(proofs):
            origin = facts.origin
            request = claim(request, lambda signature: proofs.origin(tenant, signature))
            request = reinsert(request, lambda call_id: proofs.before(tenant, call_id), origin)
        return request

    def owns(self, origin: str) -> Callable[[str], bool]:
        """Whether a signature, as the client sent it, was made by ``origin`` and may go back.

        A bare one that nobody remembers (the gateway was restarted) is taken for the upstream's own until
        the upstream says otherwise: dropping it would cost the reasoning and the prompt cache.
        """
        proofs, tenant = self.services.proofs, self.inbound.client

        def owned(signature: str) -> bool:
            maker = unseal(signature).origin or proofs.origin(tenant, signature)
            if self.trusted == "none":
                return False
            return self.trusted == "all" if maker is None else maker == origin

        return owned

    def context(self) -> ReplyContext:
        """What the answer needs to know."""
        stream, quoting = self.peek.stream, self.inbound.codec.name in _QUOTING
        if not (stream or quoting):
            return self.bare_context()
        known = self.known() if quoting else None
        return replace(
            self.bare_context(),
            tools=None if known is None else known.repeat_tools(),
            input_estimate=estimate_tokens(self.inbound.body) if stream else 0,
            stream_usage=self.request.stream_usage if stream else False,
            request=self.request if quoting else None,
        )

    def bare_context(self) -> ReplyContext:
        """The part of it that does not depend on what the request says."""
        return ReplyContext(
            id=self.inbound.request_id,
            model=self.peek.model,
            created=self.services.clock.unix(),
            kept=self.keeper is not None and self.keeper.kept_here,
            previous=None if self.keeper is None else self.keeper.previous,
        )

    def estimate_usage(self) -> None:
        """The record of a stream that broke off: what was told, and a floor for what was not (T11).

        Whoever leaves in the middle has still used what was written until then.
        """
        pipe = self.pipe
        if pipe is None or pipe.finished or not pipe.released:
            return
        told = pipe.usage or Usage()
        known = told.input is not None or told.cache_read is not None
        seen = replace(
            told,
            input=told.input if known else estimate_tokens(self.inbound.body),
            output=max(told.output or 0, pipe.output_estimate),
            estimated=True,
        )
        begun = self.rounds is not None and self.rounds.begun
        earlier = self.journal.usage if begun else None
        self.journal.usage = seen if earlier is None else total(earlier, seen)

    def keep_proofs(self, content: list[Part], origin: str) -> None:
        """Remember what this client will not send back."""
        for call_id, kept in remember(content, origin):
            self.services.proofs.keep(self.inbound.client, call_id, kept)

    def keep_signatures(self, signatures: tuple[str, ...], origin: str) -> None:
        """Remember who made signatures that went to the client as they were."""
        for signature in signatures:
            self.services.proofs.sign(self.inbound.client, signature, origin)

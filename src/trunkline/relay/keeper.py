"""What one exchange has to do with kept answers: the one it continues, and its own.

Where the target keeps answers itself, requests go to it as they are and only the id is remembered. Elsewhere
the conversation is put together here, and the answer is kept here.
"""

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from msgspec.structs import replace

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.http import Headers, Take
from trunkline.core.sse import SSEFramer
from trunkline.protocols.codec import Keeping
from trunkline.protocols.openai_responses import state
from trunkline.providers.provider import Surface
from trunkline.relay.inbound import Inbound
from trunkline.relay.kept import Answer, AnswerStore, Kept
from trunkline.relay.ports import AtOnce, Sink
from trunkline.routing.plan import Target

SINGLE_TENANT = "-"
"""The tenant of everybody where no client keys are set."""


def keeps(surface: Surface) -> bool:
    """Whether answers of this surface can be referred to by the ids that the client sees."""
    return surface.facts.stores and not surface.facts.dialect


class Surfaces(Protocol):
    """Every way to ask a target."""

    def __call__(self, target: Target) -> Sequence[Surface]: ...


class Keeper:
    """Made for a request that continues an answer or wants its own to be kept; ``close`` it at the end.

    Raises GatewayError (404, ``previous_response_not_found``) when the answer to continue is gone.
    """

    def __init__(self, inbound: Inbound, keeping: Keeping, store: AnswerStore) -> None:
        self._inbound = inbound
        self._keeping = keeping
        self._store = store
        self._parent: Kept | None = None
        self._keeper: tuple[str, Surface] | None = None
        self._own = state.input_items(inbound.body)
        self._unknown = False
        if keeping.previous is not None:
            self._parent = self._find(keeping.previous)
            self._unknown = self._parent is None
            if self._unknown and inbound.client != SINGLE_TENANT:
                raise state.answer_gone(keeping.previous)
        if self._parent is not None:
            self._parent.hold()

    def _find(self, answer_id: str) -> Kept | None:
        tenant, memory = self._inbound.client, self._inbound.memory
        found = None if memory is None else memory.find(tenant, answer_id)
        return found or self._store.find(tenant, answer_id)

    def close(self) -> None:
        """Let go of the answer that was continued."""
        if self._parent is not None:
            self._parent.release()
            self._parent = None

    @property
    def kept_here(self) -> bool:
        """The answer can be retrieved from us."""
        return self._keeping.keep and self._keeper is None

    @property
    def previous(self) -> str | None:
        """The id of the continued answer, as the client named it."""
        return self._keeping.previous

    @property
    def wanted(self) -> bool:
        """Whether anything is to be remembered of the answer."""
        return self._keeping.keep or self._inbound.memory is not None

    def whole(self) -> Inbound:
        """The request with its conversation in it, where we have that; else as it came."""
        if self._parent is None or self._parent.answer.provider is not None:
            return self._inbound
        body = state.continued(self._inbound.body, self._parent.history(), self._own)
        return replace(self._inbound, body=body)

    def able(self, targets: Sequence[Target], surfaces: Surfaces) -> tuple[Target, ...]:
        """The targets that can serve the request. Raises GatewayError when none can.

        An id we do not know may be older than this process: a provider that keeps answers is asked about it,
        where all clients are one and the same.
        """
        able = tuple(targets)
        provider = None if self._parent is None else self._parent.answer.provider
        if provider is not None:
            able = tuple(target for target in able if target.provider == provider)
            if not able:
                raise _elsewhere(self._keeping.previous or "", provider, targets[0])
        if self._unknown or self._keeping.only is not None:
            able = tuple(target for target in able if any(map(keeps, surfaces(target))))
        if not able and self._keeping.only is not None:
            raise state.needs_keeper(self._keeping.only, str(targets[0]))
        if not able:
            raise state.answer_gone(self._keeping.previous or "")
        return able

    def passed(self, provider: str, surface: Surface, body: bytes) -> bytes:
        """The body for a surface of the client's own protocol, and a note of who keeps the answer."""
        self._keeper = (provider, surface) if self._keeping.keep and keeps(surface) else None
        return state.unkept(body) if self._keeping.keep and self._keeper is None else body

    def encoded(self) -> None:
        """The request was encoded anew: nobody but us keeps the answer."""
        self._keeper = None

    def sink(self, sink: Sink) -> Sink:
        """``sink``, watched for the answer."""
        return _KeepingSink(sink, self) if self.wanted else sink

    @property
    def by_provider(self) -> bool:
        """Whether the provider that is asked keeps the answer."""
        return self._keeper is not None

    def keep(self, answer: state.WholeAnswer | None) -> None:
        """Remember the answer, before the client sees its end: it may come back at once."""
        if answer is None:
            return
        tenant = self._inbound.client
        if self._keeper is not None:
            provider, surface = self._keeper
            self._store.keep(tenant, Answer(id=answer.id, provider=provider, surface=surface))
            return
        parent = self._parent
        if answer.status not in ("completed", "incomplete") or (parent and parent.answer.provider):
            return
        own = Answer(
            id=answer.id,
            input=self._own,
            output=state.said_again(answer.output),
            body=state.kept_body(answer.body, self._keeping.previous) if self._keeping.keep else b"",
        )
        store = self._store if self._keeping.keep else self._inbound.memory
        if store is not None:
            store.keep(tenant, own, parent)


class _KeepingSink:
    """A sink that has the answer kept on its way to the client."""

    def __init__(self, sink: Sink, keeper: Keeper) -> None:
        self._sink = sink
        self._keeper = keeper
        self._framer: SSEFramer | None = None
        self._watch = state.AnswerWatch()

    async def start(self, status: int, headers: Headers) -> None:
        """The watching begins with a stream; a whole answer comes in one piece."""
        for name, value in headers:
            if name == "content-type" and value.startswith("text/event-stream"):
                self._framer = SSEFramer()
                self._watch = state.AnswerWatch(opening=self._keeper.by_provider)
        await self._sink.start(status, headers)

    async def send(self, data: bytes) -> None:
        """Look, then pass on."""
        self._look(data)
        await self._sink.send(data)

    @property
    def direct(self) -> Take | None:
        """See :class:`trunkline.relay.ports.Sink`."""
        direct = self._sink.direct
        return None if direct is None else partial(self._look_and_send, direct)

    @property
    def at_once(self) -> AtOnce | None:
        """See :class:`trunkline.relay.ports.Sink`."""
        at_once = self._sink.at_once
        return None if at_once is None else partial(self._look_and_send_whole, at_once)

    def _look_and_send_whole(self, at_once: AtOnce, same: Headers, own: Headers, body: bytes) -> bool:
        sent = at_once(same, own, body)
        if sent:  # it is known before the client can come back
            self._look(body)
        return sent

    def _look_and_send(self, direct: Take, data: bytes) -> bool:
        self._look(data)
        return direct(data)

    def _look(self, data: bytes) -> None:
        if self._framer is None:
            self._keeper.keep(state.read_answer(data))
            return
        for frame in self._framer.feed(data):
            if self._watch.feed(frame):
                self._keeper.keep(self._watch.answer)


def _elsewhere(answer_id: str, provider: str, target: Target) -> GatewayError:
    return GatewayError(
        Kind.INVALID_REQUEST,
        f"The response {answer_id} is kept by {provider}, but the model of this request is {target}. Name a "
        f"model of {provider}, or send the whole conversation without previous_response_id.",
        code="previous_response_elsewhere",
        field="previous_response_id",
        should_retry=False,
    )

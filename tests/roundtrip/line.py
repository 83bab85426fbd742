"""The gateway without its sockets: real codecs, real providers, strict stand-ins, all in one process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from relay.kit import KeyRing, LoopClock, Records, WritingSink
from relay.virtual import run
from standin.service import Service
from standin.upstream import InProcess
from trunkline.config.schema import Retry, Timeouts
from trunkline.core.errors import GatewayError
from trunkline.protocols.anthropic_messages import ANTHROPIC_MESSAGES
from trunkline.protocols.codec import Codec, Peek
from trunkline.protocols.gemini.codec import GEMINI
from trunkline.protocols.openai_chat import OPENAI_CHAT
from trunkline.protocols.openai_responses.codec import OPENAI_RESPONSES
from trunkline.providers.provider import Provider
from trunkline.relay.exchange import Exchange
from trunkline.relay.inbound import Inbound
from trunkline.relay.learned import Learned
from trunkline.relay.proofs import ProofStore
from trunkline.routing.health import Health
from trunkline.routing.plan import Plan, Target

CODECS: dict[str, Codec] = {
    codec.name: codec for codec in (ANTHROPIC_MESSAGES, OPENAI_CHAT, OPENAI_RESPONSES, GEMINI)
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a client got."""

    status: int
    body: bytes
    headers: Mapping[str, str]


@dataclass
class Line:
    """A gateway between clients and the services of some providers.

    A model is named as ``provider/model``; several, with commas, are a fallback chain.
    """

    providers: Sequence[Provider]
    services: dict[str, Service]
    upstream: InProcess = field(init=False)
    records: Records = field(default_factory=Records)
    clock: LoopClock = field(default_factory=LoopClock)
    _exchange: Exchange | None = None
    _answers: int = 0

    def __post_init__(self) -> None:
        self.upstream = InProcess(self.services)

    def restart(self) -> None:
        """All that the gateway holds in memory is gone."""
        self._exchange = None

    def ask(self, protocol: str, body: bytes, *, model: str, stream: bool) -> Reply:
        """One exchange. ``model`` and ``stream`` as the path says them, for protocols whose path does."""
        self._answers += 1
        codec = CODECS[protocol]
        inbound = Inbound(
            codec=codec,
            operation="generate",
            body=body,
            headers=(("user-agent", "test/1"),),
            request_id=f"r{self._answers:023}",
            client="tenant",
            peek=Peek(model, stream) if protocol == "gemini" else None,
        )
        sink = WritingSink()
        try:
            run(self._ask(inbound, sink))
        except GatewayError as error:
            reply = codec.encode_error(error, inbound.request_id)
            return Reply(reply.status, reply.body, dict(reply.headers))
        assert sink.status is not None
        return Reply(sink.status, sink.body, sink.headers)

    async def _ask(self, inbound: Inbound, sink: WritingSink) -> None:
        if self._exchange is None:
            self._exchange = self._build()
        await self._exchange.run(inbound, sink)

    def _build(self) -> Exchange:
        return Exchange(
            planner=self._plan,
            providers={one.name: one for one in self.providers},
            codecs=CODECS,
            upstream=self.upstream,
            credentials=KeyRing(),
            clock=self.clock,
            recorder=self.records,
            timeouts=Timeouts(),
            retry=Retry(per_target=0),
            proofs=ProofStore(self.clock.now),
            learned=Learned(self.clock.now),
            health=Health(),
        )

    async def _plan(self, inbound: Inbound, peek: Peek) -> Plan:
        del inbound
        targets = (Target(*name.split("/", 1)) for name in peek.model.split(","))
        return Plan(tuple(targets), "test")

    @property
    def bodies(self) -> list[dict[str, object]]:
        """What the providers were sent, decoded, refused or not."""
        return [
            msgspec.json.decode(request.body, type=dict[str, object]) for request in self.upstream.requests
        ]

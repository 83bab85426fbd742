"""A whole exchange in memory: a scripted upstream, providers as data, a sink that writes down what it got."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from relay.tiny import PROTOCOLS, Said, TinyCodec
from relay.virtual import now
from trunkline.config.schema import Retry, Timeouts
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.facts import Facts
from trunkline.core.http import Headers, HttpHead, HttpRequest, Take
from trunkline.core.losses import Loss
from trunkline.core.sse import SSEFramer
from trunkline.protocols.codec import Codec, CountCodec, Peek
from trunkline.protocols.registry import CARRIED
from trunkline.providers.provider import Lesson, ListedModel, Surface
from trunkline.relay.admission import Admission
from trunkline.relay.exchange import Exchange
from trunkline.relay.inbound import Inbound, Operation
from trunkline.relay.learned import Learned
from trunkline.relay.ports import ExchangeRecord, UpstreamAnswer
from trunkline.relay.proofs import ProofStore
from trunkline.routing.health import Health
from trunkline.routing.plan import Plan, Target

STREAM = (("content-type", "text/event-stream"),)
JSON = (("content-type", "application/json"),)


@dataclass
class Script:
    """What an upstream does with one request: chunks, pauses (seconds) and errors, in order."""

    body: Sequence[bytes | float | GatewayError] = ()
    status: int = 200
    headers: Headers = STREAM
    before: float = 0.0
    refuse: GatewayError | None = None


class ScriptedAnswer:
    def __init__(self, script: Script) -> None:
        self.head = HttpHead(script.status, script.headers)
        self._steps = list(script.body)
        self._until: float | None = None
        self.reads = 0
        self.closed: bool | None = None

    async def read(self) -> bytes:
        while self._steps:
            step = self._steps[0]
            if isinstance(step, float):
                if self._until is None:
                    self._until = now() + step
                await asyncio.sleep(self._until - now())
                self._until = None
                self._steps.pop(0)
                continue
            self._steps.pop(0)
            self.reads += 1
            if isinstance(step, GatewayError):
                raise step
            return step
        return b""

    def arrived(self) -> None:
        return None

    async def push(self, take: Take) -> None:
        while (data := await self.read()) and take(data):
            pass

    async def close(self, *, reuse: bool) -> None:
        assert self.closed is None, "closed twice"
        self.closed = reuse


class ScriptedUpstream:
    """Plays its scripts one after the other; by URL where one is given."""

    def __init__(self, *scripts: Script, by_url: dict[str, list[Script]] | None = None) -> None:
        self._scripts = list(scripts)
        self._by_url = by_url or {}
        self.requests: list[HttpRequest] = []
        self.answers: list[ScriptedAnswer] = []
        self.cancelled = 0

    async def open(self, request: HttpRequest, *, headers_timeout: float) -> UpstreamAnswer:
        self.requests.append(request)
        queue = self._by_url.get(request.url, self._scripts)
        script = queue.pop(0) if len(queue) > 1 else queue[0]
        try:
            async with asyncio.timeout(headers_timeout):
                await asyncio.sleep(script.before)
        except TimeoutError:
            raise GatewayError(
                Kind.TIMEOUT, "no head (up.headers)", timeout="up.headers", local=False
            ) from None
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if script.refuse is not None:
            raise script.refuse
        answer = ScriptedAnswer(script)
        self.answers.append(answer)
        return answer


@dataclass
class TestProvider:
    """A provider as data. ``teach`` is its ``learn``."""

    __test__ = False
    name: str
    offers: tuple[Surface, ...]
    teach: Callable[[Surface, GatewayError], Lesson | None] = lambda surface, error: None
    kind: str = "custom"
    operations: tuple[Surface, ...] = ()
    models: tuple[str, ...] = ()
    needs_credential: bool = True

    def surfaces(self, deployment: str) -> tuple[Surface, ...]:
        return self.offers

    def carried(self, protocol: str, deployment: str) -> Surface | None:
        return next((one for one in self.operations if one.protocol == protocol), None)

    def headers(self, surface: Surface, credential: str | None, client: Headers) -> Headers:
        return (("authorization", f"Bearer {credential}"),)

    def edit(self, surface: Surface, body: bytes, client: Headers = ()) -> tuple[bytes, tuple[Loss, ...]]:
        if "extra" in surface.facts.drop and b',"extra":"field"' in body:
            return body.replace(b',"extra":"field"', b""), ()
        return body, ()

    def read_error(self, surface: Surface, error: GatewayError, head: HttpHead) -> GatewayError:
        return error

    def learn(self, surface: Surface, error: GatewayError) -> Lesson | None:
        return self.teach(surface, error)

    def discovery(self, credential: str | None) -> HttpRequest | None:
        return None

    def decode_discovery(self, body: bytes) -> tuple[ListedModel, ...]:
        return ()


def surface(provider: str, protocol: str, name: str | None = None, **facts: object) -> Surface:
    """A surface of ``provider``; its URL is made of both names."""
    name = name or protocol
    return Surface(
        name=name,
        protocol=protocol,
        deployment=f"{provider}-model",
        url=f"http://{provider}/{name}",
        facts=Facts(provider=provider, model="model", **facts),
    )


def provider(name: str, *protocols: str, **facts: object) -> TestProvider:
    """A provider with one surface for each protocol."""
    return TestProvider(name, tuple(surface(name, protocol, **facts) for protocol in protocols))


class KeyRing:
    def __init__(self) -> None:
        self.keys: dict[str, str | None] = {}
        self.renewals = 0
        self.asked_to_renew = 0

    def at_hand(self, provider: str) -> None:
        return None

    async def credential(self, provider: str) -> str | None:
        return self.keys.get(provider, "dummy")

    async def refused(self, provider: str, error: GatewayError, *, again: bool = False) -> bool:
        if again or error.kind is not Kind.AUTHENTICATION:
            return False
        self.asked_to_renew += 1
        if self.renewals:
            self.renewals -= 1
            return True
        return False


class LoopClock:
    def __init__(self) -> None:
        self.slept: list[float] = []
        self.chance = 0.5

    def now(self) -> float:
        return now()

    def unix(self) -> int:
        return 1_700_000_000

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(seconds)

    def jitter(self) -> float:
        return self.chance

    def unique(self) -> str:
        return "0" * 24


@dataclass
class WritingSink:
    """Keeps what it is sent. ``each`` runs before each piece is taken."""

    each: Callable[["WritingSink"], Awaitable[None]] | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    async def start(self, status: int, headers: Headers) -> None:
        assert self.status is None, "started twice"
        self.status = status
        self.headers = dict(headers)

    async def send(self, data: bytes) -> None:
        if self.each is not None:
            await self.each(self)
        self._keep(data)

    at_once = None

    @property
    def direct(self) -> Take | None:
        return self._keep if self.each is None else None

    def _keep(self, data: bytes) -> bool:
        assert self.status is not None, "sent before the start"
        assert data, "an empty piece"
        self.pieces.append(data)
        self.times.append(now())
        return True

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def events(self) -> list[Said]:
        """The stream's events, read as a client would: comments skipped."""
        framer = SSEFramer()
        frames = [*framer.feed(self.body), *framer.close()]
        return [msgspec.json.decode(frame.data, type=Said) for frame in frames]

    @property
    def text(self) -> str:
        return "".join(said.v for said in self.events if said.t == "text")

    @property
    def kinds(self) -> list[str]:
        return [said.t for said in self.events]


class Records(list[ExchangeRecord]):
    def record(self, record: ExchangeRecord) -> None:
        self.append(record)


@dataclass
class Bench:
    """Everything an exchange needs, with a plan that names the providers in order."""

    upstream: ScriptedUpstream
    providers: tuple[TestProvider, ...] = (provider("one", "tiny"),)
    timeouts: Timeouts = field(default_factory=Timeouts)
    retry: Retry = field(default_factory=Retry)
    strict: bool = False
    ping: float = 15.0
    counters: dict[str, CountCodec] = field(default_factory=dict)
    clock: LoopClock = field(default_factory=LoopClock)
    keys: KeyRing = field(default_factory=KeyRing)
    records: Records = field(default_factory=Records)
    health: Health = field(default_factory=Health)
    codecs: dict[str, Codec] = field(default_factory=lambda: {name: TinyCodec(name) for name in PROTOCOLS})
    exchange: Exchange | None = None
    proofs: ProofStore | None = None
    admission: Admission | None = None

    def build(self) -> Exchange:
        """The exchange under test; the same one for all requests of a test."""
        if self.exchange is None:
            self.proofs = self.proofs or ProofStore(self.clock.now)
            self.exchange = Exchange(
                planner=self.plan,
                providers={one.name: one for one in self.providers},
                codecs=self.codecs,
                upstream=self.upstream,
                credentials=self.keys,
                clock=self.clock,
                recorder=self.records,
                timeouts=self.timeouts,
                retry=self.retry,
                proofs=self.proofs,
                learned=Learned(self.clock.now),
                health=self.health,
                counters=self.counters,
                carried=CARRIED,
                strict=self.strict,
                ping=self.ping,
                admission=self.admission,
            )
        return self.exchange

    async def plan(self, inbound: Inbound, peek: Peek) -> Plan:
        return Plan(tuple(Target(one.name, "model") for one in self.providers), "test")

    def inbound(
        self, body: bytes | None = None, *, protocol: str = "tiny", stream: bool = True, **more: object
    ) -> Inbound:
        if body is None:
            body = msgspec.json.encode({"model": "asked", "stream": stream, **more})
        return Inbound(
            codec=CARRIED.get(protocol) or self.codecs[protocol],
            operation="generate",
            body=body,
            headers=(("user-agent", "test/1"),),
            request_id="r1",
            client="tenant",
        )

    async def run(
        self,
        body: bytes | None = None,
        *,
        protocol: str = "tiny",
        stream: bool = True,
        sink: WritingSink | None = None,
        operation: Operation = "generate",
        **more: object,
    ) -> WritingSink:
        """One exchange; a GatewayError before the start comes out."""
        sink = WritingSink() if sink is None else sink
        inbound = self.inbound(body, protocol=protocol, stream=stream, **more)
        inbound = msgspec.structs.replace(inbound, operation=operation)
        await self.build().run(inbound, sink)
        return sink

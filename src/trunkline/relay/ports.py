"""What the relay needs of the outside, as interfaces: the edge implements them, tests script them."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from msgspec import Struct

from trunkline.core.asking import Asking as Asking
from trunkline.core.asking import UpstreamAnswer as UpstreamAnswer
from trunkline.core.errors import GatewayError
from trunkline.core.http import Headers, HttpRequest, Take
from trunkline.core.losses import Loss
from trunkline.core.search import SearchTool, Source
from trunkline.core.types import Request, Response
from trunkline.core.usage import Stop, Usage
from trunkline.protocols.codec import StreamEncoder
from trunkline.routing.plan import Target
from trunkline.transforms.own_tools import Round
from trunkline.transforms.parts import AnswerEdit


class Upstream(Protocol):
    """HTTP out."""

    def open(self, request: HttpRequest, *, headers_timeout: float) -> Awaitable[UpstreamAnswer]:
        """Send and wait for the head. Never follows a redirect. ``headers_timeout`` is in seconds.

        Raises GatewayError: UNREACHABLE (connect), TIMEOUT naming ``up.connect``, ``up.pool`` or
        ``up.headers``, UPSTREAM_FAILED for a broken answer.
        """
        ...


class Passage(Protocol):
    """One attempt on its way through the plugins of its provider. ``leave`` it in the end."""

    @property
    def timeout(self) -> float | None:
        """Seconds that the upstream has for its head, where a plugin said so."""
        ...

    async def sent(self, request: HttpRequest) -> HttpRequest:
        """The request as the plugins change it. Raises GatewayError naming the plugin that failed."""
        ...

    async def answered(self, answer: UpstreamAnswer) -> UpstreamAnswer:
        """The answer as the plugins change it; closing it closes ``answer``. Raises GatewayError like ``sent``."""
        ...

    def leave(self) -> None:
        """The attempt is over."""
        ...


class Plugins(Protocol):
    """The user's own code around the upstream."""

    def concern(self, provider: str, model: str) -> bool:
        """Whether requests for this model go through plugins."""
        ...

    def enter(self, asking: Asking) -> Passage:
        """Begin an attempt that plugins concern."""
        ...


class Clock(Protocol):
    """Time and chance, so that tests can hold them."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def unix(self) -> int:
        """Seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def jitter(self) -> float:
        """A random number in [0, 1)."""
        ...

    def unique(self) -> str:
        """A new identifier: 24 or more characters out of ``[0-9a-zA-Z]``."""
        ...


CALLED_OFF: Final = "called_off"
"""What a cancellation says when an administrator is the cause."""


class ClientGone(Exception):
    """What a sink raises when the client's connection is gone.

    ``stalled``: the client is there but took nothing for ``client.write_stall`` seconds. Cancelling the
    task that runs the exchange means the same as a plain ``ClientGone``.
    """

    def __init__(self, *, stalled: bool = False) -> None:
        super().__init__("the client took nothing for too long" if stalled else "the client is gone")
        self.stalled = stalled


AtOnce = Callable[[Headers, Headers, bytes], bool]
"""Takes a whole answer with status 200: headers that many answers have, headers that only this one has, and the body. Its
length is not among the headers. False: not now, it has to be ``start`` and ``send``."""


class Sink(Protocol):
    """The client's side of an exchange. Both calls may raise :class:`ClientGone`."""

    @property
    def direct(self) -> Take | None:
        """Sends more of a stream that has begun without waiting, whole frames only; None where it has to be ``send``.

        False when the connection can take no more for now: the next piece goes by ``send``.
        """
        ...

    @property
    def at_once(self) -> AtOnce | None:
        """Sends a whole answer, in place of ``start`` and ``send``; None where it has to be those."""
        ...

    async def start(self, status: int, headers: Headers) -> None:
        """Status and headers, once, before any body. ``content-length`` is among them if known."""
        ...

    async def send(self, data: bytes) -> None:
        """More of the body; returns when the client's connection can take more (back-pressure)."""
        ...


class AttemptRecord(Struct, frozen=True, kw_only=True):
    """One try on one surface of one target."""

    target: str
    surface: str
    protocol: str
    status: int | None
    error: str | None
    seconds: float


class ExchangeRecord(Struct, frozen=True):
    """All there is to know about one exchange when it is over; no bodies, no secrets."""

    request_id: str
    protocol: str
    operation: str
    asked_model: str
    provider: str | None
    model: str | None
    route: str
    stream: bool
    status: int
    outcome: str
    """``ok``, ``error``, ``truncated``, ``client_closed``, ``client_stalled`` or ``stopped`` (by us)."""
    attempts: tuple[AttemptRecord, ...]
    losses: tuple[Loss, ...]
    usage: Usage | None
    stop: Stop | None
    error: str | None
    seconds: float
    first_byte_seconds: float | None
    client: str
    """Which client key was used: a digest's first digits, or ``-``."""
    agent: str
    """The client's user agent, cut to a safe length."""
    session: str | None


class Recorder(Protocol):
    """Takes one record an exchange; never blocks, never raises."""

    def record(self, record: ExchangeRecord) -> None: ...


class Finder(Protocol):
    """Searches the web and reads pages, for clients whose provider cannot."""

    @property
    def max_uses(self) -> int:
        """Searches and pages for one request, at the most."""
        ...

    @property
    def fetches(self) -> bool:
        """Whether pages are read at all."""
        ...

    async def search(self, query: str, tool: SearchTool) -> tuple[Source, ...]:
        """What was found, best first; the tool's domains are a wish here. Raises SearchFailed."""
        ...

    async def fetch(self, url: str, tool: SearchTool) -> Source:
        """A page as text, cut to the tool's limit. Raises SearchFailed; never reads a private address."""
        ...


class BodyCounter(Protocol):
    """What a provider's configuration has its requests counted with."""

    @property
    def name(self) -> str: ...

    async def of(self, body: bytes) -> int:
        """The tokens of a request body. Raises GatewayError when nobody can tell."""
        ...


class Tokenizers(Protocol):
    """The tokenizers that are configured."""

    def named(self, target: Target) -> BodyCounter | None:
        """That of a model, None where it has none of its own."""
        ...


class Loop(Protocol):
    """Tools that we run inside one exchange, over all its attempts (:mod:`trunkline.relay.rounds`)."""

    @property
    def begun(self) -> bool:
        """The client has seen something: the rest of the answer comes from here, whoever gives it."""
        ...

    def offered(self, request: Request) -> Request:
        """The request as it is asked next."""
        ...

    def encoder(self) -> StreamEncoder:
        """The client's stream, one for all rounds."""
        ...

    def round(self, restore: AnswerEdit | None) -> Round:
        """What the next answer goes through."""
        ...

    def taken(self, response: Response) -> Response | None:
        """A whole answer: the client's if it is the last one, None if it asks for more."""
        ...

    async def go_on(self) -> bool:
        """Do what the model asked for. True when it has to be asked again, with what was found."""
        ...


class Credentials(Protocol):
    """Upstream credentials, by provider name."""

    def at_hand(self, provider: str) -> str | None:
        """The current credential where it is here and good; None: :meth:`credential` has to say."""
        ...

    async def credential(self, provider: str) -> str | None:
        """The current credential, None when the provider has none. Raises GatewayError (AUTHENTICATION)."""
        ...

    async def refused(self, provider: str, error: GatewayError, *, again: bool = False) -> bool:
        """An upstream refused the credential, or what it may use is used up; True when another one is worth a try.

        ``again``: not for the first time in this attempt.
        """
        ...

    async def sign(self, provider: str, request: HttpRequest) -> HttpRequest:
        """``request``, complete but for its signature, with the headers that sign it; asked only for surfaces
        that are ``signed``. The same object where a credential in a header is enough. Raises GatewayError
        (AUTHENTICATION)."""
        ...

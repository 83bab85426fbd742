"""What the relay knows of a provider: its surfaces, its headers, its edits, and what its refusals teach."""

from typing import Protocol

from msgspec import Struct

from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.framing import Framing
from trunkline.core.http import Headers, HttpHead, HttpRequest
from trunkline.core.losses import Loss


class Surface(Struct, frozen=True, kw_only=True):
    """One way to ask one deployment: a protocol at a URL. A provider may offer several for a model."""

    name: str
    """Unique within the provider: ``chat``, ``messages``, ``serving_chat``, ``gateway_messages``..."""
    protocol: str
    deployment: str
    """The model's name as this surface spells it; goes into the body."""
    url: str
    stream_url: str | None = None
    """Where streams are asked for, when that is another place (gemini: the path holds the method)."""
    count_url: str | None = None
    """Where tokens are counted in this protocol, if the provider can."""
    reserve: bool = False
    """Never the first choice: only asked once a refusal taught to."""
    framing: Framing | None = None
    """How streams are framed, when it is not as server-sent events."""
    signed: bool = False
    """Requests may have to be signed as a whole, when all else of them is settled."""
    facts: Facts

    def asked_at(self, *, stream: bool) -> str:
        """The URL of a generation request."""
        return self.stream_url if stream and self.stream_url is not None else self.url


class Relearned(Struct, frozen=True):
    """Ask the same surface again with these facts; ``why`` is for the log."""

    facts: Facts
    why: str


class Switched(Struct, frozen=True):
    """This surface refuses the model: ask the named one from now on."""

    surface: str
    why: str


class Again(Struct, frozen=True):
    """Sampling luck: the very same request may pass."""

    why: str


Lesson = Relearned | Switched | Again


class ListedModel(Struct, frozen=True):
    """A model the provider says it serves."""

    id: str
    display_name: str | None = None
    base: str | None = None
    """The model behind a name of the user's own, where the provider says so."""


class Provider(Protocol):
    """A configured provider. Holds no secret: the credential is handed in for each request."""

    @property
    def name(self) -> str:
        """The user's name for it: the key under ``providers``."""
        ...

    @property
    def kind(self) -> str:
        """The catalog entry it was made from."""
        ...

    @property
    def models(self) -> tuple[str, ...]:
        """The deployments the configuration names, in order; empty: to be discovered."""
        ...

    @property
    def needs_credential(self) -> bool: ...

    def surfaces(self, deployment: str) -> tuple[Surface, ...]:
        """Every way to ask ``deployment``, in the provider's own order of preference; empty only for one
        that has nothing but operations that pass through."""
        ...

    def carried(self, protocol: str, deployment: str) -> Surface | None:
        """Where an operation that only passes through (``openai_embeddings``) is asked; None without it."""
        ...

    def headers(self, surface: Surface, credential: str | None, client: Headers) -> Headers:
        """All headers of a request but framing: authentication, version, and those of the client's
        that this surface takes (filtered by ``surface.facts``)."""
        ...

    def edit(self, surface: Surface, body: bytes, client: Headers = ()) -> tuple[bytes, tuple[Loss, ...]]:
        """The last edits of an encoded or passed-through body: allow-lists, the provider's strictness, and what
        of the client's headers has its place in the body here.

        Returns ``body`` itself when there is nothing to do.
        """
        ...

    def read_error(self, surface: Surface, error: GatewayError, head: HttpHead) -> GatewayError:
        """The protocol's reading of an error, refined by what this provider means with it."""
        ...

    def learn(self, surface: Surface, error: GatewayError) -> Lesson | None:
        """What to do differently after this refusal; None when nothing would help."""
        ...

    def discovery(self, credential: str | None) -> HttpRequest | None:
        """The request that lists models; None when the provider has no such call."""
        ...

    def decode_discovery(self, body: bytes) -> tuple[ListedModel, ...]:
        """The models in a discovery answer. Raises GatewayError (UPSTREAM_FAILED) when unreadable."""
        ...

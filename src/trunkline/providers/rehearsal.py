"""The provider behind the rehearsal: two surfaces inside this process, no credential, nothing to learn."""

from typing import Final

from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.http import Headers, HttpHead, HttpRequest
from trunkline.core.losses import Loss
from trunkline.providers.provider import Lesson, ListedModel, Surface

SCHEME: Final = "rehearsal://"
"""URLs of this scheme go to the upstream that plays recordings, never to a socket."""

MODELS: Final = ("rehearsal", "claude-rehearsal")
"""Names a client can ask for; any other is taken too. Agents that list models want ``claude`` in a name."""

_ENDPOINTS: Final = (
    ("messages", "anthropic_messages", "/v1/messages"),
    ("chat", "openai_chat", "/v1/chat/completions"),
)


class RehearsalProvider:
    """Answers come from recorded traffic; see the upstream of the same name."""

    def __init__(self, name: str = "rehearsal", models: tuple[str, ...] = ()) -> None:
        self._name = name
        self._models = models or MODELS

    @property
    def name(self) -> str:
        """The name in the configuration, and in every answer's ``x-trunkline-provider``."""
        return self._name

    @property
    def kind(self) -> str:
        """Always ``rehearsal``."""
        return "rehearsal"

    @property
    def models(self) -> tuple[str, ...]:
        """The configured names, or :data:`MODELS`."""
        return self._models

    @property
    def needs_credential(self) -> bool:
        """Never."""
        return False

    def surfaces(self, deployment: str) -> tuple[Surface, ...]:
        """Messages and Chat, both willing to take anything their protocol can say."""
        return tuple(
            Surface(
                name=name,
                protocol=protocol,
                deployment=deployment,
                url=f"{SCHEME}trunkline{path}",
                facts=Facts(
                    provider=self._name,
                    model=deployment,
                    reasoning="budget_or_adaptive" if protocol == "anthropic_messages" else "effort",
                    cache_marks=True,
                ),
            )
            for name, protocol, path in _ENDPOINTS
        )

    def carried(self, protocol: str, deployment: str) -> Surface | None:
        """There are no recordings of anything but chat."""
        del protocol, deployment
        return None

    def headers(self, surface: Surface, credential: str | None, client: Headers) -> Headers:
        """Only the content type: nobody reads the rest."""
        del surface, credential, client
        return (("content-type", "application/json"),)

    def edit(self, surface: Surface, body: bytes, client: Headers = ()) -> tuple[bytes, tuple[Loss, ...]]:
        """Nothing to edit."""
        del surface, client
        return body, ()

    def read_error(self, surface: Surface, error: GatewayError, head: HttpHead) -> GatewayError:
        """The protocol's own reading stands."""
        del surface, head
        return error

    def learn(self, surface: Surface, error: GatewayError) -> Lesson | None:
        """A refusal here is about the request; asking otherwise would not help."""
        del surface, error
        return None

    def discovery(self, credential: str | None) -> HttpRequest | None:
        """The names are known: no call."""
        del credential
        return None

    def decode_discovery(self, body: bytes) -> tuple[ListedModel, ...]:
        """Never asked, since there is no discovery; the known names all the same."""
        del body
        return tuple(ListedModel(model) for model in self._models)

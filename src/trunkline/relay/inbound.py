"""A client's request as the server hands it to the relay."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from trunkline.config.secret import Secret
from trunkline.core.http import Headers
from trunkline.protocols.codec import Carrier, Peek
from trunkline.relay.kept import AnswerStore
from trunkline.relay.recent import Known

Operation = Literal[
    "generate", "count_tokens", "compact", "prepare", "retrieve", "delete", "list_input", "cancel"
]
"""``compact``: a conversation to a shorter one. ``prepare``: keep the request, generate nothing. The last four
are about an answer that is kept."""


class Subject(Struct, frozen=True):
    """The kept answer that a request is about, and the request's query as the client sent it."""

    answer_id: str
    query: str = ""


class Added(Struct, frozen=True, kw_only=True):
    """The route of a plugin's own that a request came by."""

    plugin: str
    path: str
    values: Mapping[str, str] = {}
    """What the variable parts of the route's path stood for, by name."""


class Compared(Struct, frozen=True):
    """A body, and what is known of it."""

    body: bytes
    known: Known | None


class Inbound(Struct, frozen=True, kw_only=True):
    """One authenticated request, body complete. ``headers`` are the client's, without credentials."""

    codec: Carrier
    operation: Operation
    body: bytes
    headers: Headers
    request_id: str
    client: str
    """A digest of the client key, the tenant of everything we keep; ``-`` without keys."""
    peek: Peek | None = None
    """Model and stream flag where the path says them (gemini); the body's own are not read then."""
    subject: Subject | None = None
    token: Secret | None = None
    """What the client presented that is no key of ours; for providers that are asked with it."""
    memory: AnswerStore | None = None
    """What the client's connection remembers: answers that are not to be kept beyond it."""
    compared: Compared | None = None
    """Large bodies beside the client's last ones."""
    added: Added | None = None
    """Set where the body is in the dialect of that route's plugin, which turns it into ``codec``'s and back."""

    @property
    def known(self) -> Known | None:
        """What is known of the body; None for a small one, and for one that was changed since it was compared."""
        compared = self.compared
        return None if compared is None or compared.body is not self.body else compared.known

    @property
    def news(self) -> bytes:
        """The body without what is known: all its small fields, and the turns that are new."""
        return self.body if (known := self.known) is None else known.text

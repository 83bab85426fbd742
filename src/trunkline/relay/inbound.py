"""A client's request as the server hands it to the relay."""

from typing import Literal

from msgspec import Struct

from trunkline.core.http import Headers
from trunkline.protocols.codec import Carrier, Peek

Operation = Literal["generate", "count_tokens"]


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

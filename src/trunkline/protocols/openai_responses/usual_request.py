"""Requests as agents send them, read in one pass: items told apart by their type and decoded with everything else.

Whatever is not exactly like them takes the open way of :mod:`wire`, which also words the errors.
"""

from typing import Final

import msgspec
from msgspec import Struct

from trunkline.protocols.openai_responses.wire import (
    WireReasoning,
    WireRequest,
    WireTextMessage,
    WireTextPart,
)


class KnownMessage(WireTextMessage, tag="message"):
    """A turn of either side in words."""


class KnownCall(Struct, tag="function_call"):
    """A call in history."""

    call_id: str
    name: str
    arguments: str
    namespace: str | None = None
    status: str | None = None
    id: str | None = None


class KnownCustomCall(Struct, tag="custom_tool_call"):
    """A freeform call in history."""

    call_id: str
    name: str
    input: str
    namespace: str | None = None
    status: str | None = None
    id: str | None = None


class KnownOutput(Struct, tag="function_call_output"):
    """What a call gave."""

    call_id: str
    output: str | list[WireTextPart]


class KnownCustomOutput(Struct, tag="custom_tool_call_output"):
    """What a freeform call gave."""

    call_id: str
    output: str | list[WireTextPart]


class KnownReasoning(WireReasoning, tag="reasoning"):
    """Reasoning that is sent back."""


KnownItem = KnownMessage | KnownCall | KnownCustomCall | KnownOutput | KnownCustomOutput | KnownReasoning


class WireKnownRequest(WireRequest, forbid_unknown_fields=True):
    """A request with nothing unusual in it."""

    input: str | list[KnownItem] | None = None  # type: ignore[assignment]  # read, never written


KNOWN_REQUEST: Final = msgspec.json.Decoder(WireKnownRequest)

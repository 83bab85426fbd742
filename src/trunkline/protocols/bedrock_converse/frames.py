"""Converse's event stream as server-sent events: the event's name, and its JSON as data."""

from typing import Final

from trunkline.core.aws_eventstream import EventStreamUnframer, Message
from trunkline.core.framing import encode_event

EXCEPTION: Final = "exception:"
"""How the name of an exception's frame begins."""


def exception_of(message: Message) -> str | None:
    """The name of the exception that a message holds, None for an event."""
    if message.headers.get(":message-type") == "event":
        return None
    return message.headers.get(":exception-type") or message.headers.get(":error-code") or "unknown"


class ConverseUnframer(EventStreamUnframer):
    """One server-sent event a message, an exception among them by its name."""

    def __init__(self) -> None:
        super().__init__(_event)


def _event(message: Message) -> bytes:
    exception = exception_of(message)
    if exception is None:
        return encode_event(message.headers.get(":event-type", "").encode(), message.payload or b"{}")
    payload = message.payload
    if not payload.lstrip().startswith(b"{"):  # an error without JSON says it in a header
        said = message.headers.get(":error-message", "")
        payload = b'{"message":"' + said.replace("\\", " ").replace('"', "'").encode() + b'"}'
    return encode_event((EXCEPTION + exception).encode(), payload)

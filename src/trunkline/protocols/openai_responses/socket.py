"""Responses over WebSocket: a client's message to a request, and what only the socket says.

Everything else is the same as over HTTP: a request's answer is its stream of events, one a message.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.errors import GatewayError
from trunkline.core.splice import raw_fields, splice
from trunkline.protocols.codec import ErrorReply
from trunkline.protocols.openai_responses.refusals import invalid, missing
from trunkline.protocols.openai_responses.wire import encode, present

CREATE: Final = "response.create"
DONE: Final = b"[DONE]"
MAX_LANE: Final = 256


class Asked(Struct, frozen=True):
    """One ``response.create``: the body as it would come by HTTP, and what it says about the socket."""

    body: bytes
    generate: bool = True
    """False: only keep the request, so that the next one can continue it."""
    lane: bytes | None = None
    """``stream_id`` as it stands in the message; every event of the answer repeats it."""


def decode_message(data: bytes) -> Asked:
    """A client's message. Raises GatewayError (INVALID_REQUEST) for anything but ``response.create``."""
    fields = raw_fields(data)
    kind = _text(fields.get("type"), "type")
    if kind is None:
        raise missing("type")
    if kind != CREATE:
        raise invalid(f"Invalid value: '{kind[:80]}'. Supported values are: '{CREATE}'.", "type")
    if fields.get("background") == b"true":
        raise invalid(
            "'background' is not supported over WebSocket.", "background", "unsupported_parameter"
        )
    generate = fields.get("generate", b"true")
    if generate not in (b"true", b"false", b"null"):
        raise invalid("Invalid type for 'generate': expected a boolean.", "generate", "invalid_type")
    lane = fields.get("stream_id")
    name = _text(lane, "stream_id")
    if name is not None and len(name) > MAX_LANE:
        raise invalid(f"'stream_id' is longer than {MAX_LANE} characters.", "stream_id")
    body = splice(data, {"type": None, "generate": None, "stream_id": None, "stream": b"true"})
    return Asked(body, generate != b"false", None if name is None else lane)


def _text(value: bytes | None, field: str) -> str | None:
    if value is None or value == b"null":
        return None
    try:
        return msgspec.json.decode(value, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise invalid(f"Invalid type for '{field}': expected a string.", field, "invalid_type") from None


def in_lane(event: bytes, lane: bytes | None) -> bytes:
    """An event of an answer, with the lane it belongs to."""
    if lane is None:
        return event
    return event.rstrip()[:-1] + b',"stream_id":' + lane + b"}"


class _Envelope(Struct):
    error: Raw = Raw()


def error_event(error: GatewayError, reply: ErrorReply, lane: bytes | None = None) -> bytes:
    """An error that comes in place of an answer: what HTTP would have said, as one event."""
    said: object = {
        "message": error.message,
        "type": "server_error",
        "code": error.code,
        "param": error.field,
    }
    try:
        found = msgspec.json.decode(reply.body, type=_Envelope).error
        said = found if present(found) else said
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass  # an upstream's own body that is no envelope: its text is in the message
    status = reply.status
    if error.code == "previous_response_not_found":
        status = 400  # as OpenAI has it on the socket
    headers = {name: value for name, value in reply.headers if name != "content-type"}
    event = encode({"type": "error", "status": status, "error": said, "headers": headers})
    return in_lane(event, lane)

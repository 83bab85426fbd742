"""What the tests of this room share: tapes, frames, and short ways to build values."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw

from trunkline.core.events import StreamEvent
from trunkline.core.facts import Facts
from trunkline.core.sse import SSEFramer, SSEvent
from trunkline.core.types import Message, Part, Request, Text, ToolCall, ToolResult
from trunkline.protocols.anthropic_messages import ANTHROPIC_MESSAGES
from trunkline.protocols.codec import Encoded, ReplyContext

TAPES = Path(__file__).parent / "tapes"
STREAMS = sorted(TAPES.glob("*.sse"))
CONTEXT = ReplyContext(id="req123", model="asked", created=1_700_000_000, input_estimate=42)
ROOM = ANTHROPIC_MESSAGES


def tape(name: str) -> bytes:
    """A tape's bytes."""
    return (TAPES / name).read_bytes()


def recorded(name: str) -> bytes:
    """The body of a recorded request, as a client would send it."""
    return msgspec.json.encode(msgspec.json.decode(tape(f"{name}.request.json"))["body"])


def frames(data: bytes, cuts: Iterable[int] = ()) -> list[SSEvent]:
    """The frames of a stream that arrives cut at the given places."""
    framer = SSEFramer()
    found: list[SSEvent] = []
    for begin, end in pairwise([0, *sorted(cuts), len(data)]):
        found += framer.feed(data[begin:end])
    return found + framer.close()


def decoded(data: bytes, cuts: Iterable[int] = (), origin: str = "origin") -> list[StreamEvent]:
    """The neutral events of a stream, to its end."""
    decoder = ROOM.stream_decoder(origin)
    events = [event for frame in frames(data, cuts) for event in decoder.feed(frame)]
    return events + decoder.close()


def encoded(events: Iterable[StreamEvent], context: ReplyContext = CONTEXT) -> bytes:
    """The client's stream for these events."""
    encoder = ROOM.stream_encoder(context)
    return b"".join(encoder.feed(event) for event in events)


def payloads(stream: bytes) -> list[Any]:
    """Every payload of a stream, after checking that its name is its type."""
    found = []
    for frame in frames(stream):
        payload = msgspec.json.decode(frame.data)
        assert frame.event == payload["type"].encode()
        found.append(payload)
    return found


def stream(*items: object) -> bytes:
    """A stream of these payloads, named by their types."""
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (item["type"].encode(), msgspec.json.encode(item))  # type: ignore[index]
        for item in items
    )


def ask(*messages: Message, **fields: Any) -> Request:
    """A request from a client of another protocol."""
    return Request(
        **{"protocol": "openai_chat", "model": "claude", "max_tokens": 1000, **fields, "messages": messages}
    )


def user(*parts: Part | str) -> Message:
    """A user turn."""
    return Message("user", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def assistant(*parts: Part | str) -> Message:
    """An assistant turn."""
    return Message("assistant", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def call(call_id: str, arguments: str = "{}", name: str = "run") -> ToolCall:
    """A call."""
    return ToolCall(id=call_id, name=name, arguments=arguments)


def result(call_id: str, text: str = "ok", **fields: Any) -> ToolResult:
    """A result of one text."""
    return ToolResult(call_id=call_id, content=(Text(text),) if text else (), **fields)


def sent(request: Request, facts: Facts | None = None) -> Any:
    """The body that goes to the target, as plain values."""
    return msgspec.json.decode(encode(request, facts).body)


def encode(request: Request, facts: Facts | None = None) -> Encoded:
    """The encoding for a permissive target, or the given one."""
    return ROOM.encode_request(request, facts or Facts())


def lost(request: Request, facts: Facts | None = None) -> list[str]:
    """The fields that stay behind."""
    return [loss.field for loss in encode(request, facts).losses]


def raw(value: object) -> Raw:
    """Raw JSON of a value."""
    return Raw(msgspec.json.encode(value))


def body(**fields: object) -> bytes:
    """A client's request with these fields beside the required ones."""
    return msgspec.json.encode({"model": "m", "max_tokens": 10, "messages": [], **fields})

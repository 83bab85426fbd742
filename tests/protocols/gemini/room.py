"""What the tests of this room share: tapes, frames, and short ways to build values."""

import gzip
import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from msgspec import Raw

from trunkline.core.events import StreamEvent, fold
from trunkline.core.facts import Facts
from trunkline.core.sse import SSEFramer, SSEvent
from trunkline.core.types import Message, Part, Request, Response, Text, ToolCall, ToolResult
from trunkline.protocols.codec import Encoded, ReplyContext
from trunkline.protocols.gemini import GEMINI

TAPES = Path(__file__).parent / "tapes"
STREAMS = sorted(TAPES.glob("*.sse"))
ORIGIN = "0123456789abcdef"
CONTEXT = ReplyContext(id="req123", model="asked", created=1_700_000_000)
ROOM = GEMINI


def tape(name: str) -> bytes:
    """A tape's bytes."""
    return (TAPES / name).read_bytes()


def recorded(name: str) -> bytes:
    """The body of a recorded request, as a client would send it."""
    return json.dumps(json.loads(tape(f"{name}.request.json"))["body"]).encode()


def clients() -> list[dict[str, Any]]:
    """Every recorded request of the agents and SDKs that speak this protocol."""
    lines = gzip.decompress(tape("clients.jsonl.gz")).decode("utf-8", "surrogatepass").split("\n")
    return [json.loads(line) for line in lines]


def client(name: str) -> bytes:
    """One of them by its name."""
    return next(json.dumps(one["body"]).encode() for one in clients() if one["name"].startswith(name))


def frames(data: bytes, cuts: Iterable[int] = ()) -> list[SSEvent]:
    """The frames of a stream that arrives cut at the given places."""
    framer = SSEFramer()
    found: list[SSEvent] = []
    for begin, end in pairwise([0, *sorted(cuts), len(data)]):
        found += framer.feed(data[begin:end])
    return found + framer.close()


def heard(found: Iterable[SSEvent], origin: str = ORIGIN) -> list[StreamEvent]:
    """The neutral events of frames, to their end."""
    decoder = ROOM.stream_decoder(origin)
    events = [event for frame in found for event in decoder.feed(frame)]
    return events + decoder.close()


def decoded(data: bytes, cuts: Iterable[int] = ()) -> list[StreamEvent]:
    """The neutral events of a stream, to its end."""
    return heard(frames(data, cuts))


def streamed(*chunks: object) -> list[StreamEvent]:
    """The events of these chunks."""
    return heard(
        SSEvent(chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode()) for chunk in chunks
    )


def chunk(*parts: object, finish: str | None = None, **fields: object) -> dict[str, object]:
    """A chunk with these parts."""
    candidate: dict[str, object] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    candidate |= {key: fields.pop(key) for key in ("groundingMetadata", "finishMessage") if key in fields}
    return {"candidates": [candidate], "modelVersion": "gemini-x", "responseId": "r1", **fields}


def told(*chunks: object) -> Response:
    """The whole answer of these chunks."""
    return fold(streamed(*chunks))


def answered(value: object, origin: str = ORIGIN) -> Response:
    """A whole answer."""
    return ROOM.decode_response(value if isinstance(value, bytes) else json.dumps(value).encode(), origin)


def encoded(events: Iterable[StreamEvent], context: ReplyContext = CONTEXT) -> bytes:
    """The client's stream for these events."""
    encoder = ROOM.stream_encoder(context)
    return b"".join(encoder.feed(event) for event in events)


def payloads(stream: bytes) -> list[Any]:
    """Every payload of a stream."""
    return [json.loads(frame.data) for frame in frames(stream)]


def asked(*parts: object, **fields: object) -> Request:
    """A client's request with one user turn, or with whole contents under ``contents``."""
    body = {"contents": [{"role": "user", "parts": list(parts or [{"text": "x"}])}], **fields}
    return ROOM.decode_request(json.dumps(body).encode())


def turns(*contents: object) -> Request:
    """A client's request of these contents."""
    return asked(contents=list(contents))


def said(*parts: object) -> dict[str, object]:
    """A content of the model."""
    return {"role": "model", "parts": list(parts)}


def given(*parts: object) -> dict[str, object]:
    """A content of the user."""
    return {"role": "user", "parts": list(parts)}


def ask(*messages: Message, **fields: Any) -> Request:
    """A request from a client of another protocol."""
    return Request(**{"protocol": "openai_chat", "model": "m", **fields, "messages": messages})


def user(*parts: Part | str) -> Message:
    """A user turn."""
    return Message("user", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def assistant(*parts: Part | str) -> Message:
    """An assistant turn."""
    return Message("assistant", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def call(call_id: str, arguments: str = "{}", name: str = "run", **fields: Any) -> ToolCall:
    """A call."""
    return ToolCall(id=call_id, name=name, arguments=arguments, **fields)


def result(call_id: str, text: str = "ok", **fields: Any) -> ToolResult:
    """A result of one text."""
    return ToolResult(call_id=call_id, content=(Text(text),) if text else (), **fields)


def encode(request: Request, facts: Facts | None = None) -> Encoded:
    """The encoding for a permissive target, or the given one."""
    return ROOM.encode_request(request, facts or Facts())


def sent(request: Request, facts: Facts | None = None) -> Any:
    """The body that goes to the target, as plain values."""
    return json.loads(encode(request, facts).body)


def contents(*messages: Message, facts: Facts | None = None) -> Any:
    """The contents that go to the target."""
    return sent(ask(*messages), facts)["contents"]


def lost(request: Request, facts: Facts | None = None) -> list[str]:
    """The fields that stay behind."""
    return [loss.field for loss in encode(request, facts).losses]


def raw(value: object) -> Raw:
    """Raw JSON of a value."""
    return Raw(json.dumps(value, separators=(",", ":")).encode())

"""What the tests of this room share: tapes, frames, and short ways to build values."""

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from trunkline.core.events import StreamEvent
from trunkline.core.facts import Facts
from trunkline.core.sse import SSEFramer, SSEvent
from trunkline.core.types import Request
from trunkline.protocols.codec import Encoded, ReplyContext
from trunkline.protocols.openai_responses import OPENAI_RESPONSES

TAPES = Path(__file__).parent / "tapes"
STREAMS = sorted(TAPES.glob("*.sse"))
REQUESTS = sorted(TAPES.glob("*.request.json"))
CONTEXT = ReplyContext(id="req123", model="asked", created=1_700_000_000)
ROOM = OPENAI_RESPONSES
Body = dict[str, Any]


def tape(name: str) -> bytes:
    """A tape's bytes."""
    return (TAPES / name).read_bytes()


def recorded(name: str) -> bytes:
    """The body of a recorded request, as a client would send it."""
    return json.dumps(json.loads(tape(f"{name}.request.json"))["body"]).encode()


def frames(data: bytes, cuts: Iterable[int] = ()) -> list[SSEvent]:
    """The frames of a stream that arrives cut at the given places."""
    framer = SSEFramer()
    found: list[SSEvent] = []
    for begin, end in pairwise([0, *sorted(cuts), len(data)]):
        found += framer.feed(data[begin:end])
    return found + framer.close()


def decoded(data: bytes, cuts: Iterable[int] = (), origin: str = "maker") -> list[StreamEvent]:
    """The neutral events of a stream, to its end."""
    decoder = ROOM.stream_decoder(origin)
    events = [event for frame in frames(data, cuts) for event in decoder.feed(frame)]
    return events + decoder.close()


def stream(*payloads: Body, named: bool = True) -> bytes:
    """A stream of these events."""
    lines = []
    for number, payload in enumerate(payloads):
        name = f"event: {payload['type']}\n" if named else ""
        lines.append(f"{name}data: {json.dumps({**payload, 'sequence_number': number})}\n\n")
    return "".join(lines).encode()


def encoded(events: Iterable[StreamEvent], context: ReplyContext = CONTEXT) -> bytes:
    """The client's stream for these events."""
    encoder = ROOM.stream_encoder(context)
    return b"".join(encoder.feed(event) for event in events)


def payloads(body: bytes) -> list[Body]:
    """Every payload of a stream, after checking names, and that numbers ascend without a gap."""
    found = []
    for number, frame in enumerate(frames(body)):
        payload = json.loads(frame.data)
        assert frame.event == payload["type"].encode()
        assert payload["sequence_number"] == number
        found.append(payload)
    return found


def request(**fields: Any) -> Request:
    """A request with these fields, read by the room."""
    return ROOM.decode_request(json.dumps({"model": "m", "input": "hi", **fields}).encode())


def sent(asked: Request, **facts: Any) -> tuple[Body, Encoded]:
    """The body for a target, decoded, and what was learned on the way."""
    result = ROOM.encode_request(asked, Facts(**facts))
    return json.loads(result.body), result


def lost(result: Encoded) -> set[str]:
    """Names of the fields that stayed behind."""
    return {loss.field for loss in result.losses}


def terminal(body: bytes) -> Body:
    """The response object of a stream's terminal event."""
    for frame in frames(body):
        if frame.data[:1] == b"{":
            payload = json.loads(frame.data)
            if payload.get("type") in {"response.completed", "response.incomplete", "response.failed"}:
                return payload["response"]
    raise AssertionError("the stream has no terminal")

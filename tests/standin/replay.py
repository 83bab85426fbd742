"""Recorded bytes as a reply."""

from standin.script import Tape
from standin.wire import Reply, deliver


def replay(tape: Tape) -> Reply:
    """The tape's bytes, event by event where they are a stream."""
    data = tape.path.read_bytes()
    sse = tape.path.suffix == ".sse"
    kind = tape.content_type or ("text/event-stream" if sse else "application/json")
    headers = (("content-type", kind),)
    if not sse:
        return Reply(tape.status, headers, (data,))
    events = [event + b"\n\n" for event in data.split(b"\n\n") if event.strip()]
    return deliver(events, tape.delivery, headers)

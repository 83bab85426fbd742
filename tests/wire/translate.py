"""Our two ways from one protocol into another, as the relay goes them."""

from collections.abc import Iterable, Iterator

from trunkline.core.events import Failed, Finished, StreamEvent
from trunkline.core.sse import SSEFramer, SSEvent
from trunkline.protocols.codec import ReplyContext
from trunkline.protocols.gemini import JsonArrayFramer
from trunkline.protocols.registry import CODECS

ORIGIN = "0123456789abcdef"
CONTEXT = ReplyContext(
    id="0a1b2c3d4e5f6a7b8c9d0e1f",
    model="asked-model",
    created=1_700_000_000,
    input_estimate=7,
    stream_usage=True,
)


def whole(body: bytes, source: str, target: str) -> bytes:
    """A whole answer, decoded and encoded."""
    return CODECS[target].encode_response(CODECS[source].decode_response(body, ORIGIN), CONTEXT)


def frames(chunks: Iterable[bytes]) -> Iterator[SSEvent]:
    """The frames of a stream that arrives in ``chunks``, in either framing."""
    framer: SSEFramer | JsonArrayFramer | None = None
    for chunk in chunks:
        if framer is None:  # Gemini without alt=sse: one array, in pieces
            framer = JsonArrayFramer() if chunk[:1] == b"[" else SSEFramer()
        yield from framer.feed(chunk)
    yield from framer.close() if framer else ()


def events(chunks: Iterable[bytes], source: str) -> list[StreamEvent]:
    """The neutral events of a stream that arrives in ``chunks``."""
    decoder = CODECS[source].stream_decoder(ORIGIN)
    found = [event for frame in frames(chunks) for event in decoder.feed(frame)]
    return found + decoder.close()


def stream(chunks: Iterable[bytes], source: str, target: str) -> bytes:
    """A streamed answer, decoded and encoded event by event."""
    return encoded(events(chunks, source), target)


def encoded(found: Iterable[StreamEvent], target: str) -> bytes:
    """Neutral events as a client of ``target`` gets them."""
    encoder = CODECS[target].stream_encoder(CONTEXT)
    return b"".join(encoder.feed(event) for event in found)


def ends(found: list[StreamEvent]) -> list[StreamEvent]:
    """The terminal events; a lawful stream has exactly one, at its end."""
    return [event for event in found if isinstance(event, Finished | Failed)]

"""One stream on its way to the client: upstream chunks in, client bytes out.

Nothing is released before the first part or the end was seen, so that an error that comes as the first
event can still fall back. After that a failure is one error event, and never a made-up terminator.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from trunkline.accounting.estimate import output_tokens, streamed_tokens
from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import (
    Failed,
    Finished,
    PartDelta,
    PartStarted,
    Started,
    StreamEvent,
)
from trunkline.core.sse import SSEFramer, SSEvent
from trunkline.core.usage import Stop, Usage, latest
from trunkline.protocols.codec import Carrier, StreamDecoder, StreamEncoder
from trunkline.relay.gathering import Gathering
from trunkline.transforms.parts import AnswerEdit

MAX_HELD: Final = 4 * 1024 * 1024
"""Bytes before the first part; more of them is no answer."""


MAX_DELTA: Final = 2048
"""Bytes of an event that may be a piece of an answer; larger ones are results or proofs, which nobody wrote."""


class Pipe(Protocol):
    """What the relay sees of a stream, translated or passed through."""

    begun: bool
    """The upstream sent an event that is more than a sign of life."""
    released: bool
    """Content went out: errors can no longer fall back."""
    failed: GatewayError | None

    @property
    def usage(self) -> Usage | None: ...

    @property
    def stop(self) -> Stop | None: ...

    @property
    def finished(self) -> bool:
        """The protocol's own end was seen."""
        ...

    @property
    def at_boundary(self) -> bool:
        """What was sent so far ends between two frames: a frame of ours may follow."""
        ...

    @property
    def output_estimate(self) -> int:
        """Output tokens so far, guessed from what went by: for a stream that never told its usage."""
        ...

    def feed(self, chunk: bytes) -> bytes:
        """Client bytes for an upstream chunk. A failure shows in ``failed``; never raises."""
        ...

    def close(self) -> bytes:
        """The upstream ended cleanly: what is still owed. ``failed`` is set when that was too early."""
        ...

    def fail(self, error: GatewayError) -> bytes:
        """The upstream broke or fell silent: the error event if content was released, else nothing."""
        ...


def truncated() -> GatewayError:
    """The error for a stream that stopped without its protocol's own end (protocols.md E3)."""
    return GatewayError(
        Kind.TRUNCATED, "the upstream's stream ended before the answer was complete", local=False
    )


def endless_opening() -> GatewayError:
    """The error for a stream that goes on and on without a first part."""
    return GatewayError(
        Kind.UPSTREAM_FAILED, f"the upstream sent {MAX_HELD} bytes and no content", local=False
    )


def is_ping(frame: SSEvent) -> bool:
    """An event that only says that the upstream is alive."""
    return frame.event == b"ping"


class Translation:
    """Upstream frames, neutral events, client frames. ``gather`` collects what the proof store wants."""

    def __init__(
        self,
        decoder: StreamDecoder,
        encoder: StreamEncoder,
        *,
        restore: AnswerEdit | None = None,
        gather: Gathering | None = None,
    ) -> None:
        self._framer = SSEFramer()
        self._decoder = decoder
        self._encoder = encoder
        self._restore = restore
        self.gather = gather
        self._held: list[bytes] = []
        self._held_bytes = 0
        self.begun = False
        self.released = False
        self.finished = False
        self.failed: GatewayError | None = None
        self.usage: Usage | None = None
        self.stop: Stop | None = None
        self._deltas = 0
        self._letters = 0

    @property
    def at_boundary(self) -> bool:
        """Always: we only write whole frames."""
        return True

    @property
    def output_estimate(self) -> int:
        """By the texts and arguments of all parts."""
        return output_tokens(self._deltas, self._letters)

    def feed(self, chunk: bytes) -> bytes:
        """Client bytes for an upstream chunk."""
        if self.failed is not None:
            return b""
        try:
            frames = self._framer.feed(chunk)
        except GatewayError as error:
            return self.fail(error)
        return self._feed_frames(frames)

    def close(self) -> bytes:
        """The end of the upstream's body."""
        if self.failed is not None:
            return b""
        out = self._feed_frames(self._framer.close())
        out += self.feed_events(self._decoder.close())
        return out + self.fail(truncated())

    def fail(self, error: GatewayError) -> bytes:
        """Break off."""
        if self.failed is not None or self.finished:
            return b""
        return self.feed_events([Failed(error)])

    def _feed_frames(self, frames: list[SSEvent]) -> bytes:
        decode = self._decoder.feed
        if len(frames) == 1:
            frame = frames[0]
            if not self.begun:
                self.begun = not is_ping(frame)
            return self.feed_events(decode(frame))
        events: list[StreamEvent] = []
        for frame in frames:
            if not self.begun:
                self.begun = not is_ping(frame)
            events += decode(frame)
        return self.feed_events(events)

    def feed_events(self, events: list[StreamEvent]) -> bytes:
        """Client bytes for neutral events; also serves answers that did not come as a stream."""
        if len(events) == 1 and self.released and self._restore is None and not self._held:
            event = events[0]  # a piece of text in mid-stream is nearly all there is
            if type(event) is PartDelta and self.failed is None:
                self._deltas += 1
                self._letters += len(event.text)
                if self.gather is not None:
                    self.gather.feed(event)
                return self._encoder.feed(event)
        out: list[bytes] = []
        for event in events:
            if self.failed is not None:
                break
            if type(event) is PartDelta:
                self._deltas += 1
                self._letters += len(event.text)
            else:
                self._note(event)
            if self.gather is not None:
                self.gather.feed(event)
            if self._restore is not None:
                out += self._changed(self._restore.feed(event))
            elif data := self._encoder.feed(event):
                out.append(data)
        data = b"".join(out) if len(out) != 1 else out[0]
        return data if self.released and not self._held else self._hold(data)

    def _changed(self, events: Sequence[StreamEvent]) -> list[bytes]:
        """Client bytes for what became of an event. Only what the client sees of a part is its release."""
        if not self.released and self.failed is None:
            self.released = any(type(event) is PartStarted for event in events)
        return list(map(self._encoder.feed, events))

    def _note(self, event: StreamEvent) -> None:
        match event:
            case Started(usage=usage):
                self.usage = usage
            case PartStarted():
                self.released = self.released or self._restore is None
            case Finished(stop, usage):
                self.released = self.finished = True
                self.stop, self.usage = stop, latest(self.usage, usage)
            case Failed(error):
                self.failed = error
            case _:
                pass

    def _hold(self, data: bytes) -> bytes:
        if self.released:
            out = b"".join((*self._held, data))
            self._held.clear()
            return out
        if self.failed is not None:
            self._held.clear()
            return b""
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > MAX_HELD:
            self.failed = endless_opening()
        return b""


class Passthrough:
    """The upstream's bytes, watched by a tap. ``codec`` is the protocol of both sides.

    Whole frames only: a half one would turn the error event after it into garbage, and no client can use it.
    """

    def __init__(self, codec: Carrier, request_id: str) -> None:
        self._codec = codec
        self._request_id = request_id
        self._framer = SSEFramer()
        self._tap = codec.stream_tap()
        self._held = b""
        self._line_feeds = False
        self._open = False
        self._frames = 0
        self._bytes = 0
        self._sample = b""
        self.begun = False
        self.released = False
        self.failed: GatewayError | None = None

    @property
    def usage(self) -> Usage | None:
        """As far as the tap has seen it."""
        return self._tap.usage

    @property
    def stop(self) -> Stop | None:
        """Why the model stopped."""
        return self._tap.stop

    @property
    def finished(self) -> bool:
        """The protocol's own end was seen."""
        return self._tap.finished

    @property
    def signatures(self) -> tuple[str, ...]:
        """Thinking signatures that went to the client."""
        return self._tap.signatures

    @property
    def at_boundary(self) -> bool:
        """False only inside a frame of a stream without line feeds."""
        return not self._open

    @property
    def output_estimate(self) -> int:
        """By the size of the frames, less what one of them has around its text."""
        return streamed_tokens(self._frames, self._bytes, self._sample)

    def feed(self, chunk: bytes) -> bytes:
        """The frames that ``chunk`` completes, byte for byte."""
        if self.failed is not None:
            return b""
        try:
            frames = self._framer.feed(chunk)
        except GatewayError as error:
            return self.fail(error)
        self._watch(frames)
        if self._held:
            chunk = self._held + chunk
        if not self.released:
            return self._hold(chunk)
        cut = len(chunk) if chunk.endswith(b"\n\n") else self._boundary(chunk)
        self._held = chunk[cut:]
        return chunk[:cut]

    def _boundary(self, chunk: bytes) -> int:
        """Bytes of ``chunk`` up to the end of its last whole frame."""
        self._line_feeds = self._line_feeds or b"\n" in chunk
        if not self._line_feeds:  # lines end with CR alone: rare enough to be passed as it comes
            self._open = self._framer.pending
            return len(chunk)
        windows = chunk.rfind(b"\r\n\r\n")
        return max(chunk.rfind(b"\n\n") + 2 if b"\n\n" in chunk else 0, windows + 4 if windows >= 0 else 0)

    def _watch(self, frames: list[SSEvent]) -> None:
        watch = self._tap.feed
        for frame in frames:
            if not self.begun:
                self.begun = not is_ping(frame)
            watch(frame)
            data = frame.data
            if self.released and len(data) < MAX_DELTA and b"signature" not in data:
                self._frames += 1
                self._bytes += len(data)
                self._sample = data
        if self._tap.error is not None:
            self.failed = self._tap.error
        if not self.released:
            self.released = self._tap.content_seen or self._tap.finished

    def _hold(self, chunk: bytes) -> bytes:
        if self.failed is not None:
            self._held = b""
            return b""
        self._held = chunk
        return self.fail(endless_opening()) if len(chunk) > MAX_HELD else b""

    def close(self) -> bytes:
        """The end of the upstream's body: the last frame, if it only lacked its blank line."""
        if self.failed is not None:
            return b""
        frames = self._framer.close()
        self._watch(frames)
        if self.finished:
            rest, self._held = self._held, b""
            return rest
        if self.failed is not None:
            rest, self._held = self._held, b""
            return rest + b"\n\n" if self.released else b""
        return self.fail(truncated())

    def fail(self, error: GatewayError) -> bytes:
        """Break off: what is left of an open frame is dropped."""
        if self.failed is not None or self.finished:
            return b""
        self.failed, self._held = error, b""
        if not self.released:
            return b""
        gap = b"\n\n" if self._open else b""
        return gap + self._codec.encode_stream_error(error, self._request_id)

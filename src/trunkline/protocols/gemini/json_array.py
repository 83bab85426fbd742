"""The other framing of streams: one JSON array in pieces, for callers without ``alt=sse`` (E99)."""

import re
from typing import Final

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.sse import MAX_FRAME, SSEFramer, SSEvent

_TELLING: Final = re.compile(rb'["\\{}\[\]]')


class JsonArrayFramer:
    """Splits an array that arrives in chunks into its elements, one frame each.

    The counterpart of :class:`trunkline.core.sse.SSEFramer`: the result never depends on where chunks
    were cut. Holds at most ``max_frame`` bytes, then raises GatewayError (UPSTREAM_FAILED).
    """

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._depth = 0
        self._string = False
        self._start: int | None = None
        self._max_frame = max_frame

    @property
    def pending(self) -> bool:
        """True in the middle of an element."""
        return self._start is not None

    def feed(self, chunk: bytes) -> list[SSEvent]:
        """The elements that ``chunk`` completes."""
        self._buffer += chunk
        found: list[SSEvent] = []
        position = self._scanned
        while (mark := _TELLING.search(self._buffer, position)) is not None:
            position = mark.end()
            sign = mark[0]
            if sign == b"\\":
                if position >= len(self._buffer):
                    position = mark.start()  # what it escapes is still to come
                    break
                position += 1
            elif sign == b'"':
                self._string = not self._string
            elif not self._string:
                self._bracket(sign, mark.start(), position, found)
        else:
            position = len(self._buffer)
        self._keep(position)
        return found

    def _bracket(self, sign: bytes, start: int, end: int, found: list[SSEvent]) -> None:
        if sign in b"{[":
            if sign == b"{" and self._start is None:
                self._start, self._depth = start, 0
            self._depth += 1
            return
        self._depth -= 1
        if self._start is not None and self._depth == 0:
            found.append(SSEvent(bytes(self._buffer[self._start : end])))
            self._start = None

    def _keep(self, position: int) -> None:
        begin = position if self._start is None else self._start
        del self._buffer[:begin]
        self._scanned = position - begin
        self._start = None if self._start is None else 0
        if len(self._buffer) > self._max_frame:
            size = len(self._buffer)
            self._buffer.clear()
            raise GatewayError(
                Kind.UPSTREAM_FAILED,
                f"one element of the upstream's stream exceeds {size} bytes",
                local=False,
            )

    def close(self) -> list[SSEvent]:
        """Nothing: an element that was not closed never was one."""
        self._buffer.clear()
        return []


class JsonArrayWriter:
    """Turns server-sent events, ours or an upstream's, into one JSON array, piece by piece."""

    def __init__(self) -> None:
        self._framer = SSEFramer()
        self._begun = False

    def feed(self, sent: bytes) -> bytes:
        """The array's next bytes; signs of life become white space, which JSON allows."""
        frames = self._framer.feed(sent)
        if not frames:
            return b"\n" if sent.strip(b"\r\n") == b"" and sent and not self._framer.pending else b""
        return self._elements(frames)

    def close(self) -> bytes:
        """The array's end, after a finish or an error."""
        rest = self._elements(self._framer.close())
        return rest + (b"]" if self._begun else b"[]")

    def _elements(self, frames: list[SSEvent]) -> bytes:
        out = bytearray()
        for frame in frames:
            out += b"\r\n," if self._begun else b"["
            out += frame.data
            self._begun = True
        return bytes(out)

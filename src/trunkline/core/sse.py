"""Server-sent events: bytes to frames, wherever the network cut them (protocols.md 1.1)."""

from typing import Final

from msgspec import Struct

from trunkline.core.errors import GatewayError, Kind

MAX_FRAME: Final = 16 * 1024 * 1024
BOM: Final = b"\xef\xbb\xbf"


class SSEvent(Struct, frozen=True, gc=False):
    """One event, still bytes. ``data`` lines are joined with LF; ``event`` is its name, if any."""

    data: bytes
    event: bytes | None = None


class SSEFramer:
    """Splits a byte stream into events; the result never depends on where chunks were cut.

    Accepts LF, CRLF and CR line ends, comments, a BOM, several data lines and a missing last blank
    line. Holds at most ``max_frame`` bytes, then raises GatewayError (UPSTREAM_FAILED).
    """

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._buffer = b""
        self._max_frame = max_frame
        self._at_start = True

    @property
    def pending(self) -> bool:
        """True in the middle of an event: nothing may be injected here."""
        return bool(self._buffer)

    def feed(self, chunk: bytes) -> list[SSEvent]:
        """The events that ``chunk`` completes."""
        end = chunk.find(b"\n\n")
        if 0 <= end == len(chunk) - 2 and not (self._buffer or self._at_start or b"\r" in chunk):
            event = decode_block(chunk[:-2])  # one whole event: how most of them come
            return [] if event is None else [event]
        buffer = self._buffer + chunk if self._buffer else chunk
        if self._at_start:
            if len(buffer) < len(BOM) and BOM.startswith(buffer):
                self._buffer = buffer
                return []
            self._at_start = False
            buffer = buffer.removeprefix(BOM)
        held = b""
        if b"\r" in buffer:
            if buffer.endswith(b"\r"):  # its LF may come in the next chunk
                buffer, held = buffer[:-1], b"\r"
            buffer = buffer.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *blocks, rest = buffer.split(b"\n\n")
        self._buffer = rest.lstrip(b"\n") + held if blocks else rest + held
        if len(self._buffer) > self._max_frame:
            size = len(self._buffer)
            self._buffer = b""
            raise GatewayError(
                Kind.UPSTREAM_FAILED,
                f"one event of the upstream's stream exceeds {size} bytes",
                local=False,
            )
        return [event for block in blocks if (event := decode_block(block)) is not None]

    def close(self) -> list[SSEvent]:
        """The last event, when the connection closed without its blank line."""
        block, self._buffer = self._buffer.replace(b"\r", b"\n").strip(b"\n"), b""
        event = decode_block(block) if block else None
        return [] if event is None else [event]


def decode_block(block: bytes) -> SSEvent | None:
    """One event's lines (LF only, without the blank one); None when they hold no data."""
    if block.startswith(b"data: ") and b"\n" not in block:
        return SSEvent(block[6:])
    name: bytes | None = None
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value[1:] if value.startswith(b" ") else value)
        elif field == b"event":
            name = value[1:] if value.startswith(b" ") else value
    return SSEvent(b"\n".join(data), name) if data else None


def encode_data(data: bytes) -> bytes:
    """A frame with data only, as Chat Completions streams are written."""
    return b"data: " + data + b"\n\n"


def encode_named(event: bytes, data: bytes) -> bytes:
    """A named frame, as Anthropic and Responses streams are written."""
    return b"event: " + event + b"\ndata: " + data + b"\n\n"

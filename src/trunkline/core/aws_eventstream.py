"""AWS' event-stream framing: bytes to messages, wherever the network cut them (protocols.md 1.2).

A message is a prelude (total length, length of the headers, CRC-32 of both), headers, payload and a CRC-32 of
all that. Source: AWS' "Amazon Transcribe: event stream encoding" and smithy.io, "application/vnd.amazon.eventstream",
2026-06; checked against botocore's own reader in the tests.
"""

import zlib
from collections.abc import Callable
from struct import Struct as Layout
from struct import unpack_from
from typing import Final

from msgspec import Struct

from trunkline.core.errors import GatewayError, Kind

MEDIA_TYPE: Final = "application/vnd.amazon.eventstream"
MAX_MESSAGE: Final = 24 * 1024 * 1024
"""Bytes of one message; AWS allows 16 MiB of payload."""

_PRELUDE: Final = Layout(">III")
_WORD: Final = Layout(">I")
_OVERHEAD: Final = _PRELUDE.size + _WORD.size
_FIXED: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header's value by its type; 6 (bytes) and 7 (string) state theirs."""
_STRING: Final = 7


class Message(Struct, frozen=True, gc=False):
    """One message. Of the headers those that hold text, which are all that name what it is."""

    headers: dict[str, str]
    payload: bytes


class EventStreamReader:
    """Splits a byte stream into messages, every checksum verified. Holds at most one message."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._failure: GatewayError | None = None

    def feed(self, chunk: bytes) -> list[Message]:
        """The messages that ``chunk`` completes. Raises GatewayError (UPSTREAM_FAILED) at a broken one, once those
        before it were returned."""
        if self._failure is not None:
            raise self._failure
        self._buffer += chunk
        found: list[Message] = []
        try:
            while (message := self._next()) is not None:
                found.append(message)
        except GatewayError as error:
            if not found:
                raise
            self._failure = error
        return found

    def _next(self) -> Message | None:
        buffer = self._buffer
        if len(buffer) < _PRELUDE.size:
            return None
        total, header_length = _lengths(buffer)
        if len(buffer) < total:
            return None
        message = _message(bytes(buffer[:total]), header_length)
        del buffer[:total]
        return message

    def close(self) -> None:
        """The stream ended. Raises what was wrong with it, or GatewayError (TRUNCATED) in the middle of a message."""
        if self._failure is not None:
            raise self._failure
        if self._buffer:
            raise GatewayError(
                Kind.TRUNCATED, "the upstream's event stream ended inside a message", local=False
            )


class EventStreamUnframer:
    """Implements :class:`trunkline.core.framing.Unframer`: ``event`` says what a message is as a server-sent event."""

    def __init__(self, event: Callable[[Message], bytes]) -> None:
        self._reader = EventStreamReader()
        self._event = event

    def feed(self, chunk: bytes) -> bytes:
        """The events of the messages that ``chunk`` completes."""
        return b"".join([self._event(message) for message in self._reader.feed(chunk)])

    def close(self) -> bytes:
        """Nothing is ever left. Raises GatewayError (TRUNCATED) in the middle of a message."""
        self._reader.close()
        return b""


def _lengths(buffer: bytearray) -> tuple[int, int]:
    """Total length and length of the headers, once the prelude's checksum fits."""
    total, header_length, checksum = _PRELUDE.unpack_from(buffer)
    if zlib.crc32(buffer[:8]) != checksum:
        raise _broken("the checksum of a message's prelude does not fit")
    if total < _OVERHEAD + header_length or total > MAX_MESSAGE:
        raise _broken(f"a message of {total} bytes with {header_length} bytes of headers is impossible")
    return total, header_length


def _message(data: bytes, header_length: int) -> Message:
    (checksum,) = _WORD.unpack_from(data, len(data) - _WORD.size)
    if zlib.crc32(data[: -_WORD.size]) != checksum:
        raise _broken("the checksum of a message does not fit")
    end = _PRELUDE.size + header_length
    return Message(_headers(data, end), data[end : -_WORD.size])


def _headers(data: bytes, end: int) -> dict[str, str]:
    found: dict[str, str] = {}
    position = _PRELUDE.size
    while position < end:
        start = position + 1
        name, kind = data[start : start + data[position]], start + data[position]
        position = kind + 1
        if kind >= end:
            raise _broken("a header runs over its end")
        if data[kind] in _FIXED:
            position += _FIXED[data[kind]]
        elif data[kind] in (6, _STRING) and position + 2 <= end:
            (length,) = unpack_from(">H", data, position)
            position += 2 + length
            if data[kind] == _STRING and position <= end:
                found[name.decode("utf-8", "replace")] = data[position - length : position].decode(
                    "utf-8", "replace"
                )
        else:
            raise _broken(f"a header of the unknown type {data[kind]}")
    if position != end:
        raise _broken("a header runs over its end")
    return found


def _broken(why: str) -> GatewayError:
    return GatewayError(Kind.UPSTREAM_FAILED, f"the upstream's event stream is broken: {why}", local=False)

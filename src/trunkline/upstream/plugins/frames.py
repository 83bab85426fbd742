"""Frames between the gateway and its JavaScript helper; ``helper/frames.cjs`` is the other end."""

from collections.abc import Callable
from enum import IntEnum
from struct import Struct
from typing import Final, TypeVar

import msgspec

T = TypeVar("T")

_HEAD: Final = Struct(">IBI")
_LENGTH: Final = Struct(">I")
_BEYOND_LENGTH: Final = _HEAD.size - _LENGTH.size
_ENCODE: Final = msgspec.json.Encoder().encode

Taker = Callable[[int, int, memoryview], None]
"""Takes kind, id and payload of one frame; the payload is only good within the call."""


class Sent(IntEnum):
    """Kinds of frames, in either direction."""

    LOAD = 1
    BEGIN = 2
    REQUEST = 3
    RESPONSE = 4
    CHUNK = 5
    END = 6
    BROKE = 7
    CREDIT = 8
    CANCEL = 9
    FINISH = 10
    ROUTE = 11
    PING = 12
    DONE = 33
    HEAD = 34
    FAILED = 37
    LOG = 39
    PONG = 40


def frame(kind: Sent, number: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return _HEAD.pack(_BEYOND_LENGTH + len(payload), kind, number) + payload


def with_fields(kind: Sent, number: int, fields: object, data: bytes = b"") -> bytes:
    """A frame of fields and the bytes that belong to them."""
    packed = _ENCODE(fields)
    return frame(kind, number, _LENGTH.pack(len(packed)) + packed + data)


def credit(number: int, count: int) -> bytes:
    """Leave for ``count`` more bytes of one body."""
    return frame(Sent.CREDIT, number, _LENGTH.pack(count))


def read_credit(payload: memoryview) -> int:
    """The bytes that the other end may be sent."""
    return int(_LENGTH.unpack(payload)[0])


def read_fields(payload: memoryview, kind: type[T]) -> tuple[T, bytes]:
    """The fields, and the bytes behind them. Raises msgspec.DecodeError."""
    end = _LENGTH.size + int(_LENGTH.unpack_from(payload)[0])
    return msgspec.json.decode(payload[_LENGTH.size : end], type=kind), bytes(payload[end:])


class Framer:
    """Bytes as they come to frames."""

    def __init__(self, take: Taker) -> None:
        self._take = take
        self._held = bytearray()

    def feed(self, data: bytes) -> None:
        """Hands every frame that is whole by now to the taker."""
        held = self._held
        held += data
        at = 0
        view = memoryview(held)
        try:
            while len(held) - at >= _HEAD.size:
                length, kind, number = _HEAD.unpack_from(held, at)
                end = at + _LENGTH.size + length
                if len(held) < end:
                    break
                with view[at + _HEAD.size : end] as payload:
                    self._take(kind, number, payload)
                at = end
        finally:
            view.release()
        del held[:at]

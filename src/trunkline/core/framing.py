"""Framings other than server-sent events: what an upstream sends in one is turned into such events."""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from trunkline.core.sse import encode_named


class Unframer(Protocol):
    """Turns the bytes of one stream into server-sent events. Made anew for each answer.

    What comes out never depends on where chunks were cut.
    """

    def feed(self, chunk: bytes) -> bytes:
        """The events that ``chunk`` completes, ``b""`` when there is none. Raises GatewayError (UPSTREAM_FAILED)
        for bytes that are no such framing."""
        ...

    def close(self) -> bytes:
        """What is left at the end. Raises GatewayError (TRUNCATED) in the middle of a frame."""
        ...


class Framing(Struct, frozen=True):
    """A way of framing streams: the media type that announces it, and how it is read."""

    media_type: str
    unframer: Callable[[], Unframer]


def encode_event(name: bytes, data: bytes) -> bytes:
    """A named event out of any JSON, line breaks between its tokens included."""
    if b"\n" in data or b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\ndata: ")
    return encode_named(name, data)

"""Writes of one moment leave together: an answer's head and body, or several events, in one system call."""

import asyncio
from typing import Final

HOLD: Final = 64 * 1024
"""Bytes that are held at most; more goes out at once, so that back-pressure is felt."""


class Cork(asyncio.Transport):
    """A transport for writing, in front of the real one. What is written leaves within this turn of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        super().__init__()
        self._loop = loop
        self._transport = transport
        self._held: list[bytes] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(bytes(data))
        self._size += len(data)
        if self._size > HOLD:
            self.flush()

    def flush(self) -> None:
        """Hand over what is held."""
        if self._held:
            held = self._held
            self._held = []
            self._size = 0
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

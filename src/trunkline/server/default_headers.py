"""The header lines that every answer has, encoded once a second."""

from uvicorn.server import ServerState


class DefaultHeaders:
    """Call it for the lines; the server makes a new list of them each second."""

    __slots__ = ("_encoded", "_known", "_state")

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._known: list[tuple[bytes, bytes]] = []
        self._encoded = b""

    def __call__(self) -> bytes:
        current = self._state.default_headers
        if current is not self._known:
            self._encoded = b"".join(b"%b: %b\r\n" % pair for pair in current)
            self._known = current
        return self._encoded

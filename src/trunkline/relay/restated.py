"""Passed through, but for what the provider says of keeping: it keeps nothing, and we do."""

from trunkline.protocols.codec import Carrier
from trunkline.protocols.openai_responses import state
from trunkline.relay.pipe import Passthrough


class Restated(Passthrough):
    """The upstream's frames, where an answer that is kept here says so and names the one it continues."""

    def __init__(self, codec: Carrier, request_id: str, previous: str | None) -> None:
        super().__init__(codec, request_id)
        self._previous = previous

    def feed(self, chunk: bytes) -> bytes:
        """The frames that ``chunk`` completes."""
        return state.kept_frames(super().feed(chunk), self._previous)

    def close(self) -> bytes:
        """The end of the upstream's body."""
        return state.kept_frames(super().close(), self._previous)

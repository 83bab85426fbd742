"""Whether a client still takes what is sent to it."""


class StallWatch:
    """Looked at from time to time; growth is our own writing, so only what is taken counts."""

    __slots__ = ("_limit", "_since", "queued")

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._since = 0.0
        self.queued = 0
        """Bytes that waited when it was last looked at."""

    @property
    def step(self) -> float:
        """Seconds between two looks."""
        return min(1.0, self._limit / 8)

    def stalled(self, queued: int, now: float) -> bool:
        """Whether bytes have been waiting and the client took none of them for the whole time."""
        if queued == 0 or queued < self.queued or self.queued == 0:
            self._since = now
        self.queued = queued
        return queued > 0 and now - self._since >= self._limit

"""How long a client may take, by the names of reliability_ux.md A2."""

from typing import Final

from msgspec import Struct

from trunkline.config.schema import Timeouts

LINGER: Final = 2.0
"""Seconds a connection that we end is still read from, so that our last words are not lost to a reset."""
PARTING: Final = 0.25
"""Seconds that an idle connection stays open when the server stops."""


class Deadlines(Struct, frozen=True, kw_only=True):
    """Seconds."""

    header: float
    body_idle: float
    body_total: float
    keepalive: float
    write_stall: float

    @classmethod
    def of(cls, timeouts: Timeouts) -> "Deadlines":
        """The client's side of the configured timeouts."""
        return cls(
            header=timeouts.client_header,
            body_idle=timeouts.client_body_idle,
            body_total=timeouts.client_body_total,
            keepalive=timeouts.client_keepalive,
            write_stall=timeouts.client_write_stall,
        )

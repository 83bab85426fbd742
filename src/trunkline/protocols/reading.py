"""What a room tells of a request it has read, so that a longer one that begins in the same way can be read on from there."""

from msgspec import Struct

from trunkline.core.types import Message, Request


class Seam(Struct, frozen=True, gc=False):
    """A place between two turns as they are written. What is read behind it depends on nothing more before it than
    the room remembers here."""

    messages: int
    """Messages of the request that were complete there."""
    counts: tuple[int, ...] = ()
    words: tuple[str, ...] = ()
    """What the room has to remember of the turns before, beside ``counts``."""


class Reading(Struct, frozen=True):
    """A request and its seams: one behind each turn of the body that was read, None where there is none.

    Without any, nothing may be taken over from it.
    """

    request: Request
    seams: tuple[Seam | None, ...] = ()
    shared: frozenset[str] = frozenset()
    """Fields of the body, the turns not among them, that mean the same in any other."""


class Earlier(Struct, frozen=True):
    """A request that was read before, and where the body at hand goes on from it."""

    request: Request
    seam: Seam | None
    """None: its turns are others, and only ``fields`` are taken over."""
    fields: frozenset[str]
    """Fields of the body that are missing because they are the same."""

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages before the seam."""
        return () if self.seam is None else self.request.messages[: self.seam.messages]

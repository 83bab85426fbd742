"""What an encoder has written of a conversation, so that a longer one costs what is new in it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Raw, Struct

from trunkline.core.facts import Facts
from trunkline.core.losses import Loss
from trunkline.core.types import Message, Request

Names = Sequence[tuple[str, str]]
"""Names of tools as the client has them, each with the one upstream, in the order they were met."""


class Stand(Struct, frozen=True, gc=False):
    """Where a writer stood before a turn of the model: what was written by then stays, whatever follows."""

    items: int
    losses: int
    names: int
    spoke: bool = False
    """openai_chat: what was written last was the model's own."""
    end: int = 0
    """Where the items end in the text."""


class WrittenTurns(Struct, frozen=True):
    """The items of the conversation, with commas between them, and what was noted on the way."""

    text: bytes = b""
    stands: Mapping[int, Stand] = {}
    """By the number of messages before it."""
    losses: Sequence[Loss] = ()
    names: Names = ()


class WrittenTools(Struct, frozen=True):
    """The items of the list of tools, and what was noted on the way."""

    text: Raw
    losses: Sequence[Loss]
    names: Names
    custom: frozenset[str]
    sent: Sequence[str] = ()
    """Their names in it."""


class Written(Struct, frozen=True):
    """What was written of ``request`` for ``facts``.

    Without a request: nothing yet, and what is written now is to be remembered.
    """

    request: Request | None = None
    facts: Facts | None = None
    turns: WrittenTurns = WrittenTurns()
    tools: WrittenTools | None = None

    def same_tools(self, request: Request, facts: Facts) -> WrittenTools | None:
        """The tools, if those of ``request`` are the same."""
        return self.tools if self._alike(request, facts) and self._tools() == request.tools else None

    def same_turns(self, request: Request, facts: Facts) -> int:
        """How many messages of ``request`` are written, up to a stand. The last message is always written anew."""
        old, turns = self.request, request.messages
        if old is None or not self._alike(request, facts) or old.system != request.system:
            return 0
        most = min(_same(old.messages, turns), len(turns) - 1)
        places = (place for place in range(most, 0, -1) if place in self.turns.stands)
        return next((place for place in places if turns[place].role == "assistant"), 0)

    def _alike(self, request: Request, facts: Facts) -> bool:
        return (
            self.request is not None and self.request.protocol == request.protocol and self.facts == facts
        )

    def _tools(self) -> object:
        return None if self.request is None else self.request.tools


NOTHING_YET: Final = Written()


def _same(one: Sequence[Message], other: Sequence[Message]) -> int:
    """How many messages two conversations begin with in common."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine is not theirs and mine != theirs:
            break
        count += 1
    return count


def grown(
    earlier: WrittenTurns, known: int, items: Iterable[bytes], stood: Mapping[int, Stand]
) -> tuple[bytes, dict[int, Stand]]:
    """The text with ``items`` behind its first ``known`` messages, and all stands in it."""
    stands = {place: stand for place, stand in earlier.stands.items() if place <= known}
    begun = earlier.text[: stands[known].end] if known else b""
    pieces = [begun] if begun else []
    ends = [len(begun)]
    for item in items:
        ends.append(ends[-1] + len(item) + bool(pieces))
        pieces.append(item)
    for place, stand in stood.items():
        stands[place] = Stand(stand.items, stand.losses, stand.names, stand.spoke, ends[stand.items])
    return b",".join(pieces), stands

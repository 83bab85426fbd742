"""The last large requests of each client, kept so that a request costs what is new in it.

An agent sends the whole conversation with every turn. Where the bytes are those of an earlier request, what was made of
them is taken over; all that comes out is what working on the whole body would give.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from msgspec import Raw

from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.overlap import Layout, Overlap, common, layout_of, overlap, rest
from trunkline.core.splice import Span, spans
from trunkline.core.types import Request
from trunkline.protocols.codec import Codec, Encoded, Peek, ProviderCodec
from trunkline.protocols.reading import Earlier, Reading
from trunkline.protocols.writing import NOTHING_YET, Written

LARGE: Final = 16 * 1024
"""Bytes from which on a body is worth comparing."""
MAX_BYTES: Final = 12 * 1024 * 1024
HELD: Final = 4
"""Bytes that are held for each byte of a body, roughly: itself, its texts, and what was written from it."""
PROBE: Final = 64
SHARED: Final = frozenset({"system", "instructions", "systemInstruction", "tools"})
"""Large fields beside the turns, of all protocols. None of them says anything of the rest."""


class Known:
    """A large body, and what was made of it. ``near``: an earlier one that may be like it."""

    def __init__(self, codec: Codec, body: bytes, near: "Known | None" = None) -> None:
        self.body = body
        self.last = 0
        """When it was last used, by the count of the memory it is in."""
        self.repeated = False
        """The very same bytes came again."""
        self._core: bytes | None = None
        self._codec = codec
        self._near = near
        self._new: Overlap | None = None
        self._places: Mapping[str, Span] | None = None
        self._layout: Layout | None = None
        self._peek: Peek | None = None
        self._reading: Reading | None = None
        self._held: dict[Callable[[bytes], bool], bool] = {}
        self._written: dict[str, Written] = {}
        self._tools: Raw | None = None
        if near is not None:
            self._compare(near)

    def _compare(self, near: "Known") -> None:
        with suppress(RecursionError):  # whoever reads it will say so
            self._new = self._beside(near)
        if self._new is None:
            self._near = None
            return
        self._layout, self._places = self._new.layout, self._new.layout.fields
        self._written = dict(near._written)

    def _beside(self, near: "Known") -> Overlap | None:
        both = common(near.body, self.body)
        if both is None or (layout := near.layout) is None:
            return None
        return overlap(near.body, layout, self.body, both, self._codec.turns, SHARED)

    @property
    def size(self) -> int:
        """Bytes held, roughly."""
        return len(self.body) * HELD

    @property
    def text(self) -> bytes:
        """What is new: all of it where nothing is known; with the last turn in any case."""
        if self._new is not None:
            return self._new.text
        if self.repeated and self._core is None and (layout := self.layout) is not None and layout.turns:
            self._core = rest(self.body, layout, self._codec.turns, len(layout.turns) - 1, SHARED)
        return self._core or self.body

    @property
    def layout(self) -> Layout | None:
        """Where things stand in the body; None where that is not certain."""
        if self._layout is None:
            self._layout = layout_of(self.body, self._codec.turns, self._places)
        return self._layout

    def succeeds(self, earlier: "Known") -> bool:
        """It is a later state of the same conversation, and not one that goes another way."""
        layout, new = earlier.layout, self._new
        return new is not None and layout is not None and new.turns * 2 > len(layout.turns)

    def let_go(self) -> "Known | None":
        """The earlier body, which is no longer needed."""
        near, self._near = self._near, None
        return near

    def peek(self) -> Peek:
        """As the codec does. Raises GatewayError (INVALID_REQUEST)."""
        if self._peek is None:
            self._peek = self._codec.peek(self.text)
        return self._peek

    @property
    def places(self) -> Mapping[str, Span] | None:
        """Where the fields stand; None where that is not certain."""
        if self._places is None:
            try:
                self._places = spans(self.body)
            except GatewayError:
                return None
        return self._places

    def holds(self, test: Callable[[bytes], bool]) -> bool:
        """Whether there is something in the body that ``test`` finds, wherever it stands.

        It may stand anywhere between two quotes; where the earlier body had nothing of the kind, only the news are
        looked at.
        """
        found = self._held.get(test)
        if found is None:
            without = self._near is not None and self._near._held.get(test) is False
            found = self._held[test] = test(self.text if without else self.body)
        return found

    @property
    def request(self) -> Request:
        """What it says. Raises GatewayError (INVALID_REQUEST) as the codec does."""
        if self._reading is None:
            self._reading = self._read_on() or self._codec.read_request(self.body)
        return self._reading.request

    def _read_on(self) -> Reading | None:
        """What is new, read behind what is known; None where that is not certain, or it is wrong and has to be said how."""
        new, near = self._new, self._near
        if near is None or new is None or (old := near._reading) is None or not old.seams:
            return None
        turns = new.turns
        while turns and old.seams[turns - 1] is None:
            turns -= 1
        fields = new.fields & old.shared
        if not turns and not fields:
            return None
        whole = (turns, fields) == (new.turns, new.fields)
        text = new.text if whole else rest(self.body, new.layout, self._codec.turns, turns, fields)
        seam = old.seams[turns - 1] if turns else None
        try:
            reading = self._codec.read_request(text, Earlier(old.request, seam, fields))
        except (GatewayError, RecursionError):
            return None
        if len(reading.seams) + turns != len(new.layout.turns):
            return None
        if reading.request.tools == old.request.tools:
            self._tools = near._tools
        return Reading(reading.request, (*old.seams[:turns], *reading.seams), reading.shared)

    def repeat_tools(self) -> Raw | None:
        """The tools as answers repeat them."""
        if self._tools is None:
            self._tools = self._codec.repeat_tools(self.request)
        return self._tools

    def encode(self, codec: ProviderCodec, request: Request, facts: Facts) -> Encoded:
        """As ``codec`` encodes ``request``, which is this one or made from it.

        Remembering what was written takes time too: it begins when something came back.
        """
        earlier = self._written.get(codec.name)
        if earlier is None and (self.repeated or self._new is not None):
            earlier = NOTHING_YET
        encoded = codec.encode_request(request, facts, earlier)
        if encoded.written is not None:
            self._written[codec.name] = encoded.written
        return encoded


class RecentBodies:
    """A bounded memory by tenant and protocol: no body is ever compared with another tenant's."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: dict[tuple[str, str], list[Known]] = {}
        """The one used last comes first."""
        self._size = 0
        self._count = 0

    @property
    def size(self) -> int:
        """Bytes held, roughly."""
        return self._size

    def find(self, codec: Codec, tenant: str, body: bytes) -> Known:
        """``body``, a large one, beside the one that is most like it."""
        beside = self._kept.get((tenant, codec.name), [])
        for known in beside:
            if known.body == body:
                known.repeated = True
                return known
        for known in beside:
            middle = len(known.body) // 2
            if body.startswith(known.body[middle : middle + PROBE], middle):
                return Known(codec, body, known)
        return Known(codec, body, beside[0] if beside else None)  # the tools may be the same

    def keep(self, protocol: str, tenant: str, known: Known) -> None:
        """Remember a body that turned out to be a request."""
        if known.size > self._max_bytes // 2:
            return
        side = (tenant, protocol)
        beside = self._kept.setdefault(side, [])
        near = known.let_go()
        if known in beside:
            beside.remove(known)
            self._size -= known.size
        if near in beside and known.succeeds(near):
            beside.remove(near)
            self._size -= near.size
        self._count += 1
        known.last = self._count
        beside.insert(0, known)
        self._size += known.size
        while self._size > self._max_bytes:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        side = min(self._kept, key=lambda one: self._kept[one][-1].last)
        self._size -= self._kept[side].pop().size
        if not self._kept[side]:
            del self._kept[side]

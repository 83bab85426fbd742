"""The last large requests of each client, kept so that a request costs what is new in it.

An agent sends the whole conversation with every turn. Where the bytes are those of an earlier request, what was read from
them is taken over; the request that comes out is the very one that reading the whole body would give.
"""

from collections.abc import Sequence
from typing import Final

from trunkline.core.errors import GatewayError
from trunkline.core.facts import Facts
from trunkline.core.overlap import Layout, layout_of, overlap
from trunkline.core.types import Request
from trunkline.protocols.codec import Codec, Encoded, ProviderCodec
from trunkline.protocols.reading import Earlier, Reading
from trunkline.protocols.writing import NOTHING_YET, Written

LARGE: Final = 16 * 1024
"""Bytes from which on a body is worth comparing."""
MAX_BYTES: Final = 12 * 1024 * 1024
HELD: Final = 4
"""Bytes that are held for each byte of a body, roughly: itself, its texts, and what was written from it."""
PROBE: Final = 64


class Known:
    """A body and what was read from it."""

    __slots__ = ("_layout", "_written", "body", "last", "reading", "taken")

    def __init__(self, body: bytes, reading: Reading) -> None:
        self.body = body
        self.reading = reading
        self.taken = 0
        """Turns that were taken over from an earlier body."""
        self.last = 0
        """When it was last used, by the count of the memory it is in."""
        self._layout: Layout | None = None
        self._written: dict[str, Written] = {}

    @property
    def request(self) -> Request:
        """What was read."""
        return self.reading.request

    def goes_on(self, earlier: "Known", layout: Layout, taken: int) -> "Known":
        """The same, having ``taken`` turns over from ``earlier``."""
        self._layout, self.taken, self._written = layout, taken, dict(earlier._written)
        return self

    def encode(self, codec: ProviderCodec, request: Request, facts: Facts) -> Encoded:
        """As ``codec`` encodes ``request``, which is this one or made from it."""
        encoded = codec.encode_request(request, facts, self._written.get(codec.name, NOTHING_YET))
        if encoded.written is not None:
            self._written[codec.name] = encoded.written
        return encoded

    def succeeds(self, earlier: "Known") -> bool:
        """It is a later state of the same conversation, and not one that goes another way."""
        return self.taken * 2 > len(earlier.reading.seams)

    @property
    def size(self) -> int:
        """Bytes held, roughly."""
        return len(self.body) * HELD

    def layout(self, turns: str) -> Layout | None:
        """Where things stand in the body; looked at when a second body is like it."""
        if self._layout is None:
            self._layout = layout_of(self.body, turns)
        return self._layout


class Recent:
    """A bounded memory by tenant and protocol: no body is ever compared with another tenant's."""

    def __init__(self, max_bytes: int = MAX_BYTES, large: int = LARGE) -> None:
        self._max_bytes = max_bytes
        self._large = large
        self._kept: dict[tuple[str, str], list[Known]] = {}
        """The one used last comes first."""
        self._size = 0
        self._count = 0

    @property
    def size(self) -> int:
        """Bytes held, roughly."""
        return self._size

    def known(self, codec: Codec, tenant: str, body: bytes) -> Known | None:
        """The request in ``body``, as ``codec`` reads it. Raises GatewayError as ``codec.decode_request`` does.

        None for a small body: that one is read and forgotten.
        """
        if len(body) < self._large:
            return None
        side = (tenant, codec.name)
        beside = self._kept.get(side, [])
        found = next((known for known in beside if known.body == body), None)
        if found is None:
            near = _nearest(beside, body)
            found = None if near is None else _read_on(codec, near, body)
            if found is None:
                found = Known(body, codec.read_request(body))
            elif near is not None and found.succeeds(near):
                self._forget(side, near)
        if found.size <= self._max_bytes // 2:
            self._keep(side, found)
        return found

    def _keep(self, side: tuple[str, str], known: Known) -> None:
        beside = self._kept.setdefault(side, [])
        if known in beside:
            beside.remove(known)
        else:
            self._size += known.size
        beside.insert(0, known)
        self._count += 1
        known.last = self._count
        while self._size > self._max_bytes:
            oldest = min(self._kept, key=lambda one: self._kept[one][-1].last)
            self._forget(oldest, self._kept[oldest][-1])

    def _forget(self, side: tuple[str, str], known: Known) -> None:
        self._kept[side].remove(known)
        self._size -= known.size
        if not self._kept[side]:
            del self._kept[side]


def _nearest(beside: Sequence[Known], body: bytes) -> Known | None:
    """The one that goes on to be the same in its middle, else the last: its tools may be the same."""
    for known in beside:
        middle = len(known.body) // 2
        if body.startswith(known.body[middle : middle + PROBE], middle):
            return known
    return beside[0] if beside else None


def _read_on(codec: Codec, near: Known, body: bytes) -> Known | None:
    """``body`` read by what is new in it; None where that is not certain, or it is wrong and has to be said how."""
    layout, old = near.layout(codec.turns), near.reading
    if layout is None or not old.seams:
        return None
    try:
        new = overlap(near.body, layout, body, codec.turns, shared=old.shared, seams=old.seams)
        if new is None:
            return None
        seam = old.seams[new.turns - 1] if new.turns else None
        reading = codec.read_request(new.text, Earlier(old.request, seam, new.fields))
    except (GatewayError, RecursionError):
        return None
    if len(reading.seams) + new.turns != len(new.layout.turns):
        return None
    seams = (*old.seams[: new.turns], *reading.seams)
    known = Known(body, Reading(reading.request, seams, reading.shared))
    return known.goes_on(near, new.layout, new.turns)

"""Blocks that only this protocol has, collected until they are whole: then they pass as one opaque part."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.types import Opaque
from trunkline.protocols.anthropic_messages.rendering import opaque
from trunkline.protocols.anthropic_messages.wire import encode


class _DeltaFrame(Struct, gc=False):
    delta: dict[str, Raw]


_fields: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_delta: Final = msgspec.json.Decoder(_DeltaFrame).decode
_any: Final = msgspec.json.Decoder(object).decode


class HeldBlock:
    """One server tool use, tool result, compaction or unknown block of a stream."""

    def __init__(self, opening: Raw) -> None:
        self._opening = bytes(opening) or b"{}"
        self._pieces: list[str] = []
        self._merged: dict[str, Raw] = {}

    def feed(self, partial_json: str | None, frame: bytes) -> None:
        """A delta: more of the block's input, or fields that complete it (``compaction_delta``)."""
        if partial_json is not None:
            self._pieces.append(partial_json)
            return
        for name, raw in _delta(frame).delta.items():
            if name != "type":
                self._merged[name] = _joined(self._merged.get(name), Raw(bytes(raw)))

    def close(self) -> Opaque:
        """The whole block. Input that is no JSON stays text: it is never repaired (E28)."""
        if not any(self._pieces) and not self._merged:
            return opaque(self._opening)
        fields = _fields(self._opening)
        fields.update(self._merged)
        if any(self._pieces):
            text = "".join(self._pieces)
            try:
                _any(text)
                fields["input"] = Raw(text.encode())
            except msgspec.DecodeError:
                fields["input"] = Raw(encode(text))
        return opaque(encode(fields))


def _joined(old: Raw | None, new: Raw) -> Raw:
    """Strings grow, everything else is replaced."""
    if old is None or not (bytes(old).startswith(b'"') and bytes(new).startswith(b'"')):
        return new
    return Raw(bytes(old)[:-1] + bytes(new)[1:])

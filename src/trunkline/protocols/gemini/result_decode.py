"""``functionResponse`` to a tool result: the text in its usual wrappings, anything else as JSON."""

from typing import Final

import msgspec
from msgspec import Raw

from trunkline.core.types import Part, Text
from trunkline.protocols.gemini.media import decode_file, decode_inline
from trunkline.protocols.gemini.refusals import checked, invalid
from trunkline.protocols.gemini.rendering import opaque
from trunkline.protocols.gemini.wire import OBJECT, PartIn, ResultIn, given, one_line

_WRAPPINGS: Final = ("output", "result", "content")
_ANY: Final = msgspec.json.Decoder()
_part: Final = msgspec.json.Decoder(PartIn)


def decode_outcome(wire: ResultIn, path: str) -> tuple[tuple[Part, ...], bool]:
    """Content and whether it is an error: ``{"error": …}`` is, ``{"output"|"result": …}`` is not."""
    content: list[Part] = []
    failed = False
    if given(wire.response):
        data = bytes(wire.response)
        if data.lstrip()[:1] != b"{":
            raise invalid(f"Invalid value at '{path}.response': expected an object.", f"{path}.response")
        text, failed = _unwrapped(checked(OBJECT, data, f"{path}.response"), wire)
        if text:
            content.append(Text(text))
    for place, raw in enumerate(wire.parts or ()):
        content.append(_media(raw, f"{path}.parts[{place}]"))
    return tuple(content), failed


def _unwrapped(fields: dict[str, Raw], wire: ResultIn) -> tuple[str, bool]:
    told = {name: raw for name, raw in fields.items() if given(raw)}
    if len(told) == 2 and "name" in told and bytes(told["name"]) == msgspec.json.encode(wire.name):
        del told["name"]  # one SDK repeats the name beside the content
    if len(told) == 1:
        (name, raw), *_ = told.items()
        if name == "error":
            return _text(raw), True
        if name in _WRAPPINGS:
            return _text(raw), False
    return ("{}" if wire.parts is None else "") if not fields else _json(wire.response), False


def _text(raw: Raw) -> str:
    value: object = _ANY.decode(raw)
    return value if isinstance(value, str) else _json(raw)


def _json(raw: Raw) -> str:
    return one_line(raw).decode()


def _media(raw: Raw, path: str) -> Part:
    try:
        wire = _part.decode(raw)
    except msgspec.ValidationError:
        fields = checked(OBJECT, raw, path)
        return opaque(raw, fields)
    if wire.inline_data is not None:
        blob = wire.inline_data
        return decode_inline(blob.mime_type, blob.data or "", blob.display_name, f"{path}.inlineData")
    if wire.file_data is not None and wire.file_data.file_uri:
        ref = wire.file_data
        return decode_file(wire.file_data.file_uri, ref.mime_type, ref.display_name)
    return Text(wire.text or "")

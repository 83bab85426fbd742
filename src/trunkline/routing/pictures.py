"""Pictures and files in a conversation of any protocol: are there any, and how many bytes are theirs."""

import re
from typing import Final

import msgspec
from msgspec import Raw, Struct

NO_RAW: Final = Raw()
"""A field that is not there; the decoder takes no optional Raw."""

PICTURES: Final = frozenset({"image", "image_url", "input_image"})
ATTACHMENTS: Final = frozenset({"document", "file", "input_file", "input_audio", "audio", "video"})
SIGNS: Final = re.compile(
    rb'"(?:image|input_(?:image|file|audio)|document"|file"|audio"|video"|inline|file(?:Data|_data)")'
)
"""A body without any of these holds no picture and no file: the usual case, seen without decoding."""


class Looked(Struct, frozen=True):
    """What was found in one turn. ``weight`` is the bytes of pictures and files."""

    picture: bool = False
    weight: int = 0


NOTHING: Final = Looked()


class _Media(Struct):
    """Gemini's part for a file; both spellings are taken there."""

    mime_type: str | None = None
    camel: str | None = msgspec.field(default=None, name="mimeType")

    @property
    def picture(self) -> bool:
        return (self.camel or self.mime_type or "").startswith("image/")


class _Result(Struct):
    parts: Raw = NO_RAW


class _Block(Struct):
    type: str | None = None
    content: Raw = NO_RAW
    output: Raw = NO_RAW
    inline_data: _Media | None = None
    file_data: _Media | str | None = None
    inline_camel: _Media | None = msgspec.field(default=None, name="inlineData")
    file_camel: _Media | None = msgspec.field(default=None, name="fileData")
    response: _Result | None = msgspec.field(default=None, name="functionResponse")


_BLOCKS: Final = msgspec.json.Decoder(list[Raw])
_BLOCK: Final = msgspec.json.Decoder(_Block)


def may_hold_pictures(body: bytes) -> bool:
    """False is certain, True is not."""
    return SIGNS.search(body) is not None


def look(content: Raw, depth: int = 0) -> Looked:
    """The pictures and files in a turn's content, tool results included. Never raises."""
    if depth > 3 or bytes(content)[:1] != b"[":
        return NOTHING
    try:
        blocks = _BLOCKS.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NOTHING
    picture, weight = False, 0
    for raw in blocks:
        found = _block(raw, depth)
        picture = picture or found.picture
        weight += found.weight
    return Looked(picture, weight)


def _block(raw: Raw, depth: int) -> Looked:
    try:
        block = _BLOCK.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NOTHING
    if block.type in PICTURES:
        return Looked(True, len(bytes(raw)))
    if block.type in ATTACHMENTS:
        return Looked(False, len(bytes(raw)))
    media = block.inline_camel or block.file_camel or block.inline_data or block.file_data
    if isinstance(media, _Media):
        return Looked(media.picture, len(bytes(raw)))
    if block.response is not None:
        return look(block.response.parts, depth + 1)
    return look(block.content if bytes(block.content) else block.output, depth + 1)

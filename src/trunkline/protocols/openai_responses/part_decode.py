"""Content parts of messages and results to neutral parts; what is unknown stays as it came."""

from typing import Final

import msgspec
from msgspec import Raw

from trunkline.core.types import Audio, Document, Image, Opaque, Part, Refusal, Text
from trunkline.protocols.openai_responses.refusals import invalid, missing, refusal_of
from trunkline.protocols.openai_responses.search import meaning
from trunkline.protocols.openai_responses.wire import (
    MESSAGE,
    NAME,
    PART,
    TEXT,
    TEXT_MESSAGE,
    WireAudio,
    WireMessage,
    WirePart,
    WireTextMessage,
    WireTextPart,
    checked,
    kind_of,
    read,
)

INSIDE: Final = "content."
"""Begins the kind of an opaque part that is an element of a message's content."""
_IMAGE_TYPES: Final = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg"}
_AUDIO: Final = msgspec.json.Decoder(WireAudio)


def decode_message(raw: Raw, at: str) -> tuple[str | None, list[Part]]:
    """Role and parts of a ``message`` item. Raises msgspec.ValidationError and GatewayError (INVALID_REQUEST)."""
    try:
        texts = TEXT_MESSAGE.decode(bytes(raw))
    except msgspec.DecodeError:
        wire = read(MESSAGE, raw)
        return wire.role, decode_content(wire.content, f"{at}.content", _phase(wire))
    return text_message(texts)


def text_message(wire: WireTextMessage) -> tuple[str | None, list[Part]]:
    """Role and parts of a message that is nothing but text."""
    return wire.role, decode_texts(wire.content, _phase(wire))


def decode_texts(content: str | list[WireTextPart], phase: str | None = None) -> list[Part]:
    """Texts to parts."""
    if isinstance(content, str):
        return [Text(content, phase=phase)]
    return [Text(part.text, citations(part) if part.annotations else (), phase=phase) for part in content]


def _phase(wire: WireMessage | WireTextMessage) -> str | None:
    return wire.phase if wire.role == "assistant" else None


def decode_content(content: str | list[Raw] | None, at: str, phase: str | None = None) -> list[Part]:
    """Parts of a content string or list. Raises GatewayError (INVALID_REQUEST)."""
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(content, phase=phase)]
    return [decode_part(raw, f"{at}[{place}]", phase) for place, raw in enumerate(content)]


def decode_part(raw: Raw, at: str, phase: str | None = None) -> Part:
    """One element of a content list."""
    data = bytes(raw)
    if data[:1] == b'"':
        return Text(TEXT.decode(data), phase=phase)
    try:
        kind = kind_of(raw).type
        if kind == "input_audio":
            sound = read(_AUDIO, raw).input_audio
            return Audio(data=sound.data, format=sound.format)
        if kind not in _KNOWN:
            return Opaque(NAME, INSIDE + (kind or "unknown"), checked(raw))
        wire = read(PART, raw)
    except msgspec.ValidationError as cause:
        raise refusal_of(cause, at) from cause
    if wire.text is not None and kind in _TEXTS:
        return Text(wire.text, citations(wire), phase=phase)
    if wire.refusal is not None and kind == "refusal":
        return Refusal(wire.refusal)
    if kind == "input_image":
        return _image(wire, at)
    if kind == "input_file":
        return _file(wire, at)
    raise missing(f"{at}.{'refusal' if kind == 'refusal' else 'text'}")


_TEXTS: Final = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})
_KNOWN: Final = _TEXTS | {"refusal", "input_image", "input_file"}


def citations(wire: WirePart | WireTextPart) -> tuple[Opaque, ...]:
    """The annotations of a text part."""
    return tuple([citation(raw) for raw in wire.annotations]) if wire.annotations else ()


def citation(raw: Raw) -> Opaque:
    """One annotation, under its own type."""
    data = bytes(raw)
    kind = kind_of(raw).type if data[:1] == b"{" else None
    held = checked(Raw(data))
    return Opaque(NAME, kind or "annotation", held, means=meaning(kind or "", held))


def split_data_url(url: str) -> tuple[str | None, str]:
    """Media type and base64 data, cut at the first comma only; parameters of the type are dropped (E61)."""
    head, _, data = url.partition(",")
    media_type = head[5:].partition(";")[0].strip().lower()
    return _IMAGE_TYPES.get(media_type, media_type) or None, data


def _image(wire: WirePart, at: str) -> Image:
    url = wire.image_url
    if url is None:
        if wire.file_id is None:
            raise missing(f"{at}.image_url")
        return Image(file_id=wire.file_id, detail=wire.detail)
    if url[:5].lower() == "data:":
        media_type, data = split_data_url(url)
        if data:
            return Image(media_type=media_type, data=data, detail=wire.detail)
    elif url[:8].lower().startswith(("http://", "https://")):
        return Image(url=url, detail=wire.detail)
    raise invalid(
        f"Invalid '{at}.image_url': expected a base64-encoded data URL or an http(s) URL.",
        f"{at}.image_url",
    )


def _file(wire: WirePart, at: str) -> Document:
    if wire.file_data is not None:
        media_type, data = "application/pdf", wire.file_data
        if data[:5].lower() == "data:":
            found, data = split_data_url(data)
            media_type = found or media_type
        return Document(media_type=media_type, data=data, title=wire.filename)
    if wire.file_url is not None:
        return Document(url=wire.file_url, title=wire.filename)
    if wire.file_id is not None:
        return Document(file_id=wire.file_id, title=wire.filename)
    raise missing(f"{at}.file_data")

"""Pictures, sound and files between ``inlineData``/``fileData`` and the vocabulary (E60, E61, E62)."""

import base64
from typing import Final
from urllib.parse import urlsplit

from trunkline.core.types import Audio, Document, Image
from trunkline.protocols.gemini.refusals import invalid

_ALIASES: Final = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "audio/x-wav": "audio/wav"}
_SIGNS: Final = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
)
"""How base64 of a picture begins. RIFF is WebP where a picture was promised."""
_FORMATS: Final = {"mpeg": "mp3", "x-m4a": "m4a"}
_AUDIO: Final = {"mp3": "mpeg"}
_PDF: Final = "application/pdf"
_ENDINGS: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "pdf": _PDF,
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
}
_STANDARD: Final = str.maketrans("-_", "+/")
_HOSTED: Final = ("https://generativelanguage.googleapis.com/", "gs://")

Media = Image | Audio | Document


def plain_type(media_type: str | None) -> str:
    """A media type without parameters, in lower case; ``""`` when there is none."""
    kind = (media_type or "").partition(";")[0].strip().lower()
    return _ALIASES.get(kind, kind)


def sniffed(media_type: str, data: str) -> str:
    """The type of a picture by its first bytes, the declared one where they say nothing."""
    if media_type and not media_type.startswith("image/"):
        return media_type
    for opening, kind in _SIGNS:
        if data.startswith(opening):
            return kind
    return media_type


def decode_inline(media_type: str | None, data: str, title: str | None, at: str) -> Media:
    """``inlineData`` as a part. Raises GatewayError (INVALID_REQUEST) for data without a type."""
    if "-" in data or "_" in data:  # Python's SDK writes the URL-safe alphabet
        data = data.translate(_STANDARD)
    kind = sniffed(plain_type(media_type), data)
    if not kind:
        raise invalid(f"Unable to determine the mime type of '{at}'.", f"{at}.mimeType")
    if kind.startswith("image/"):
        return Image(media_type=kind, data=data)
    if kind.startswith("audio/"):
        sort = kind[6:]
        return Audio(data=data, format=_FORMATS.get(sort, sort))
    text = _text(data) if kind.startswith("text/") or kind == "application/json" else None
    if text is not None:
        return Document(media_type=kind, text=text, title=title)
    return Document(media_type=kind, data=data, title=title)


def _text(data: str) -> str | None:
    try:
        return base64.b64decode(data).decode()
    except ValueError:  # no base64, or no UTF-8
        return None


def hosted(uri: str) -> bool:
    """Whether the address is one of Google's own stores, which nobody else can read."""
    return uri.startswith(_HOSTED)


def decode_file(uri: str, media_type: str | None, title: str | None) -> Image | Document:
    """``fileData`` as a part: stored files by id, everything else by URL."""
    kind = plain_type(media_type)
    told = guessed(uri)
    picture = (kind or told or "").startswith("image/")
    declared = None if not kind or kind == told else kind
    if hosted(uri) or "://" not in uri:
        if picture:
            return Image(media_type=kind or None, file_id=uri)
        return Document(media_type=kind or None, file_id=uri, title=title)
    if picture:
        return Image(media_type=declared, url=uri)
    return Document(media_type=declared, url=uri, title=title)


def guessed(uri: str) -> str | None:
    """The media type that a URL's ending tells."""
    try:
        path = urlsplit(uri).path
    except ValueError:
        return None
    return _ENDINGS.get(path.rpartition(".")[2].lower())


def inline(media_type: str, data: str) -> dict[str, object]:
    """``inlineData``."""
    return {"inlineData": {"mimeType": sniffed(plain_type(media_type), data), "data": data}}


def audio_type(format: str) -> str:
    """The media type of a sound format."""
    return f"audio/{_AUDIO.get(format, format)}"


def file(uri: str, media_type: str | None) -> dict[str, object]:
    """``fileData``; its type as declared or as the ending tells."""
    kind = media_type or guessed(uri)
    return {"fileData": {"fileUri": uri} if kind is None else {"mimeType": kind, "fileUri": uri}}


def document_type(part: Document) -> str:
    """The media type of a document whose bytes are at hand."""
    return plain_type(part.media_type) or _PDF

"""Parts to content: text, images, files. What the target cannot take raises; nothing vanishes."""

from collections.abc import Iterable, Sequence

from msgspec import Raw

from trunkline.core.types import (
    Audio,
    Document,
    Image,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from trunkline.protocols.openai_chat.ledger import Ledger
from trunkline.protocols.openai_chat.refusals import invalid
from trunkline.protocols.openai_chat.shapes import (
    AudioData,
    AudioOut,
    CacheOut,
    Content,
    DocumentUrlOut,
    FileData,
    FileOut,
    ImageOut,
    PartOut,
    TextOut,
    UrlOut,
)
from trunkline.protocols.openai_chat.wire import NAME

BREAK = "\n\n"
"""Stands between blocks of text that become one string."""
_PDF = "application/pdf"


def blank(text: str) -> bool:
    """Empty or nothing but whitespace: refused upstream, and says nothing (E55)."""
    return not text or text.isspace()


def encode_content(parts: Sequence[Part], ledger: Ledger, carried: Sequence[PartOut] = ()) -> Content:
    """User or system content: one string, or parts where images, files or cache marks need them.

    Which of the two does not depend on other turns, so that prefixes stay (E104). ``carried``
    goes first. Empty when nothing is left.
    """
    if len(parts) == 1 and not carried and type(only := parts[0]) is Text:
        text, cache = only.text, only.cache
        if text and not text.isspace():
            mark = None if cache is None else ledger.mark(cache)
            return [TextOut(text, mark)] if ledger.facts.cache_marks else text
    out: list[PartOut] = list(carried)
    for part in parts:
        out += encode_part(part, ledger)
    out = _without_blanks(out)
    if ledger.facts.cache_marks:
        return out
    if len(out) == 1 and isinstance(out[0], TextOut):
        return out[0].text
    texts = [part.text for part in out if isinstance(part, TextOut)]
    return BREAK.join(texts) if len(texts) == len(out) else out


def _without_blanks(parts: list[PartOut]) -> list[PartOut]:
    """Blank texts go; a cache mark on one moves to its neighbour (E55, E103)."""
    kept: list[PartOut] = []
    homeless: CacheOut | None = None
    for part in parts:
        if isinstance(part, TextOut) and blank(part.text):
            if part.cache_control is not None and not _give(kept[-1:], part.cache_control):
                homeless = part.cache_control
            continue
        kept.append(part)
        if homeless is not None and _give([part], homeless):
            homeless = None
    return kept


def _give(parts: list[PartOut], mark: CacheOut) -> bool:
    for part in parts:
        if isinstance(part, (TextOut, ImageOut, FileOut)):
            part.cache_control = part.cache_control or mark
            return True
    return False


def encode_part(part: Part, ledger: Ledger) -> Iterable[PartOut]:
    """One part of a user or system message."""
    match part:
        case Text(text, _, cache):
            return (TextOut(text) if cache is None else TextOut(text, ledger.mark(cache)),)
        case Image():
            return (_image(part, ledger),)
        case Document():
            return _document(part, ledger)
        case Audio(data=data, format=sound):
            if not ledger.facts.audio:
                raise invalid(f"{_model(ledger)} takes no audio", "messages", "unsupported_content")
            return (AudioOut(AudioData(data, sound)),)
        case Refusal(text):
            return (TextOut(text),)
        case Opaque():
            return _opaque(part, ledger)
        case Thinking() | ToolCall() | ToolResult():
            ledger.lose(f"messages.{type(part).__name__.lower()}", "it has no place in this message")
            return ()


def _model(ledger: Ledger) -> str:
    return ledger.facts.model or "the model"


def _opaque(part: Opaque, ledger: Ledger) -> Iterable[PartOut]:
    if part.protocol == NAME:
        return (Raw(bytes(part.raw)),)
    if part.text is None:
        ledger.lose(f"messages.content.{part.kind}", "Chat Completions has no such block")
        return ()
    return (TextOut(part.text, ledger.mark(part.cache)),)


def _image(part: Image, ledger: Ledger) -> ImageOut:
    facts = ledger.facts
    if not facts.images:
        raise invalid(f"{_model(ledger)} takes no images", "messages", "unsupported_content")
    if part.data is not None:
        url = f"data:{part.media_type or 'image/png'};base64,{part.data}"
    elif part.url is not None:
        if not facts.image_urls:
            raise invalid(
                f"{_model(ledger)} fetches no image URLs: send the image's data instead",
                "messages",
                "unsupported_content",
            )
        url = part.url
    else:
        raise invalid(
            "an image by file id stays with the provider that stores it: send its data instead",
            "messages",
            "unsupported_content",
        )
    return ImageOut(UrlOut(url, part.detail), ledger.mark(part.cache))


def _document(part: Document, ledger: Ledger) -> Iterable[PartOut]:
    mark = ledger.mark(part.cache)
    if part.text is not None:
        return (TextOut(headed(part, part.text), mark),)
    if part.parts is not None:
        inner: list[PartOut] = [] if header(part) is None else [TextOut(f"{header(part)}:")]
        for child in part.parts:
            inner += encode_part(child, ledger)
        if mark is not None:
            _give(inner[-1:], mark)
        return inner
    return (_file(part, ledger, mark),)


def _file(part: Document, ledger: Ledger, mark: CacheOut | None) -> FileOut | DocumentUrlOut:
    if not ledger.facts.documents:
        raise invalid(f"{_model(ledger)} takes no documents", "messages", "unsupported_content")
    if (part.media_type or "").startswith("video/") and not ledger.own:
        raise invalid("Chat Completions takes no video", "messages", "unsupported_content")
    if part.data is not None:
        media_type = part.media_type or _PDF
        default = "document.pdf" if media_type == _PDF else "document"
        data = f"data:{media_type};base64,{part.data}"
        return FileOut(FileData(part.title or default, data), mark)
    if part.file_id is not None and ledger.openai_words and not part.media_type:
        return FileOut(FileData(part.title, None, part.file_id), mark)
    if part.url is not None and ledger.own:
        return DocumentUrlOut(part.url, part.title)
    raise invalid(
        "a document by URL or stored file cannot be sent over Chat Completions: send its data instead",
        "messages",
        "unsupported_content",
    )


def header(part: Document) -> str | None:
    """The line that stands for a document's title and context (E62)."""
    if part.title is None and part.context is None:
        return None
    title = f"Document {part.title!r}" if part.title is not None else "Document"
    return title if part.context is None else f"{title} ({part.context})"


def headed(part: Document, text: str) -> str:
    """A text document under its header line."""
    line = header(part)
    return text if line is None else f"{line}:\n{text}"


def result_text(parts: Sequence[Part], ledger: Ledger, label: str) -> tuple[str, list[PartOut]]:
    """A tool result as text, and what has to follow in a user message after all results (E36)."""
    if len(parts) == 1:
        only = parts[0]
        if isinstance(only, Text):
            return only.text, []
    texts: list[str] = []
    carried: list[PartOut] = []
    for part in parts:
        for out in encode_part(part, ledger):
            if isinstance(out, TextOut):
                if out.text:
                    texts.append(out.text)
                continue
            kind = "image" if isinstance(out, ImageOut) else "file"
            texts.append(f"[{kind}: in the next user message]")
            carried.append(TextOut(f"The {kind} in the result of {label}:"))
            carried.append(out)
    return "\n".join(texts), carried

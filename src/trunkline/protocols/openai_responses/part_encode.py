"""Parts of user turns, instructions and results to content parts. What the target cannot take raises."""

from collections.abc import Iterable, Sequence

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
from trunkline.protocols.openai_responses.ledger import Ledger
from trunkline.protocols.openai_responses.part_decode import INSIDE
from trunkline.protocols.openai_responses.refusals import unsupported
from trunkline.protocols.openai_responses.wire import ERROR_PREFIX, NAME

PartOut = object
"""A content part as it encodes: an object of fields, or raw JSON."""


def blank(text: str) -> bool:
    """Empty or nothing but whitespace: says nothing (E55)."""
    return not text or text.isspace()


def input_text(text: str) -> dict[str, object]:
    """A text part of a user, an instruction or a result."""
    return {"type": "input_text", "text": text}


def encode_parts(parts: Sequence[Part], ledger: Ledger) -> list[PartOut]:
    """Content parts, blank texts left out."""
    found: list[PartOut] = []
    for part in parts:
        found += encode_part(part, ledger)
    return found


def encode_part(part: Part, ledger: Ledger) -> Iterable[PartOut]:
    """One part of a user turn, an instruction or a result."""
    if part.__class__ is not Refusal and getattr(part, "cache", None) is not None:
        ledger.lose("cache_control", "prompts are cached by themselves here")
    match part:
        case Text(text) | Refusal(text):
            return () if blank(text) else (input_text(text),)
        case Image():
            return (_image(part, ledger),)
        case Document():
            return _document(part, ledger)
        case Audio(data=data, format=sound):
            if not ledger.facts.audio:
                raise unsupported(f"{_model(ledger)} takes no audio")
            return ({"type": "input_audio", "input_audio": {"data": data, "format": sound}},)
        case Opaque():
            return _opaque(part, ledger)
        case Thinking() | ToolCall() | ToolResult():
            ledger.lose(f"input.{type(part).__name__.lower()}", "it has no place in this message")
            return ()


def _model(ledger: Ledger) -> str:
    return ledger.facts.model or "the model"


def _opaque(part: Opaque, ledger: Ledger) -> Iterable[PartOut]:
    if part.protocol == NAME and part.kind.startswith(INSIDE):
        return (part.raw,)
    if part.text is None:
        ledger.lose(f"input.{part.kind}", "OpenAI Responses has no such block")
        return ()
    return (input_text(part.text),)


def _image(part: Image, ledger: Ledger) -> PartOut:
    facts = ledger.facts
    if not facts.images:
        raise unsupported(f"{_model(ledger)} takes no images")
    found: dict[str, object] = {"type": "input_image"}
    if part.data is not None:
        found["image_url"] = f"data:{part.media_type or 'image/png'};base64,{part.data}"
    elif part.url is not None:
        if not facts.image_urls:
            raise unsupported(f"{_model(ledger)} fetches no image URLs: send the image's data instead")
        found["image_url"] = part.url
    elif part.file_id is not None and ledger.own:
        found["file_id"] = part.file_id
    else:
        raise unsupported("a file id stays with the provider that stores the file: send its data instead")
    if part.detail is not None:
        found["detail"] = part.detail
    return found


def _document(part: Document, ledger: Ledger) -> Iterable[PartOut]:
    if part.citations:
        ledger.lose("input.citations", "documents are not cited here")
    if part.text is not None:
        line = header(part)
        return (input_text(part.text if line is None else f"{line}:\n{part.text}"),)
    if part.parts is not None:
        line = header(part)
        opening = [] if line is None else [input_text(f"{line}:")]
        return [*opening, *encode_parts(part.parts, ledger)]
    if not ledger.facts.documents:
        raise unsupported(f"{_model(ledger)} takes no documents")
    if (part.media_type or "").startswith("video/") and not ledger.own:
        raise unsupported("OpenAI Responses takes no video")
    found: dict[str, object] = {"type": "input_file"}
    if part.data is not None:
        media_type = part.media_type or "application/pdf"
        default = "document.pdf" if media_type == "application/pdf" else "document"
        found["filename"] = part.title or default
        found["file_data"] = f"data:{media_type};base64,{part.data}"
    elif part.url is not None:
        found["file_url"] = part.url
    elif part.file_id is not None and ledger.own:
        found["file_id"] = part.file_id
    else:
        raise unsupported("a file id stays with the provider that stores the file: send its data instead")
    return (found,)


def header(part: Document) -> str | None:
    """The line that stands for a document's title and context (E62)."""
    title = None if part.title is None else f"Document {part.title!r}"
    if part.context is None:
        return title
    return f"{title or 'Document'} ({part.context})"


def encode_result(result: ToolResult, ledger: Ledger) -> str | list[PartOut]:
    """``output`` of a result: text alone as a string, everything else as parts; an error by its prefix (E37)."""
    if result.cache is not None:
        ledger.lose("cache_control", "prompts are cached by themselves here")
    prefix = ERROR_PREFIX if result.is_error else ""
    if all(isinstance(part, Text) for part in result.content) and len(result.content) < 2:
        return prefix + "".join(part.text for part in result.content if isinstance(part, Text))
    parts = encode_parts(result.content, ledger)
    if not prefix:
        return parts
    opening = result.content[0] if result.content else None
    if isinstance(opening, Text) and not blank(opening.text):
        return [input_text(prefix + opening.text), *parts[1:]]
    return [input_text(prefix), *parts]

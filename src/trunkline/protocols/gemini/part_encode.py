"""Parts to parts: text, pictures, sound, files. What the target cannot take raises; nothing vanishes."""

from collections.abc import Iterable
from typing import Final

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
from trunkline.protocols.gemini import signatures
from trunkline.protocols.gemini.ledger import Ledger
from trunkline.protocols.gemini.media import audio_type, document_type, file, hosted, inline
from trunkline.protocols.gemini.refusals import invalid
from trunkline.protocols.gemini.wire import OBJECT, PROTOCOL, TEXT, encode

PartOut = dict[str, object]
_FOREIGN: Final = "a signature of another model: only its maker can check it"


def blank(text: str) -> bool:
    """Nothing but whitespace: says nothing, and some routes refuse it (E55)."""
    return not text or text.isspace()


def encode_part(part: Part, ledger: Ledger) -> Iterable[PartOut]:
    """One part of a user turn, a result or an instruction."""
    match part:
        case Text(text, _, cache):
            ledger.lose_mark(cache)
            return () if blank(text) else ({"text": text},)
        case Refusal(text):
            return () if blank(text) else ({"text": text},)
        case Image():
            ledger.lose_mark(part.cache)
            if part.detail not in (None, "auto"):
                ledger.lose("messages.image.detail", "Gemini has one level of detail for a whole request")
            return (_image(part, ledger),)
        case Document():
            ledger.lose_mark(part.cache)
            return _document(part, ledger)
        case Audio(data=data, format=sound):
            if not ledger.facts.audio:
                raise _refused(f"{_model(ledger)} takes no audio")
            return (inline(audio_type(sound), data),)
        case Opaque():
            return _opaque(part, ledger)
        case Thinking() | ToolCall() | ToolResult():
            ledger.lose(f"messages.{type(part).__name__.lower()}", "it has no place in this turn")
            return ()


def own_signature(text: str, ledger: Ledger) -> str | None:
    """A signature as the client sent it, for the upstream; None (and a loss) when another model made it."""
    proof = signatures.read(text)
    if proof.signature is not None and (
        proof.signature == signatures.SKIP or proof.origin == ledger.facts.origin
    ):
        return signatures.wire(proof.signature)
    if proof.signature is not None:
        ledger.lose("messages.thoughtSignature", _FOREIGN)
    return None


def _opaque(part: Opaque, ledger: Ledger) -> Iterable[PartOut]:
    if part.protocol == PROTOCOL:
        fields: dict[str, Raw] = dict(OBJECT.decode(part.raw))
        signed = fields.pop("thoughtSignature", None)
        kept = None if signed is None else own_signature(TEXT.decode(signed), ledger)
        if kept is not None:
            fields["thoughtSignature"] = Raw(encode(kept))
        elif not fields or part.kind == "text":
            return ()
        return (dict(fields),)
    ledger.lose_mark(part.cache)
    if part.text is None:
        ledger.lose(f"messages.content.{part.kind}", "Gemini has no such block")
        return ()
    return () if blank(part.text) else ({"text": part.text},)


def _refused(message: str) -> Exception:
    return invalid(message, "messages")


def _model(ledger: Ledger) -> str:
    return ledger.facts.model or "the model"


def _image(part: Image, ledger: Ledger) -> PartOut:
    if not ledger.facts.images:
        raise _refused(f"{_model(ledger)} takes no images")
    if part.data is not None:
        return inline(part.media_type or "image/png", part.data)
    if part.url is not None and (ledger.facts.image_urls or hosted(part.url)):
        return file(part.url, part.media_type)
    if part.file_id is not None and (ledger.own or hosted(part.file_id)):
        return file(part.file_id, part.media_type)
    if part.url is not None:
        raise _refused(f"{_model(ledger)} fetches no image URLs: send the image's data instead")
    raise _refused("an image by file id stays with the provider that stores it: send its data instead")


def _document(part: Document, ledger: Ledger) -> Iterable[PartOut]:
    line = header(part)
    if part.text is not None:
        return ({"text": part.text if line is None else f"{line}:\n{part.text}"},)
    opening: list[PartOut] = [] if line is None else [{"text": f"{line}:"}]
    if part.parts is not None:
        for child in part.parts:
            opening += encode_part(child, ledger)
        return opening
    return (*opening, _file(part, ledger))


def _file(part: Document, ledger: Ledger) -> PartOut:
    if not ledger.facts.documents:
        raise _refused(f"{_model(ledger)} takes no documents")
    if part.data is not None:
        return inline(document_type(part), part.data)
    if part.url is not None and (ledger.facts.image_urls or hosted(part.url)):
        return file(part.url, part.media_type)
    if part.file_id is not None and (ledger.own or hosted(part.file_id)):
        return file(part.file_id, part.media_type)
    raise _refused(
        "a document by URL or stored file cannot be sent to this upstream: send its data instead"
    )


def header(part: Document) -> str | None:
    """The line that stands for a document's title and context (E62)."""
    told = [f"Document {part.title!r}" if part.title is not None else "Document"]
    if part.context is not None:
        told.append(f"({part.context})")
    return None if part.title is None and part.context is None else " ".join(told)

"""Neutral parts to content blocks, under the rules the server enforces (protocols.md 2.6)."""

import base64
from collections.abc import Iterable, Sequence
from typing import Final, assert_never

import msgspec
from msgspec import Raw

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.types import (
    Audio,
    CacheMark,
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
from trunkline.protocols.bedrock_converse.ledger import Ledger
from trunkline.protocols.bedrock_converse.wire import ENCODER, OBJECT, Block

NO_OUTPUT: Final = "(no output)"
S3: Final = "s3://"

_FORMATS: Final = {"image/jpeg": "jpeg", "image/jpg": "jpeg", "image/png": "png", "image/gif": "gif", "image/webp": "webp"}  # fmt: skip
_MAGIC: Final = (("/9j/", "jpeg"), ("iVBORw0KGgo", "png"), ("R0lGOD", "gif"), ("UklGR", "webp"))
"""How base64 of the four formats begins: the bytes say it better than the client (E61)."""

_DOCUMENTS: Final = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/markdown": "md",
    "text/plain": "txt",
}


def refused(message: str) -> GatewayError:
    """Content that cannot be carried: 400, no retry can help."""
    return GatewayError(
        Kind.INVALID_REQUEST, message, field="messages", code="unsupported_content", should_retry=False
    )


def text_blocks(text: str) -> list[Block]:
    """A text block, unless there is nothing in it: blank ones are refused (E55)."""
    return [{"text": text}] if text.strip() else []


def marks(cache: CacheMark | None, ledger: Ledger) -> list[Block]:
    """The cache point after a marked block."""
    if cache is None:
        return []
    if not ledger.facts.cache_marks:
        ledger.losses.add("cache_control", "the model takes no cache points")
        return []
    point: dict[str, object] = {"type": "default"}
    if cache.ttl is not None and cache.ttl != "5m":
        if ledger.facts.cache_ttl:
            point["ttl"] = cache.ttl
        else:
            ledger.losses.add("cache_control.ttl", "the model's cache points have no lifetime")
    return [{"cachePoint": point}]


def encode_part(part: Part, ledger: Ledger, *, assistant: bool = False) -> list[Block]:
    """The blocks for ``part``, with its cache point; calls and results have their own ways."""
    match part:
        case Text(text, citations, cache):
            if citations and assistant:
                ledger.losses.add("messages.citations", "the citations of another protocol")
            return text_blocks(text) + (marks(cache, ledger) if text.strip() else [])
        case Refusal(text):
            return text_blocks(text)
        case Image():
            return _image(part, ledger, assistant=assistant) + marks(part.cache, ledger)
        case Document():
            return _document(part, ledger, assistant=assistant) + marks(part.cache, ledger)
        case Audio():
            raise refused(f"{ledger.who} takes no audio: Converse has no block for it")
        case Thinking():
            return _thinking(part, ledger)
        case Opaque(kind=kind, text=text, cache=cache):
            if text is not None:
                return text_blocks(text) + marks(cache, ledger)
            ledger.losses.add(f"messages.{kind}", "a block that only its own protocol has")
            return []
        case ToolCall() | ToolResult():
            raise GatewayError(Kind.INTERNAL, "a call or result stands outside its turn")
        case _:
            assert_never(part)


def encode_call(call: ToolCall, ledger: Ledger) -> tuple[str, list[Block]]:
    """The id as sent, and the blocks of a call in the history."""
    sent, name = ledger.ids.next(call.id), ledger.names.upstream(call.name)
    ledger.sent_names[name] = None
    if call.proof is not None:
        ledger.losses.add(
            "messages.proof", "a proof bound to a call: only its maker's protocol has a place"
        )
    block: Block = {"toolUse": {"toolUseId": sent, "name": name, "input": encode_arguments(call)}}
    return sent, [block, *marks(call.cache, ledger)]


def encode_arguments(call: ToolCall) -> Raw:
    """A call's input as an object: empty is ``{}``, text that is no object is kept under ``_raw`` (E24)."""
    if call.kind == "custom":
        return Raw(ENCODER.encode({"input": call.arguments}))
    text = call.arguments.strip()
    if not text or text == "null":
        return Raw(b"{}")
    try:
        OBJECT.decode(text)
    except msgspec.DecodeError:
        return Raw(ENCODER.encode({"_raw": call.arguments}))
    return Raw(text.encode())


def encode_result(sent: str, result: ToolResult | None, ledger: Ledger) -> list[Block]:
    """The outcome of the call that was sent as ``sent``; None: nobody recorded one (E35)."""
    if result is None:
        said: list[Block] = [{"text": "no result was recorded for this call"}]
        return [{"toolResult": {"toolUseId": sent, "content": said, "status": "error"}}]
    content: list[Block] = []
    cache = result.cache
    for part in result.content:
        if isinstance(part, Thinking | ToolCall | ToolResult):
            continue
        if not isinstance(part, Refusal | Audio):
            cache = cache or part.cache
        content += [block for block in encode_part(part, ledger) if "cachePoint" not in block]
    inside: Block = {"toolUseId": sent, "content": content or [{"text": NO_OUTPUT}]}
    if result.is_error:
        inside["status"] = "error"
    return [{"toolResult": inside}, *marks(cache, ledger)]


def _image(image: Image, ledger: Ledger, *, assistant: bool) -> list[Block]:
    if assistant:
        ledger.losses.add("messages.image", "assistant turns hold no images in this protocol")
        return [{"text": "[an image the assistant made]"}]
    if not ledger.facts.images:
        raise refused(f"{ledger.who} takes no images")
    if image.detail not in (None, "auto"):
        ledger.losses.add("messages.image.detail", "no such setting in this protocol")
    if image.data is not None:
        format = next((name for magic, name in _MAGIC if image.data.startswith(magic)), None)
        format = format or _FORMATS.get((image.media_type or "image/png").lower(), "png")
        return [{"image": {"format": format, "source": {"bytes": image.data}}}]
    if image.url is not None and image.url.startswith(S3):
        format = image.url.rpartition(".")[2].lower().replace("jpg", "jpeg")
        known = format if format in _FORMATS.values() else "png"
        return [{"image": {"format": known, "source": {"s3Location": {"uri": image.url}}}}]
    if image.url is not None:
        raise refused(
            f"{ledger.who} fetches no images: send the image itself as base64, or an s3:// address"
        )
    raise refused("an image by file id stays with the provider that stores it: send its data instead")


def _document(document: Document, ledger: Ledger, *, assistant: bool) -> list[Block]:
    title = document.title
    if assistant:
        ledger.losses.add("messages.document", "assistant turns hold no documents in this protocol")
        return [{"text": f"[a document the assistant made: {title or 'untitled'}]"}]
    if document.parts is not None:
        return _text_header(document) + _inner(document.parts, ledger)
    if document.text is not None:
        if not ledger.facts.documents:
            return [*_text_header(document), *text_blocks(document.text)]
        data = base64.b64encode(document.text.encode("utf-8", "replace")).decode("ascii")
        return [_file(document, "txt", {"bytes": data}, ledger)]
    if not ledger.facts.documents:
        raise refused(f"{ledger.who} takes no documents")
    if document.data is not None:
        media_type = (document.media_type or "").partition(";")[0].strip().lower()
        kind = "pdf" if document.data.startswith("JVBERi") else _DOCUMENTS.get(media_type)
        if kind is None and media_type.startswith("text/"):
            kind = "txt"
        if kind is None:
            raise refused(f"a document of type {media_type or 'unknown'} cannot be sent to Bedrock")
        return [_file(document, kind, {"bytes": document.data}, ledger)]
    if document.url is not None and document.url.startswith(S3):
        kind = document.url.rpartition(".")[2].lower()
        known = kind if kind in _DOCUMENTS.values() else "pdf"
        return [_file(document, known, {"s3Location": {"uri": document.url}}, ledger)]
    raise refused("a document by URL or stored file cannot be sent to Bedrock: send its data instead")


def _file(document: Document, kind: str, source: Block, ledger: Ledger) -> Block:
    block: Block = {"format": kind, "name": ledger.document_name(document.title, kind), "source": source}
    if document.context is not None:
        block["context"] = document.context
    if document.citations is not None:
        block["citations"] = {"enabled": document.citations}
    return {"document": block}


def _text_header(document: Document) -> list[Block]:
    return text_blocks("\n".join(line for line in (document.title, document.context) if line))


def _inner(parts: Sequence[Part], ledger: Ledger) -> list[Block]:
    blocks: Iterable[list[Block]] = (encode_part(part, ledger) for part in parts)
    return [block for group in blocks for block in group if "cachePoint" not in block]


def _thinking(part: Thinking, ledger: Ledger) -> list[Block]:
    """Reasoning goes back to its maker only, and only with its proof (E7, E8)."""
    if part.redacted is None and part.signature is None:
        if part.text:
            ledger.losses.add(
                "messages.thinking", "reasoning without a signature: the target would refuse it"
            )
        return []
    if part.origin != ledger.facts.origin:
        ledger.losses.add(
            "messages.thinking", "the reasoning of another model: only its maker can check it"
        )
        return []
    if part.redacted is not None:
        return [{"reasoningContent": {"redactedContent": part.redacted}}]
    told: Block = {"text": part.text, "signature": part.signature}
    return [{"reasoningContent": {"reasoningText": told}}]

"""Blocks of requests and answers to neutral parts."""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.proofs import unseal
from trunkline.core.types import (
    CacheMark,
    Document,
    Image,
    Opaque,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from trunkline.protocols.anthropic_messages.marks import decode_mark
from trunkline.protocols.anthropic_messages.rendering import opaque, tool_reference_text
from trunkline.protocols.anthropic_messages.wire import (
    PROTOCOL,
    Base64Source,
    Block,
    ContentSource,
    DocumentBlock,
    FileSource,
    ImageBlock,
    OtherBlock,
    RedactedBlock,
    TextBlock,
    TextSource,
    ThinkingBlock,
    ToolReferenceBlock,
    ToolResultBlock,
    ToolUseBlock,
    UrlSource,
    encode,
)

UNPARSED: Final = b'"__unparsedToolInput"'


class _Unparsed(Struct, gc=False):
    raw: str = ""


class _UnparsedInput(Struct, rename={"unparsed": "__unparsedToolInput"}, gc=False):
    unparsed: _Unparsed


_decode_unparsed: Final = msgspec.json.Decoder(_UnparsedInput).decode


def decode_text(block: TextBlock) -> Text:
    """A text block with its citations kept as they are."""
    citations, mark = block.citations, block.cache_control
    if citations is None and mark is None:
        return Text(block.text)
    kept = tuple(opaque(raw) for raw in citations) if citations else ()
    return Text(block.text, kept, None if mark is None else CacheMark(mark.ttl))


def decode_arguments(raw: Raw) -> str:
    """A call's input as text. Claude Code returns a model's broken JSON in a wrapper: the wrapped text then."""
    data = bytes(raw)
    if data == b"null":
        return "{}"
    if UNPARSED in data:
        try:
            return _decode_unparsed(data).unparsed.raw
        except msgspec.ValidationError:
            pass  # a tool of this shape, not the wrapper: keep the object
    return data.decode()


def decode_call(block: ToolUseBlock) -> ToolCall:
    """A client tool call."""
    return ToolCall(
        id=block.id,
        name=block.name,
        arguments=decode_arguments(block.input),
        cache=None if block.cache_control is None else decode_mark(block.cache_control),
    )


def decode_thinking(block: ThinkingBlock) -> Thinking:
    """Reasoning with its proof unsealed; a signature that was never sealed has no known origin."""
    proof = unseal(block.signature or "")
    return Thinking(text=block.thinking, signature=proof.signature, origin=proof.origin)


def decode_redacted(block: RedactedBlock) -> Thinking:
    """Unreadable reasoning, unsealed the same way."""
    proof = unseal(block.data)
    return Thinking(redacted=proof.signature or "", origin=proof.origin)


def decode_image(block: ImageBlock) -> Image:
    """A picture from any source."""
    cache, source = decode_mark(block.cache_control), block.source
    if isinstance(source, Base64Source):
        return Image(media_type=source.media_type, data=source.data, cache=cache)
    if isinstance(source, UrlSource):
        return Image(url=source.url, cache=cache)
    return Image(file_id=source.file_id, cache=cache)


def decode_document(block: DocumentBlock) -> Document:
    """A file from any source."""
    source = block.source
    return Document(
        media_type=source.media_type if isinstance(source, Base64Source | TextSource) else None,
        data=source.data if isinstance(source, Base64Source) else None,
        url=source.url if isinstance(source, UrlSource) else None,
        text=source.data if isinstance(source, TextSource) else None,
        parts=_content(source.content) if isinstance(source, ContentSource) else None,
        file_id=source.file_id if isinstance(source, FileSource) else None,
        title=block.title,
        context=block.context,
        citations=None if block.citations is None else block.citations.enabled,
        cache=decode_mark(block.cache_control),
    )


def _content(content: str | list[TextBlock | ImageBlock]) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(content),)
    return tuple(
        [decode_text(item) if isinstance(item, TextBlock) else decode_image(item) for item in content]
    )


def decode_tool_reference(block: ToolReferenceBlock) -> Opaque:
    """A deferred tool that was found; only this protocol has a form for it (E50)."""
    return Opaque(
        PROTOCOL,
        "tool_reference",
        Raw(encode(block)),
        text=tool_reference_text(block.tool_name),
        cache=decode_mark(block.cache_control),
    )


def decode_result(block: ToolResultBlock) -> ToolResult:
    """A call's outcome."""
    content = block.content
    parts: tuple[Part, ...]
    if isinstance(content, str):
        parts = (Text(content),) if content else ()
    else:
        parts = decode_blocks(content) if content else ()
    return ToolResult(
        call_id=block.tool_use_id,
        content=parts,
        is_error=bool(block.is_error),
        cache=None if block.cache_control is None else decode_mark(block.cache_control),
    )


def _decode_other(block: OtherBlock) -> Opaque:
    return opaque(block.raw, block.kind)


_DECODERS: Final[dict[type, Callable[..., Part]]] = {
    TextBlock: decode_text,
    ToolUseBlock: decode_call,
    ToolResultBlock: decode_result,
    ThinkingBlock: decode_thinking,
    RedactedBlock: decode_redacted,
    ImageBlock: decode_image,
    DocumentBlock: decode_document,
    ToolReferenceBlock: decode_tool_reference,
    OtherBlock: _decode_other,
}


def decode_blocks(blocks: Iterable[Block | OtherBlock]) -> tuple[Part, ...]:
    """Neutral parts, one a block, in order."""
    return tuple([_DECODERS[type(block)](block) for block in blocks])

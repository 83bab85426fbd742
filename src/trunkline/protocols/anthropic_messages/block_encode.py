"""Neutral parts to the blocks of a request, under the rules the server enforces (protocols.md 2.1)."""

import base64
from collections.abc import Sequence
from typing import Final, assert_never

import msgspec
from msgspec import Raw

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.facts import Facts
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
from trunkline.protocols.anthropic_messages.marks import encode_mark
from trunkline.protocols.anthropic_messages.refusals import invalid
from trunkline.protocols.anthropic_messages.search import is_ours
from trunkline.protocols.anthropic_messages.wire import (
    PROTOCOL,
    Base64Source,
    CacheControl,
    Citations,
    ContentSource,
    DocumentBlock,
    FileSource,
    ImageBlock,
    RedactedBlock,
    TextBlock,
    TextSource,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UrlSource,
    encode,
)
from trunkline.protocols.losses import Losses
from trunkline.protocols.portable_names import ToolNames

Markable = TextBlock | ImageBlock | DocumentBlock | ToolUseBlock | ToolResultBlock
Item = Markable | ThinkingBlock | RedactedBlock | Raw

_object: Final = msgspec.json.Decoder(dict[str, Raw]).decode

_MAGIC: Final = (
    ("/9j/", "image/jpeg"),
    ("iVBORw0KGgo", "image/png"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
)
"""How base64 of the four accepted formats begins (E61)."""

_SERVER_BLOCKS: Final = ("server_tool_use", "mcp_tool_use", "mcp_tool_result", "container_upload")
_PLAIN: Final = frozenset({"application/json", "application/xml", "application/yaml", "application/x-yaml"})


def encode_arguments(call: ToolCall) -> Raw:
    """A call's input as an object: empty is ``{}``, text that is no object is kept under ``_raw`` (E24)."""
    if call.kind == "custom":
        return Raw(encode({"input": call.arguments}))
    text = call.arguments.strip()
    if not text or text == "null":
        return Raw(b"{}")
    data = text.encode()
    try:
        _object(data)
    except msgspec.DecodeError:
        return Raw(encode({"_raw": call.arguments}))
    return Raw(data)


class Blocks:
    """The blocks of one message in the making; marks on dropped text move to a neighbour (E55)."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self._owed: CacheControl | None = None

    def add(self, item: Item) -> None:
        """One more block."""
        if self._owed is not None and isinstance(item, Markable):
            item.cache_control = item.cache_control or self._owed
            self._owed = None
        self.items.append(item)

    def add_text(
        self, text: str, mark: CacheMark | None = None, citations: list[Raw] | None = None
    ) -> None:
        """A text block, unless there is nothing in it."""
        if text.strip():
            self.add(TextBlock(text, citations or None, encode_mark(mark)))
        elif mark is not None:
            self.pass_mark(mark)

    def pass_mark(self, mark: CacheMark) -> None:
        """Put the mark of a block that goes on the one before it, or else on the next."""
        for item in reversed(self.items):
            if isinstance(item, Markable):
                item.cache_control = item.cache_control or encode_mark(mark)
                return
        self._owed = encode_mark(mark)


class BlockEncoder:
    """Part to block for one request and target."""

    def __init__(self, facts: Facts, own: bool, names: ToolNames, losses: Losses) -> None:
        self._facts = facts
        self._own = own
        self._names = names
        self._losses = losses

    def put(self, blocks: Blocks, part: Part, *, assistant: bool = False) -> None:
        """Append what stands for ``part``; calls and results have their own ways."""
        match part:
            case Text(text, citations, cache):
                own = [
                    item.raw for item in citations if item.protocol == PROTOCOL and not is_ours(item.raw)
                ]
                if len(own) < len(citations):
                    self._losses.add("messages.citations", "the citations of another protocol")
                blocks.add_text(text, cache, own if assistant else None)
            case Refusal(text):
                blocks.add_text(text)
            case Image():
                self._put_image(blocks, part, assistant)
            case Document():
                self._put_document(blocks, part, assistant)
            case Audio():
                raise invalid(
                    f"{self._facts.model or 'the target'} takes no audio: Anthropic Messages has no block for it",
                    "messages",
                )
            case Thinking():
                self._put_thinking(blocks, part)
            case Opaque():
                self._put_opaque(blocks, part)
            case ToolCall():
                raise GatewayError(Kind.INTERNAL, "a call stands outside an assistant turn")
            case ToolResult():
                raise GatewayError(Kind.INTERNAL, "a result was not paired with its call")
            case _:
                assert_never(part)

    def shows(self, part: Part) -> bool:
        """Whether anything stands for ``part`` at the target."""
        match part:
            case Text(text) | Refusal(text):
                return bool(text.strip())
            case Thinking():
                proven = part.redacted is not None or part.signature is not None
                return proven and part.origin == self._facts.origin
            case Opaque():
                return self._takes(part) or bool((part.text or "").strip())
            case _:
                return True

    def put_call(self, blocks: Blocks, call: ToolCall, sent_id: str) -> None:
        """A call in the history."""
        name = self._names.upstream(call.name)
        blocks.add(ToolUseBlock(sent_id, name, encode_arguments(call), encode_mark(call.cache)))
        if call.proof is not None:
            self._losses.add(
                "messages.proof", "a proof bound to a call: only its maker's protocol has a place"
            )

    def result(self, result: ToolResult, sent_id: str) -> ToolResultBlock:
        """A call's outcome. Marks inside it move to the result itself."""
        inner = Blocks()
        cache = result.cache
        for part in result.content:
            if isinstance(part, ToolResult | ToolCall | Thinking):
                continue
            if not isinstance(part, Refusal | Audio):
                cache = cache or part.cache
            self.put(inner, part)
        content: list[object] = []
        for item in inner.items:
            if isinstance(item, Markable):
                item.cache_control = None
            content.append(item)
        if result.is_error and not content:
            content.append(TextBlock("the call failed and said nothing"))  # an empty error is refused
        block = ToolResultBlock(sent_id, None, result.is_error or None, encode_mark(cache))
        block.content = content or None  # type: ignore[assignment]  # raw blocks among them, encoded as they are
        return block

    def _put_image(self, blocks: Blocks, image: Image, assistant: bool) -> None:
        facts = self._facts
        if assistant:
            blocks.add_text("[an image the assistant made]", image.cache)
            self._losses.add("messages.image", "assistant turns hold no images in this protocol")
            return
        if not facts.images:
            raise invalid(f"{facts.model or 'the target'} takes no images", "messages")
        if image.detail not in (None, "auto"):
            self._losses.add("messages.image.detail", "no such setting in this protocol")
        blocks.add(ImageBlock(self._image_source(image), encode_mark(image.cache)))

    def _image_source(self, image: Image) -> Base64Source | UrlSource | FileSource:
        if image.data is not None:
            return Base64Source(image_type(image.data, image.media_type), image.data)
        if image.url is not None:
            if not self._facts.image_urls:
                raise invalid(
                    f"{self._facts.model or 'the target'} fetches no images: send the image itself as base64",
                    "messages",
                )
            return UrlSource(image.url)
        return FileSource(self._file(image.file_id))

    def _file(self, file_id: str | None) -> str:
        if file_id is None or not self._own:
            raise invalid("a file id belongs to one provider's store: send the file itself", "messages")
        return file_id

    def _put_document(self, blocks: Blocks, document: Document, assistant: bool) -> None:
        if assistant:
            blocks.add_text(
                f"[a document the assistant made: {document.title or 'untitled'}]", document.cache
            )
            self._losses.add("messages.document", "assistant turns hold no documents in this protocol")
            return
        source = self._document_source(document)
        if not self._facts.documents:
            if not isinstance(source, TextSource):
                raise invalid(f"{self._facts.model or 'the target'} takes no documents", "messages")
            header = "\n".join(line for line in (document.title, document.context) if line)
            blocks.add_text(f"{header}\n\n{source.data}" if header else source.data, document.cache)
            return
        citations = None if document.citations is None else Citations(document.citations)
        blocks.add(
            DocumentBlock(source, document.title, document.context, citations, encode_mark(document.cache))
        )

    def _document_source(
        self, document: Document
    ) -> Base64Source | UrlSource | TextSource | ContentSource | FileSource:
        if document.text is not None:
            return TextSource(document.text)
        if document.data is not None:
            return _document_data(document.data, document.media_type)
        if document.url is not None:
            return UrlSource(document.url)
        if document.parts is not None:
            return ContentSource(self._document_parts(document.parts))
        return FileSource(self._file(document.file_id))

    def _document_parts(self, parts: Sequence[Part]) -> list[TextBlock | ImageBlock]:
        inner = Blocks()
        for part in parts:
            self.put(inner, part)
        return [item for item in inner.items if isinstance(item, TextBlock | ImageBlock)]

    def _put_thinking(self, blocks: Blocks, part: Thinking) -> None:
        """Reasoning goes back to its maker only, and only with its proof (E7, E8)."""
        if part.redacted is None and part.signature is None:
            if part.text:
                self._losses.add(
                    "messages.thinking", "reasoning without a signature: the target would refuse it"
                )
        elif part.origin != self._facts.origin:
            self._losses.add(
                "messages.thinking", "the reasoning of another model: only its maker can check it"
            )
        elif part.redacted is not None:
            blocks.add(RedactedBlock(part.redacted))
        else:
            blocks.add(ThinkingBlock(part.text, part.signature))

    def _put_opaque(self, blocks: Blocks, part: Opaque) -> None:
        if self._takes(part):
            blocks.add(Raw(bytes(part.raw)))
            return
        if part.text is not None:
            blocks.add_text(part.text, part.cache)
            return
        self._losses.add(f"messages.{part.kind}", "a block that only its own protocol has")
        if part.cache is not None:
            blocks.pass_mark(part.cache)

    def _takes(self, part: Opaque) -> bool:
        """Whether the target reads the block itself; a search of ours is text to its vendor."""
        kind = part.kind
        if part.protocol != PROTOCOL or (part.means is not None and is_ours(part.raw)):
            return False
        if kind == "tool_reference":
            return self._facts.deferred_tools
        if kind in _SERVER_BLOCKS or kind.endswith("_tool_result"):
            return self._facts.server_tools
        return True


def image_type(data: str, declared: str | None) -> str:
    """What the bytes are, else what the client said they are, in the server's spelling (E61)."""
    for opening, media_type in _MAGIC:
        if data.startswith(opening):
            return media_type
    media_type = (declared or "image/png").partition(";")[0].strip().lower()
    return "image/jpeg" if media_type in ("image/jpg", "image/pjpeg") else media_type


def _document_data(data: str, declared: str | None) -> Base64Source | TextSource:
    """PDF as it is, text decoded; the server takes no other file."""
    media_type = (declared or "").partition(";")[0].strip().lower()
    if data.startswith("JVBERi") or media_type == "application/pdf":
        return Base64Source("application/pdf", data)
    if media_type.startswith("text/") or media_type in _PLAIN:
        try:
            return TextSource(base64.b64decode(data, validate=True).decode())
        except ValueError as cause:  # also text that is not ASCII
            raise invalid(
                f"a document of type {media_type} is not base64 of UTF-8 text", "messages"
            ) from cause
    raise invalid(
        f"a document of type {media_type or 'unknown'} cannot be sent: PDF and text are what the target takes",
        "messages",
    )

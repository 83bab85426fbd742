"""What is read of Converse's answers, and how its JSON is written (protocols.md 2.6)."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

NAME: Final = "bedrock_converse"
ENCODER: Final = msgspec.json.Encoder()

Block = dict[str, object]
"""A content block as it is written: one key that says what it is."""


class CamelStruct(Struct, rename="camel", gc=False):
    """Converse spells its fields so."""


class WireUsage(CamelStruct):
    """Counts; ``input_tokens`` excludes the cache."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None


class ReasoningText(CamelStruct):
    """Readable reasoning with its proof."""

    text: str = ""
    signature: str | None = None


class ReasoningContent(CamelStruct):
    """Reasoning of an answer: readable, or for its maker only."""

    reasoning_text: ReasoningText | None = None
    redacted_content: str | None = None


class ToolUse(CamelStruct):
    """A call. In a stream it opens without its input."""

    tool_use_id: str = ""
    name: str = ""
    input: Raw = Raw(b"")
    type: str | None = None


class TextPart(CamelStruct):
    """A piece of text."""

    text: str = ""


class CitationsContent(CamelStruct):
    """Text with its sources."""

    content: list[TextPart] = []
    citations: list[Raw] = []


class ContentBlock(CamelStruct):
    """One block; exactly one field is set, none for a kind we do not know."""

    text: str | None = None
    tool_use: ToolUse | None = None
    reasoning_content: ReasoningContent | None = None
    citations_content: CitationsContent | None = None


class WireMessage(CamelStruct):
    """The answer's message."""

    content: list[Raw] = []


class Output(CamelStruct):
    """What the model said."""

    message: WireMessage | None = None


class Answer(CamelStruct):
    """A whole answer."""

    output: Output | None = None
    stop_reason: str | None = None
    usage: WireUsage | None = None
    message: str | None = None


class ReasoningDelta(CamelStruct):
    """More reasoning, more of its signature, or a piece that only its maker can read."""

    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class ToolDelta(CamelStruct):
    """More of a call's input, as text."""

    input: str = ""


class Delta(CamelStruct):
    """What grows."""

    text: str | None = None
    tool_use: ToolDelta | None = None
    reasoning_content: ReasoningDelta | None = None
    citation: Raw | None = None


class Start(CamelStruct):
    """What opens: only calls say so."""

    tool_use: ToolUse | None = None


class Event(CamelStruct):
    """Any event of a stream: the fields of all of them."""

    content_block_index: int = 0
    start: Start | None = None
    delta: Delta | None = None
    stop_reason: str | None = None
    usage: WireUsage | None = None
    message: str | None = None


ANSWER: Final = msgspec.json.Decoder(Answer)
BLOCK: Final = msgspec.json.Decoder(ContentBlock)
EVENT: Final = msgspec.json.Decoder(Event)
OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])

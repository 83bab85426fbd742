"""The parts of a request whose tokens count towards its length, taken apart so that each is counted once.

What counts is claude-code-router's choice (ccr.md 2.4): texts, arguments and results of tool calls, the tools themselves.
Pictures, files and thinking do not; in results, too, which CCR counts as text.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Raw, Struct, field

from trunkline.routing.pictures import ATTACHMENTS, NO_RAW, PICTURES

_SKIPPED: Final = PICTURES | ATTACHMENTS | {"thinking", "redacted_thinking", "reasoning"}
_NAMES: Final = frozenset({
    "type", "role", "id", "tool_use_id", "call_id", "tool_call_id", "cache_control", "signature", "thoughtSignature",
    "inlineData", "inline_data", "fileData", "file_data", "status", "data", "bytes", "image_url", "video_url",
    "input_audio", "encrypted_content", "encrypted_index", "thought",
})  # fmt: skip
"""Fields of a turn that nobody wrote."""
_WHOLE: Final = frozenset({"input_schema", "parameters", "parametersJsonSchema", "args"})
"""Objects that count with their keys and signs; the arguments of a call are one where they are an object."""


class _Body(Struct):
    system: Raw = NO_RAW
    instructions: Raw = NO_RAW
    gemini: Raw = field(default=NO_RAW, name="systemInstruction")
    tools: Raw = NO_RAW
    messages: Raw = NO_RAW
    input: Raw = NO_RAW
    contents: Raw = NO_RAW


_BODY: Final = msgspec.json.Decoder(_Body)
_ITEMS: Final = msgspec.json.Decoder(list[Raw])


def pieces(body: bytes) -> list[bytes]:
    """The system prompt, the tools and the turns of a request, each as it stands there. Never raises."""
    try:
        fields = _BODY.decode(body)
        found = [fields.system, fields.instructions, fields.gemini]
        for listed in (fields.tools, fields.messages, fields.input, fields.contents):
            found += _ITEMS.decode(listed) if bytes(memoryview(listed)[:1]) == b"[" else [listed]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [body]
    return [piece for raw in found if (piece := bytes(raw))]


def words(piece: bytes) -> str:
    """All that counts in one piece, as one text. Never raises."""
    try:
        return "\n".join(_words(msgspec.json.decode(piece)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return piece.decode(errors="replace")


def _words(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:  # pyright: ignore[reportUnknownVariableType] -- JSON
            yield from _words(item)  # pyright: ignore[reportUnknownArgumentType] -- JSON
    elif isinstance(value, dict) and value.get("type") not in _SKIPPED:  # pyright: ignore[reportUnknownMemberType] -- JSON
        for key, entry in value.items():  # pyright: ignore[reportUnknownVariableType] -- JSON
            if key in _WHOLE:
                yield msgspec.json.encode(entry).decode()
            elif key not in _NAMES:
                yield from _words(entry)  # pyright: ignore[reportUnknownArgumentType] -- JSON

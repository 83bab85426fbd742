"""The open way to read a request: names in either spelling, what we do not know kept instead of refused.

The fast way (:mod:`request_decode`) decodes a body in one pass and gives up at anything unusual; then
this one reads it again, and this one words the errors.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.types import Extra, Part, Text, Tool
from trunkline.protocols.gemini.parts import Reader
from trunkline.protocols.gemini.refusals import checked, refusal
from trunkline.protocols.gemini.rendering import opaque
from trunkline.protocols.gemini.spelling import camelised
from trunkline.protocols.gemini.tool_decode import read_tool
from trunkline.protocols.gemini.wire import (
    ABSENT,
    LIST,
    OBJECT,
    TEXT,
    BlobIn,
    CallIn,
    FileIn,
    PartIn,
    RequestIn,
    ResultIn,
    encode,
    given,
)


class _Blob(BlobIn, forbid_unknown_fields=False):
    """The same, whatever else stands there."""


class _File(FileIn, forbid_unknown_fields=False):
    """The same."""


class _Call(CallIn, forbid_unknown_fields=False):
    """The same."""


class _Result(ResultIn, forbid_unknown_fields=False):
    """The same."""


class _Part(Struct, rename="camel", gc=False):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _Call | None = None
    function_response: _Result | None = None
    inline_data: _Blob | None = None
    file_data: _File | None = None


class _Content(Struct, gc=False):
    parts: list[Raw] | None = None
    role: str | None = None


class OpenRequest(Struct):
    """What the open way found: small fields as in the fast way, the large ones already neutral."""

    scalars: RequestIn
    reader: Reader
    system: list[Part]
    tools: list[Tool]


_content: Final = msgspec.json.Decoder(_Content)
_known: Final = msgspec.json.Decoder(PartIn)
_part: Final = msgspec.json.Decoder(_Part)
_scalars: Final = msgspec.json.Decoder(RequestIn)
_KINDS: Final = frozenset({"text", "functionCall", "functionResponse", "inlineData", "fileData"})
_READ: Final = frozenset(_Part.__struct_encode_fields__)
_TOP: Final = frozenset(RequestIn.__struct_encode_fields__)
_LARGE: Final = frozenset({"contents", "tools", "systemInstruction"})


def read_open(body: bytes) -> OpenRequest:
    """A request with anything unusual in it. Raises GatewayError (INVALID_REQUEST) with the path."""
    fields = checked(OBJECT, camelised(body), "")
    inner = fields.get("generateContentRequest")  # countTokens wraps a whole request
    if inner is not None and "contents" not in fields:
        fields = checked(OBJECT, camelised(bytes(inner)), "generateContentRequest")
    small = {name: raw for name, raw in fields.items() if name in _TOP and name not in _LARGE}
    scalars = checked(_scalars, encode({**small, "contents": []}), "")
    reader = Reader()
    reader.extras += [
        Extra(name, Raw(bytes(raw))) for name, raw in fields.items() if name not in _TOP and given(raw)
    ]
    contents = fields.get("contents", ABSENT)
    if given(contents) and bytes(contents)[:1] == b'"':
        reader.turn("user", [Text(checked(TEXT, contents, "contents"))], "contents")
    elif given(contents):
        turns = checked(LIST, contents, "contents")
        for place, raw in enumerate(turns):
            path = f"contents[{place}]"
            wire = checked(_content, raw, path)
            reader.turn(wire.role, _parts(wire, reader, path), path)
    tools: list[Tool] = []
    if given(raw := fields.get("tools", ABSENT)):
        entries = checked(LIST, raw, "tools")
        for place, one in enumerate(entries):
            tools += read_tool(one, f"tools[{place}]", reader.extras)
    return OpenRequest(scalars, reader, _system(fields.get("systemInstruction", ABSENT), reader), tools)


def _system(raw: Raw, reader: Reader) -> list[Part]:
    if not given(raw):
        return []
    if bytes(raw)[:1] == b'"':
        return [Text(checked(TEXT, raw, "systemInstruction"))]
    return _parts(checked(_content, raw, "systemInstruction"), reader, "systemInstruction")


def _parts(wire: _Content, reader: Reader, path: str) -> list[Part]:
    parts: list[Part] = []
    for place, raw in enumerate(wire.parts or ()):
        parts += read_part(raw, reader, f"{path}.parts[{place}]")
    return parts


def read_part(raw: Raw, reader: Reader, path: str) -> list[Part]:
    """One part, of whatever kind. Fields outside the vocabulary are noted once each."""
    if bytes(raw)[:1] == b'"':  # one SDK allows bare strings
        return [Text(checked(TEXT, raw, path))]
    try:
        known = _known.decode(raw)
        if any(getattr(known, name) is not None for name in _SET):
            return reader.part(known, path)
    except msgspec.ValidationError:
        pass
    fields = checked(OBJECT, raw, path)
    if not any(name in _KINDS and given(value) for name, value in fields.items()):
        if not any(given(value) for name, value in fields.items() if name not in _READ):
            return []
        return [opaque(raw, fields)]
    try:
        wire = _part.decode(raw)
    except msgspec.ValidationError as cause:
        raise refusal(path, cause) from cause
    for name, value in fields.items():
        if name not in _READ and given(value):
            reader.note(f"contents.parts.{name}", value)
    return reader.part(_strict(wire), path)


_SET: Final = (
    "text",
    "thought_signature",
    "function_call",
    "function_response",
    "inline_data",
    "file_data",
)


def _strict(wire: _Part) -> PartIn:
    return PartIn(
        text=wire.text,
        thought=wire.thought,
        thought_signature=wire.thought_signature,
        function_call=wire.function_call,
        function_response=wire.function_response,
        inline_data=wire.inline_data,
        file_data=wire.file_data,
    )

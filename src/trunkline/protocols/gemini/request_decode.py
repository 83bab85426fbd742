"""A client's request to the neutral form. Model and stream flag are the path's: they come out empty here."""

from collections.abc import Callable
from operator import attrgetter
from typing import Final, TypeVar

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from trunkline.core.surrogates import read_lenient
from trunkline.core.types import Extra, Opaque, Part, Request, Text, Tool
from trunkline.protocols.gemini.knobs_decode import decode_config, decode_tool_config
from trunkline.protocols.gemini.open_request import read_open
from trunkline.protocols.gemini.parts import Reader
from trunkline.protocols.gemini.refusals import invalid, refusal
from trunkline.protocols.gemini.tool_decode import decode_declaration
from trunkline.protocols.gemini.wire import (
    ABSENT,
    EXTRA_FIELDS,
    PROTOCOL,
    ContentIn,
    RequestIn,
    given,
)
from trunkline.protocols.reading import Earlier, Reading

Read = TypeVar("Read")

_SHARED: Final = {"systemInstruction": "system", "tools": "tools"}
_extra_values: Final = attrgetter(*EXTRA_FIELDS.values())
_NO_EXTRAS: Final = (ABSENT,) * len(EXTRA_FIELDS)
_whole: Final = msgspec.json.Decoder(RequestIn).decode


def decode_request(body: bytes) -> Request:
    """As :meth:`trunkline.protocols.codec.Codec.decode_request` promises."""
    return _lenient(_decode, body)


def read_request(body: bytes, earlier: Earlier | None = None) -> Reading:
    """As :meth:`trunkline.protocols.codec.Codec.read_request` promises."""
    return _lenient(lambda text: _read(text, earlier), body)


def _lenient(read: Callable[[bytes], Read], body: bytes) -> Read:
    try:
        if not body.isascii():
            body.decode()  # what is carried undecoded must be text too
        return read_lenient(read, body)
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise refusal("", cause) from cause


def _decode(body: bytes) -> Request:
    try:
        wire = _whole(body)
    except msgspec.ValidationError:
        return _open(body)
    reader = Reader()
    _turns(wire, reader)
    return _usual(wire, reader)


def _read(body: bytes, earlier: Earlier | None) -> Reading:
    try:
        wire = _whole(body)
    except msgspec.ValidationError:
        return Reading(_open(body))
    reader = Reader(earlier)
    _turns(wire, reader, reader.seam)
    request = _usual(wire, reader)
    if reader.noted:
        return Reading(request)
    if earlier is not None and earlier.fields:
        taken = {_SHARED[name]: getattr(earlier.request, _SHARED[name]) for name in earlier.fields}
        request = replace(request, **taken)
    return Reading(request, tuple(reader.seams), frozenset(_SHARED))


def _open(body: bytes) -> Request:
    """It spells the whole body anew: nothing can be taken over, or from it."""
    found = read_open(body)
    return _request(found.scalars, found.reader, found.system, found.tools)


def _turns(wire: RequestIn, reader: Reader, note: Callable[[], None] | None = None) -> None:
    """All contents. ``note`` is called at the end of each."""
    for place, content in enumerate(wire.contents):
        path = f"contents[{place}]"
        reader.turn(content.role, _parts(content, reader, path), path)
        if note is not None:
            note()


def _usual(wire: RequestIn, reader: Reader) -> Request:
    """Everything but the turns, which ``reader`` has."""
    tools: list[Tool] = []
    for place, group in enumerate(wire.tools or ()):
        for at, one in enumerate(group.function_declarations or ()):
            tools.append(decode_declaration(one, f"tools[{place}].functionDeclarations[{at}]"))
    return _request(wire, reader, _system(wire.system_instruction, reader), tools)


def _parts(content: ContentIn, reader: Reader, path: str) -> list[Part]:
    parts: list[Part] = []
    for place, wire in enumerate(content.parts or ()):
        if wire.text is None or wire.thought or wire.thought_signature:
            parts += reader.part(wire, f"{path}.parts[{place}]")
        else:
            parts.append(Text(wire.text))
    return parts


def _system(wire: ContentIn | str | None, reader: Reader) -> list[Part]:
    if wire is None:
        return []
    if isinstance(wire, str):
        return [Text(wire)]
    return _parts(wire, reader, "systemInstruction")


def _request(wire: RequestIn, reader: Reader, system: list[Part], tools: list[Tool]) -> Request:
    extras = reader.extras
    if (carried := _extra_values(wire)) != _NO_EXTRAS:
        extras += [Extra(*pair) for pair in zip(EXTRA_FIELDS, carried, strict=True) if _says(pair[1])]
    instructions: list[Text | Opaque] = []
    for part in system:
        if isinstance(part, Text):
            if part.text:
                instructions.append(part)
        elif isinstance(part, Opaque):
            instructions.append(part)
        else:
            raise invalid("systemInstruction: only text is allowed here.", "systemInstruction")
    if not reader.messages:
        raise invalid("contents is not specified.", "contents")
    knobs = decode_config(wire.generation_config, extras)
    choice = None if wire.tool_config is ABSENT else decode_tool_config(wire.tool_config, extras)
    return Request(
        protocol=PROTOCOL,
        model=wire.model or "",
        messages=tuple(reader.messages),
        system=tuple(instructions),
        tools=tuple(tools),
        tool_choice=choice,
        max_tokens=knobs.max_tokens,
        choices=knobs.choices,
        reasoning=knobs.reasoning,
        output_format=knobs.output_format,
        sampling=knobs.sampling,
        service_tier=wire.service_tier,
        extras=tuple(extras),
    )


def _says(raw: Raw) -> bool:
    return given(raw) and bytes(raw) not in (b"[]", b"{}")

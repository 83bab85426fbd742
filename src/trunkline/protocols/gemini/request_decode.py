"""A client's request to the neutral form. Model and stream flag are the path's: they come out empty here."""

from typing import Final

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
from trunkline.protocols.gemini.wire import EXTRA_FIELDS, PROTOCOL, ContentIn, RequestIn, given
from trunkline.protocols.reading import Earlier, Reading

_SHARED: Final = {"systemInstruction": "system", "tools": "tools"}
_whole: Final = msgspec.json.Decoder(RequestIn).decode


def decode_request(body: bytes) -> Request:
    """As :meth:`trunkline.protocols.codec.Codec.decode_request` promises."""
    return read_request(body).request


def read_request(body: bytes, earlier: Earlier | None = None) -> Reading:
    """As :meth:`trunkline.protocols.codec.Codec.read_request` promises."""
    try:
        if not body.isascii():
            body.decode()  # what is carried undecoded must be text too
        return read_lenient(lambda text: _read(text, earlier), body)
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise refusal("", cause) from cause


def _read(body: bytes, earlier: Earlier | None) -> Reading:
    try:
        wire = _whole(body)
    except msgspec.ValidationError:
        found = read_open(body)  # it spells the whole body anew: nothing can be taken over, or from it
        return Reading(_request(found.scalars, found.reader, found.system, found.tools))
    reader = Reader(earlier)
    for place, content in enumerate(wire.contents):
        reader.turn(content.role, _parts(content, reader, f"contents[{place}]"), f"contents[{place}]")
    tools: list[Tool] = []
    for place, group in enumerate(wire.tools or ()):
        for at, one in enumerate(group.function_declarations or ()):
            tools.append(decode_declaration(one, f"tools[{place}].functionDeclarations[{at}]"))
    request = _request(wire, reader, _system(wire.system_instruction, reader), tools)
    if reader.noted:
        return Reading(request)
    if earlier is not None and earlier.fields:
        taken = {_SHARED[name]: getattr(earlier.request, _SHARED[name]) for name in earlier.fields}
        request = replace(request, **taken)
    return Reading(request, tuple(reader.seams), frozenset(_SHARED))


def _parts(content: ContentIn, reader: Reader, path: str) -> list[Part]:
    parts: list[Part] = []
    for place, wire in enumerate(content.parts or ()):
        parts += reader.part(wire, f"{path}.parts[{place}]")
    return parts


def _system(wire: ContentIn | str | None, reader: Reader) -> list[Part]:
    if wire is None:
        return []
    if isinstance(wire, str):
        return [Text(wire)]
    return _parts(wire, reader, "systemInstruction")


def _request(wire: RequestIn, reader: Reader, system: list[Part], tools: list[Tool]) -> Request:
    extras = reader.extras
    for name, field in EXTRA_FIELDS.items():
        raw: Raw = getattr(wire, field)
        if given(raw) and bytes(raw) not in (b"[]", b"{}"):
            extras.append(Extra(name, raw))
    instructions: list[Text | Opaque] = []
    for part in system:
        if isinstance(part, Text | Opaque):
            if not isinstance(part, Text) or part.text:
                instructions.append(part)
        else:
            raise invalid("systemInstruction: only text is allowed here.", "systemInstruction")
    if not reader.messages:
        raise invalid("contents is not specified.", "contents")
    knobs = decode_config(wire.generation_config, extras)
    choice = decode_tool_config(wire.tool_config, extras)
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

"""Undo in an answer what encoding did to a request's tools: names, freeform tools, forced structured output."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from trunkline.core.events import Finished, PartDelta, PartEnded, PartStarted, StreamEvent
from trunkline.core.types import Part, Response, Text, ToolCall
from trunkline.core.usage import Stop
from trunkline.protocols.codec import Encoded

_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_STRING: Final = msgspec.json.Decoder(str)
INPUT: Final = "input"
_OPENINGS: Final = {field: re.compile(rf'\s*\{{\s*"{field}"\s*:\s*"') for field in (INPUT, "response")}
_PLAIN: Final = re.compile(r'[^"\\]+')


def unwrap(arguments: str, field: str = INPUT) -> str:
    """The plain input of a freeform tool that was called as a function; ``arguments`` itself if it is not wrapped."""
    try:
        return _STRING.decode(_OBJECT.decode(arguments)[field])
    except (msgspec.DecodeError, UnicodeError, KeyError):
        return arguments


class InputString:
    """Unwraps ``{"input": "..."}`` while it is being written; the pieces may be cut anywhere.

    Arguments of another shape are held until ``close`` and come out as :func:`unwrap` has them. ``field``: the name in
    place of ``input``, one of those that are known here.
    """

    def __init__(self, field: str = INPUT) -> None:
        self._field = field
        self._opening = _OPENINGS[field]
        self._pending = ""
        self._inside = False
        self._ended = False

    def feed(self, piece: str) -> str:
        """The input's text that ``piece`` completes."""
        if self._ended:
            return ""
        self._pending += piece
        if not self._inside:
            opening = self._opening.match(self._pending)
            if opening is None:
                return ""
            self._inside = True
            self._pending = self._pending[opening.end() :]
        return self._take()

    def _take(self) -> str:
        out: list[str] = []
        buffer, position = self._pending, 0
        while position < len(buffer):
            if buffer[position] == '"':
                self._ended, position = True, len(buffer)
                break
            if buffer[position] == "\\":
                size = _escape_size(buffer, position)
                if size == 0:
                    break
                out.append(_unescape(buffer[position : position + size]))
                position += size
                continue
            plain = _PLAIN.match(buffer, position)
            end = plain.end() if plain else position + 1
            out.append(buffer[position:end])
            position = end
        self._pending = buffer[position:]
        return "".join(out)

    def close(self) -> str:
        """What is still owed when the arguments are complete."""
        rest, self._pending = self._pending, ""
        if self._inside or self._ended:
            return ""
        return unwrap(rest, self._field)


def _escape_size(buffer: str, position: int) -> int:
    """Characters of the escape at ``position``; 0 while it is incomplete. A surrogate pair is one escape."""
    left = len(buffer) - position
    if left < 2:
        return 0
    if buffer[position + 1] != "u":
        return 2
    if left < 6:
        return 0
    if buffer[position + 2 : position + 4].lower() not in ("d8", "d9", "da", "db"):
        return 6
    if left < 12:
        follows = buffer[position + 6 : position + 8]
        return 0 if "\\u".startswith(follows) else 6
    return 12 if buffer.startswith("\\u", position + 6) else 6


def _unescape(escape: str) -> str:
    try:
        return _STRING.decode(f'"{escape}"')
    except (msgspec.DecodeError, UnicodeError):
        return escape  # not JSON: the model's own text, kept


def needed(encoded: Encoded) -> bool:
    """False when the request's tools went out as they came: nothing to undo."""
    return bool(encoded.tool_names or encoded.custom_tools or encoded.structured_tool)


class RestoreTools:
    """The stream transform; ``feed`` each event and pass on what it returns."""

    def __init__(self, encoded: Encoded) -> None:
        self._names: Mapping[str, str] = encoded.tool_names
        self._custom = encoded.custom_tools
        self._structured = encoded.structured_tool
        self._answered = False
        self._input: InputString | None = None

    def feed(self, event: StreamEvent) -> tuple[StreamEvent, ...]:
        """The events to pass on in place of ``event``."""
        match event:
            case PartDelta(index, text) if self._input is not None:
                restored = self._input.feed(text)
                return (PartDelta(index, restored),) if restored else ()
            case PartStarted(index, ToolCall() as call):
                return (PartStarted(index, self._opening(call)),)
            case PartEnded(index) if self._input is not None:
                rest, self._input = self._input.close(), None
                return (PartDelta(index, rest), event) if rest else (event,)
            case Finished(stop, usage) if self._answered:
                return (Finished(_finished(stop), usage),)
            case _:
                return (event,)

    def _opening(self, call: ToolCall) -> Part:
        if call.name == self._structured:
            self._answered = True
            return Text("")
        name = self._names.get(call.name, call.name)
        if name in self._custom:
            self._input = InputString()
            return replace(call, name=name, kind="custom")
        return call if name == call.name else replace(call, name=name)


def _finished(stop: Stop) -> Stop:
    return Stop("end", stop.raw) if stop.reason == "tool_use" else stop


def restore_response(response: Response, encoded: Encoded) -> Response:
    """The same for a whole answer."""
    if not needed(encoded):
        return response
    parts: list[Part] = []
    answered = False
    for part in response.content:
        if not isinstance(part, ToolCall):
            parts.append(part)
        elif part.name == encoded.structured_tool:
            answered = True
            parts.append(Text(part.arguments))
        else:
            name = encoded.tool_names.get(part.name, part.name)
            if name in encoded.custom_tools:
                parts.append(replace(part, name=name, kind="custom", arguments=unwrap(part.arguments)))
            else:
                parts.append(replace(part, name=name))
    stop = _finished(response.stop) if answered else response.stop
    return replace(response, content=tuple(parts), stop=stop)

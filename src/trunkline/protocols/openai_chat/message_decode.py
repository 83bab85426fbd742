"""A client's messages to turns: parts in order, runs of tool messages as one user turn of results."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from trunkline.core.proofs import Proof, unseal
from trunkline.core.surrogates import decode_lenient
from trunkline.core.types import (
    Audio,
    CacheMark,
    Document,
    Image,
    Message,
    Opaque,
    Part,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from trunkline.protocols.openai_chat.reasoning import (
    Piece,
    pieces_of_details,
    pieces_of_part,
    thinking_parts,
)
from trunkline.protocols.openai_chat.refusals import invalid, refusal_of
from trunkline.protocols.openai_chat.wire import (
    ERROR_PREFIX,
    NAME,
    PART,
    WireCache,
    WireCall,
    WireFile,
    WireMessage,
    WirePart,
    WireUrl,
    arguments_text,
    checked,
)
from trunkline.protocols.reading import Earlier, Seam

_IMAGE_TYPES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg"}


class Conversation:
    """The leading instructions and the turns after them, of one request's messages.

    ``earlier``: the messages go on behind its seam.
    """

    def __init__(self, earlier: Earlier | None = None) -> None:
        self.system: list[Text | Opaque] = []
        self.messages: list[Message] = []
        self.seams: list[Seam | None] = []
        self._results: list[Part] = []
        self._called: dict[str, str] = {}
        self._position = 0
        if earlier is not None and earlier.seam is not None:
            results, instructions, self._position = earlier.seam.counts
            self.messages += earlier.messages
            self.system += earlier.request.system[:instructions]
            if results:
                self._results += earlier.request.messages[len(self.messages)].content[:results]

    def read(self, wires: Sequence[WireMessage]) -> None:
        """All of them. Raises GatewayError (INVALID_REQUEST)."""
        for wire in wires:
            self._turn(wire, self._position, f"messages[{self._position}]")
            self._position += 1
            counts = (len(self._results), len(self.system), self._position)
            self.seams.append(None if self._called else Seam(len(self.messages), counts))
        self._end_results()

    def _end_results(self) -> None:
        if self._results:
            self.messages.append(Message("user", tuple(self._results)))
            self._results = []

    def _turn(self, wire: WireMessage, position: int, at: str) -> None:
        role = wire.role
        if role in ("tool", "function"):
            self._results.append(_result(wire, at, self._called))
            return
        self._end_results()
        if role == "assistant":
            parts = _assistant(wire, position, self._called)
            self.messages.append(Message("assistant", parts, wire.name))
        elif role == "user":
            content = content_parts(wire.content, at, wire.cache_control)
            self.messages.append(Message("user", tuple(content), wire.name))
        elif role in ("system", "developer"):
            content = content_parts(wire.content, at, wire.cache_control)
            if self.messages:
                rank: Role = "system" if role == "system" else "developer"
                self.messages.append(Message(rank, tuple(content), wire.name))
            else:
                self.system += [part for part in content if isinstance(part, (Text, Opaque))]
        else:
            raise invalid(
                f"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', "
                "'function', 'tool', and 'developer'.",
                f"{at}.role",
            )


def mark_of(cache: WireCache | None) -> CacheMark | None:
    """``cache_control`` as a neutral mark."""
    return None if cache is None else CacheMark(cache.ttl)


def content_parts(content: str | list[Raw] | None, at: str, cache: WireCache | None = None) -> list[Part]:
    """Parts of a content string or list. A mark on the message goes to its last part that can hold one."""
    mark = mark_of(cache)
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(content, (), mark)]
    parts: list[Part] = []
    for position, raw in enumerate(content):
        parts += decode_part(raw, f"{at}.content[{position}]")
    if mark is not None and parts and isinstance(parts[-1], (Text, Image, Document)):
        parts[-1] = msgspec.structs.replace(parts[-1], cache=mark)
    return parts


def decode_part(raw: Raw, at: str) -> Sequence[Part]:
    """One element of a content list; what is unknown stays as it came."""
    data = bytes(raw)
    if data[:1] == b'"':  # some clients mix strings in
        return [Text(msgspec.json.decode(data, type=str))]
    try:
        wire = decode_lenient(PART, data)
    except msgspec.ValidationError as cause:
        raise refusal_of(cause, at) from cause
    match wire.type:
        case "text" | "input_text" | "output_text" if wire.text is not None:
            return [Text(wire.text, _citations(wire), mark_of(wire.cache_control))]
        case "refusal" if wire.refusal is not None:
            return [Refusal(wire.refusal)]
        case "image_url" | "input_image" if wire.image_url is not None:
            return [_image(wire.image_url, mark_of(wire.cache_control), at)]
        case "file" | "document_url" if wire.file is not None or wire.document_url is not None:
            return [_document(wire, at)]
        case "input_audio" if wire.input_audio is not None:
            return [Audio(data=wire.input_audio.data, format=wire.input_audio.format)]
        case "reasoning" | "thinking":
            return thinking_parts(pieces_of_part(wire), None, sealed=True)
        case "text" | "image_url" | "file" | "input_audio" | "refusal":
            raise invalid(
                f"Missing required parameter: '{at}.{wire.type}'.",
                f"{at}.{wire.type}",
                "missing_required_parameter",
            )
        case _:
            return [Opaque(NAME, wire.type, checked(raw), wire.text, mark_of(wire.cache_control))]


def _citations(wire: WirePart) -> tuple[Opaque, ...]:
    return tuple(Opaque(NAME, "citation", checked(raw)) for raw in wire.citations or ())


def split_data_url(url: str) -> tuple[str, str]:
    """Media type and base64 data of a data URL, cut at its first comma only (E61).

    A missing ``;base64`` is forgiven: nothing else is ever sent. Parameters of the type are dropped.
    """
    head, _, data = url.partition(",")
    media_type = head[5:].split(";", 1)[0].strip().lower()
    return _IMAGE_TYPES.get(media_type, media_type), data


def _image(wire: WireUrl | str, mark: CacheMark | None, at: str) -> Image:
    url, detail = (wire, None) if isinstance(wire, str) else (wire.url, wire.detail)
    if url[:5].lower() == "data:":
        media_type, data = split_data_url(url)
        if not data:
            raise invalid(
                f"Invalid '{at}.image_url.url': the data URL holds no data.", f"{at}.image_url.url"
            )
        return Image(media_type=media_type or None, data=data, detail=detail, cache=mark)
    if url[:7].lower() == "http://" or url[:8].lower() == "https://":
        return Image(url=url, detail=detail, cache=mark)
    raise invalid(
        f"Invalid '{at}.image_url.url': expected a data URL or an http(s) URL.", f"{at}.image_url.url"
    )


def _document(wire: WirePart, at: str) -> Document:
    """A file in OpenAI's spelling, or in Mistral's: by URL, a data URL too."""
    url, mark = wire.document_url or "", mark_of(wire.cache_control)
    if wire.file is not None:
        return _file(wire.file, mark, at)
    if url[:5].lower() == "data:":
        return _file(WireFile(file_data=url, filename=wire.document_name), mark, at)
    return Document(url=url, title=wire.document_name, cache=mark)


def _file(wire: WireFile, mark: CacheMark | None, at: str) -> Document:
    if wire.file_data is not None:
        data, media_type = wire.file_data, "application/pdf"
        if data[:5].lower() == "data:":
            media_type, data = split_data_url(data)
        return Document(media_type=media_type, data=data, title=wire.filename, cache=mark)
    if wire.file_id is not None:
        return Document(file_id=wire.file_id, title=wire.filename, cache=mark)
    raise invalid(
        f"Missing required parameter: '{at}.file.file_data'.", f"{at}.file", "missing_required_parameter"
    )


def _result(wire: WireMessage, at: str, called: dict[str, str]) -> ToolResult:
    call_id = wire.tool_call_id
    if call_id is None:
        if wire.role == "tool" or wire.name is None:
            raise invalid(
                f"Missing required parameter: '{at}.tool_call_id'.",
                f"{at}.tool_call_id",
                "missing_required_parameter",
            )
        call_id = called.get(wire.name, f"call_{wire.name}")
    content = content_parts(wire.content, at)
    failed = bool(content) and isinstance(content[0], Text) and content[0].text.startswith(ERROR_PREFIX)
    if failed and isinstance(content[0], Text):
        content[0] = msgspec.structs.replace(content[0], text=content[0].text[len(ERROR_PREFIX) :])
    return ToolResult(
        call_id=call_id, content=tuple(content), is_error=failed, cache=mark_of(wire.cache_control)
    )


def _assistant(wire: WireMessage, position: int, called: dict[str, str]) -> tuple[Part, ...]:
    """Reasoning, text, calls: Chat has no other order (E10)."""
    at = f"messages[{position}]"
    content = content_parts(wire.content, at, wire.cache_control)
    parts: list[Part] = []
    if not any(isinstance(part, Thinking) for part in content):
        parts += _history_thinking(wire)
    parts += [part for part in content if not (isinstance(part, Text) and not part.text)]
    if wire.refusal:
        parts.append(Refusal(wire.refusal))
    for place, call in enumerate(wire.tool_calls or ()):
        parts.append(_call(call, f"{at}.tool_calls[{place}]"))
    legacy = wire.function_call
    if legacy is not None and legacy.name:  # E88: its result names the function, not an id
        called[legacy.name] = f"call_{position}_{legacy.name}"
        arguments = arguments_text(legacy.arguments) or "{}"
        parts.append(ToolCall(id=called[legacy.name], name=legacy.name, arguments=arguments))
    return tuple(parts)


def _history_thinking(wire: WireMessage) -> list[Thinking]:
    """Reasoning under its names, one source: entries with proofs first, then plain text (E15)."""
    plain = wire.reasoning_content or wire.reasoning or ""
    if wire.reasoning_details:
        pieces = pieces_of_details(wire.reasoning_details)
        if plain and not any(piece.text for piece in pieces):  # signatures only: the text stands beside
            signed = [piece for piece in pieces if piece.signature]
            if len(signed) == 1:
                plain_piece = Piece(plain, signed[0].signature, None, signed[0].index)
                pieces = [plain_piece if piece is signed[0] else piece for piece in pieces]
        parts = thinking_parts(pieces, None, sealed=True)
        if parts:
            return parts
    return [Thinking(text=plain)] if plain else []


def _call(wire: WireCall, at: str) -> ToolCall:
    mark, call_id = mark_of(wire.cache_control), wire.key
    if wire.type == "custom" and wire.custom is not None and wire.custom.name is not None:
        return ToolCall(
            id=call_id, name=wire.custom.name, arguments=wire.custom.input or "", kind="custom", cache=mark
        )
    if wire.function is None or not wire.function.name:
        raise invalid(
            f"Missing required parameter: '{at}.function.name'.",
            f"{at}.function.name",
            "missing_required_parameter",
        )
    arguments = arguments_text(wire.function.arguments)
    if not arguments or arguments.isspace():
        arguments = "{}"  # E24
    proof = unseal(wire.proof) if wire.proof else Proof(None, None)
    return ToolCall(
        id=call_id,
        name=wire.function.name,
        arguments=arguments,
        proof=proof.signature,
        proof_origin=proof.origin,
        cache=mark,
    )

"""Whole answers, both ways."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.proofs import seal
from trunkline.core.search import WebSearch
from trunkline.core.types import Opaque, Part, Refusal, Response, Text, Thinking, ToolCall
from trunkline.core.usage import Usage
from trunkline.protocols.anthropic_messages import search
from trunkline.protocols.anthropic_messages.errors import decode_event_error
from trunkline.protocols.anthropic_messages.marks import (
    decode_stop,
    decode_usage,
    encode_stop,
    encode_usage,
)
from trunkline.protocols.anthropic_messages.parts import decode_arguments, decode_text
from trunkline.protocols.anthropic_messages.rendering import opaque
from trunkline.protocols.anthropic_messages.wire import (
    PROTOCOL,
    RedactedBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    WireUsage,
    encode,
    tag_of,
)
from trunkline.protocols.codec import ReplyContext

OutBlock = TextBlock | ToolUseBlock | ThinkingBlock | RedactedBlock | Raw
"""A block of an answer, ready to be encoded with the message it is in."""


class _Answer(Struct, gc=False):
    id: str | None = None
    model: str | None = None
    content: list[Raw] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: Raw = Raw(b"null")
    type: str | None = None
    error: Raw = Raw(b"null")


class _Metered(Struct, gc=False):
    usage: WireUsage | None = None


class _Message(Struct, gc=False, tag="message"):
    id: str
    role: str
    model: str
    content: list[OutBlock]
    stop_reason: str
    stop_sequence: str | None
    usage: WireUsage


_answer: Final = msgspec.json.Decoder(_Answer).decode
_usage: Final = msgspec.json.Decoder(WireUsage).decode
_metered: Final = msgspec.json.Decoder(_Metered).decode
_text: Final = msgspec.json.Decoder(TextBlock).decode
_call: Final = msgspec.json.Decoder(ToolUseBlock).decode
_thinking: Final = msgspec.json.Decoder(ThinkingBlock).decode
_redacted: Final = msgspec.json.Decoder(RedactedBlock).decode
_object: Final = msgspec.json.Decoder(dict[str, Raw]).decode


def decode_response(body: bytes, origin: str) -> Response:
    """As :meth:`trunkline.protocols.codec.Codec.decode_response` promises."""
    try:
        if not body.isascii():
            body.decode()  # what is carried undecoded must be text too
        wire = _answer(body)
        if wire.type == "error" or bytes(wire.error) != b"null" or wire.content is None:
            raise _refused(body, wire)
        content = tuple([_part(raw, origin) for raw in wire.content])
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise _unreadable(str(cause)) from cause
    calls = any(isinstance(part, ToolCall) for part in content)
    return Response(
        id=wire.id or "",
        model=wire.model or "",
        content=content,
        stop=decode_stop(wire.stop_reason, wire.stop_sequence, calls=calls),
        usage=read_usage(wire.usage) or Usage(),
    )


def _refused(body: bytes, wire: _Answer) -> GatewayError:
    """An error under status 200 keeps its meaning (E109); anything else without content is no answer."""
    if wire.type == "error" or bytes(wire.error) != b"null":
        return decode_event_error(body)
    return _unreadable("it has no content")


def _unreadable(why: str) -> GatewayError:
    return GatewayError(
        Kind.UPSTREAM_FAILED, f"the upstream's answer is not an Anthropic message: {why}", local=False
    )


def _part(raw: Raw, origin: str) -> Part:
    kind = tag_of(raw).type
    match kind:
        case "text":
            return decode_text(_text(raw))
        case "tool_use":
            call = _call(raw)
            return ToolCall(id=call.id, name=call.name, arguments=decode_arguments(call.input))
        case "thinking":
            thought = _thinking(raw)
            return Thinking(text=thought.thinking, signature=thought.signature or None, origin=origin)
        case "redacted_thinking":
            return Thinking(redacted=_redacted(raw).data, origin=origin)
        case _:
            return opaque(raw, kind)


def read_usage(raw: Raw | bytes) -> Usage | None:
    """Usage as far as it can be read; a vendor's odd counts never fail an answer."""
    if bytes(raw) in (b"", b"null"):
        return None
    try:
        return decode_usage(_usage(raw))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def usage_of(body: bytes) -> Usage | None:
    """As :meth:`trunkline.protocols.codec.Codec.usage_of` promises."""
    try:
        wire = _metered(body).usage
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if wire is None else decode_usage(wire)


def message_id(id: str, context: ReplyContext) -> str:
    """The upstream's own id if it is one of this protocol, else ours."""
    return id if id.startswith("msg_") else f"msg_{context.id}"


def encode_response(response: Response, context: ReplyContext) -> bytes:
    """As :meth:`trunkline.protocols.codec.Codec.encode_response` promises.

    A call whose arguments were cut off is left out and the answer says ``max_tokens`` (E28).
    """
    blocks: list[OutBlock] = []
    block: OutBlock | None
    calls = cut = refused = False
    for part in response.content:
        if type(part) is Text and not part.citations:
            if part.text:
                blocks.append(TextBlock(part.text))
            continue
        if isinstance(part, ToolCall):
            block = encode_call(part)
            if block is None:
                cut = True
                continue
            calls = True
        else:
            refused = refused or isinstance(part, Refusal)
            block = encode_part(part)
        if block is not None:
            blocks.append(block)
        blocks += searches_in(part)
    reason = "max_tokens" if cut else encode_stop(response.stop, calls=calls, refused=refused)
    return encode(
        _Message(
            id=message_id(response.id, context),
            role="assistant",
            model=context.model,
            content=blocks,
            stop_reason=reason,
            stop_sequence=response.stop.sequence if reason == "stop_sequence" else None,
            usage=encode_usage(response.usage, context.input_estimate),
        )
    )


def encode_call(call: ToolCall) -> OutBlock | None:
    """A ``tool_use`` block; None when its arguments are no JSON object."""
    if call.kind == "custom":
        data = encode({"input": call.arguments})
    else:
        data = call.arguments.strip().encode() or b"{}"
        if data == b"null":
            data = b"{}"
        try:
            _object(data)
        except msgspec.DecodeError:
            return None
    return ToolUseBlock(call.id, call.name, Raw(data))


def encode_part(part: Part) -> OutBlock | None:
    """The block for any part but a call; None when there is nothing to show."""
    match part:
        case Text(text, citations):
            cited = [raw for citation in citations for raw in cite(citation)] if citations else None
            return TextBlock(text, cited or None) if text else None
        case Refusal(text):
            return TextBlock(text) if text else None
        case Thinking():
            return _encode_thinking(part)
        case Opaque(protocol=protocol, raw=raw) if protocol == PROTOCOL:
            return raw
        case Opaque(means=WebSearch()):
            return None
        case _:
            text = unshowable(part)
            return TextBlock(text) if text else None


def cite(citation: Opaque) -> list[Raw]:
    """The citations that one of any protocol stands for."""
    return [citation.raw] if citation.protocol == PROTOCOL else search.citations_of(citation)


def searches_in(part: Part) -> list[Raw]:
    """The blocks of a search that another protocol's part tells of."""
    if isinstance(part, Opaque) and part.protocol != PROTOCOL:
        return search.blocks_of(part.means) if isinstance(part.means, WebSearch) else []
    if not isinstance(part, Text) or not part.citations:
        return []
    found = (search.search_in(citation) for citation in part.citations)
    return [block for one in found if one is not None for block in search.blocks_of(one)]


def _encode_thinking(part: Thinking) -> OutBlock | None:
    if part.redacted is not None:
        return RedactedBlock(sealed(part.redacted, part.origin))
    if not part.text and part.signature is None:
        return None
    return ThinkingBlock(part.text, sealed(part.signature, part.origin))


def sealed(signature: str | None, origin: str | None) -> str:
    """What the client keeps: sealed when we know the maker or there is no proof at all (E7)."""
    return signature if signature is not None and origin is None else seal(signature, origin or "")


def unshowable(part: Part) -> str:
    """What stands in an answer for a part that no block of this protocol can show."""
    if isinstance(part, Opaque):
        return part.text or ""
    return f"[the model answered with {type(part).__name__.lower()} content, which cannot be shown here]"

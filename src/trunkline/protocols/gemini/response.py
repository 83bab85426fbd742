"""Whole answers, both directions, and the parts that streams are written with too."""

from typing import Final

import msgspec
from msgspec import Raw

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.events import fold
from trunkline.core.search import WebSearch
from trunkline.core.surrogates import decode_lenient
from trunkline.core.types import (
    Audio,
    Document,
    Image,
    Opaque,
    Part,
    Refusal,
    Response,
    Text,
    Thinking,
    ToolCall,
)
from trunkline.core.usage import Usage
from trunkline.protocols.codec import ReplyContext
from trunkline.protocols.gemini import signatures
from trunkline.protocols.gemini.errors import readable
from trunkline.protocols.gemini.media import audio_type, document_type, file, inline
from trunkline.protocols.gemini.rendering import GROUNDING, SIGNED_TEXT
from trunkline.protocols.gemini.search import metadata_of
from trunkline.protocols.gemini.stream_decode import GeminiStreamDecoder
from trunkline.protocols.gemini.usage import decode_usage, encode_stop, encode_usage
from trunkline.protocols.gemini.wire import OBJECT, PROTOCOL, UsageMetadata, encode, escape_separators

PartOut = dict[str, object]
_NOTHING: Final[PartOut] = {"text": ""}


class _Metered(msgspec.Struct, rename="camel"):
    usage_metadata: UsageMetadata | None = None


_metered: Final = msgspec.json.Decoder(_Metered)


def decode_response(body: bytes, origin: str) -> Response:
    """As :meth:`trunkline.protocols.codec.Codec.decode_response` promises: an answer is a stream of one chunk."""
    try:
        return fold(GeminiStreamDecoder(origin).whole(body))
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        text = f"the upstream's answer cannot be read ({cause}): {readable(body)[:200]}"
        raise GatewayError(Kind.UPSTREAM_FAILED, text, local=False) from cause


def usage_of(body: bytes) -> Usage | None:
    """As :meth:`trunkline.protocols.codec.Codec.usage_of` promises."""
    try:
        wire = decode_lenient(_metered, body).usage_metadata
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if wire is None else decode_usage(wire)


def encode_response(response: Response, context: ReplyContext) -> bytes:
    """As :meth:`trunkline.protocols.codec.Codec.encode_response` promises.

    A call whose arguments were cut off is left out and the answer says ``MAX_TOKENS`` (E28).
    """
    parts: list[PartOut] = []
    grounding: Raw | None = None
    cut = False
    for part in response.content:
        if isinstance(part, Text):
            if part.citations:
                grounding = grounding_of(part.citations) or grounding
            if part.text:
                parts.append({"text": part.text})
            continue
        if isinstance(part, ToolCall):
            call = encode_call(part)
            cut = cut or call is None
            parts += [] if call is None else [call]
            continue
        if isinstance(part, Opaque) and part.protocol == PROTOCOL:
            if part.kind == GROUNDING:
                grounding = part.raw
                continue
            if part.kind == SIGNED_TEXT and parts and "thoughtSignature" not in parts[-1]:
                parts[-1] = {**parts[-1], **OBJECT.decode(part.raw)}
                continue
        elif isinstance(part, Opaque) and isinstance(part.means, WebSearch):
            grounding = metadata_of(part.means) or grounding
            continue
        parts += encode_part(part)
    candidate: dict[str, object] = {
        "content": {"parts": parts or [_NOTHING], "role": "model"},
        "finishReason": encode_stop(response.stop, cut=cut),
        "index": 0,
    }
    if grounding is not None:
        candidate["groundingMetadata"] = grounding
    return escape_separators(
        encode(
            {
                "candidates": [candidate],
                "usageMetadata": encode_usage(response.usage),
                "modelVersion": context.model,
                "responseId": context.id,
            }
        )
    )


def grounding_of(citations: tuple[Opaque, ...]) -> Raw | None:
    """The grounding among a text's citations; those of other vendors have no place here."""
    own = [one.raw for one in citations if one.protocol == PROTOCOL and one.kind == GROUNDING]
    return own[-1] if own else None


def encode_call(part: ToolCall) -> PartOut | None:
    """A ``functionCall`` part; None when its arguments are no JSON object."""
    if part.kind == "custom":
        arguments = encode({"input": part.arguments})
    else:
        arguments = part.arguments.strip().encode()
        if arguments in (b"", b"null"):
            arguments = b"{}"
        try:
            OBJECT.decode(arguments)
        except msgspec.DecodeError:
            return None
    call: PartOut = {"name": part.name, "args": Raw(arguments)}
    if part.id:
        call["id"] = part.id
    out: PartOut = {"functionCall": call}
    if part.proof is not None:
        out["thoughtSignature"] = signatures.sealed(part.proof, part.proof_origin)
    return out


def encode_part(part: Part) -> list[PartOut]:
    """The parts for anything but a call; none when there is nothing to show."""
    match part:
        case Text(text) | Refusal(text) | Document(text=str() as text):
            return [{"text": text}] if text else []
        case Thinking():
            return _encode_thinking(part)
        case Image() | Audio() | Document():
            return _encode_media(part)
        case Opaque(protocol=protocol, kind=kind, raw=raw) if protocol == PROTOCOL:
            fields: PartOut = dict(OBJECT.decode(raw))
            return [] if kind == GROUNDING else [{"text": "", **fields} if kind == SIGNED_TEXT else fields]
        case (
            _
        ):  # what another vendor's server did is invisible here: words in between would spoil the answer
            return []


def _encode_thinking(part: Thinking) -> list[PartOut]:
    if part.redacted is not None:
        return [thought_end(signatures.sealed_redacted(part.redacted, part.origin))]
    if not part.text and part.signature is None:
        return []
    sealed = signatures.sealed(part.signature, part.origin)
    return [{"text": part.text, "thought": True, "thoughtSignature": sealed}]


def _encode_media(part: Image | Audio | Document) -> list[PartOut]:
    if isinstance(part, Audio):
        return [inline(audio_type(part.format), part.data)]
    if part.data is not None:
        kind = document_type(part) if isinstance(part, Document) else part.media_type or "image/png"
        return [inline(kind, part.data)]
    return [] if part.url is None else [file(part.url, part.media_type)]


def thought_end(signature: str) -> PartOut:
    """The signature that ends a thought, on a part of its own."""
    return {"text": "", "thought": True, "thoughtSignature": signature}

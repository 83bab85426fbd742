"""Whole answers: the output items of a response as parts."""

from typing import Final

import msgspec
from msgspec import Raw

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.surrogates import decode_lenient
from trunkline.core.types import Image, Part, Refusal, Response, ToolCall
from trunkline.core.usage import Usage
from trunkline.protocols.openai_responses.errors import error_of, readable
from trunkline.protocols.openai_responses.item_decode import decode_item, opaque_item
from trunkline.protocols.openai_responses.usage import decode_stop, decode_usage
from trunkline.protocols.openai_responses.wire import (
    ANY,
    RESPONSE,
    WireImageCall,
    WireResponse,
    kind_of,
    present,
    read,
)

_IMAGE: Final = msgspec.json.Decoder(WireImageCall)


def decode_response(body: bytes, origin: str) -> Response:
    """See :meth:`Codec.decode_response`."""
    try:
        wire = decode_lenient(RESPONSE, body)
        if wire.output is None:
            raise error_of(ANY.decode(body), 200, raw=body)
        failed = failure_of(wire, body)
        if failed is not None:
            raise failed
        content = tuple(part for raw in wire.output for part in output_parts(raw, origin))
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        text = f"the upstream's answer cannot be read ({cause}): {readable(body)[:200]}"
        raise GatewayError(Kind.UPSTREAM_FAILED, text, local=False) from cause
    return Response(
        id=wire.id or "",
        model=wire.model or "",
        content=content,
        stop=decode_stop(
            wire,
            calls=any(isinstance(part, ToolCall) for part in content),
            refused=any(isinstance(part, Refusal) for part in content),
        ),
        usage=Usage() if wire.usage is None else decode_usage(wire.usage),
        created=None if wire.created_at is None else int(wire.created_at),
    )


def failure_of(wire: WireResponse, raw: bytes) -> GatewayError | None:
    """The error of a response that failed or was cancelled; None for every other."""
    if wire.status not in ("failed", "cancelled") and not present(wire.error):
        return None
    if present(wire.error):
        return error_of(ANY.decode(wire.error), 200, raw=raw)
    return GatewayError(
        Kind.UPSTREAM_FAILED, f"the upstream's answer ended as {wire.status}", code=wire.status, local=False
    )


def output_parts(raw: Raw, origin: str) -> list[Part]:
    """The parts of one output item; one that has another shape than its kind stays as it came."""
    if bytes(raw)[:1] != b"{":
        return []
    kind = kind_of(raw).type or "unknown"
    try:
        if kind == "image_generation_call":
            return [image_of(raw)]
        return decode_item(kind, raw, "output", origin, sealed=False)
    except (msgspec.ValidationError, GatewayError):
        return [opaque_item(kind, raw)]


def image_of(raw: Raw) -> Part:
    """A generated picture; the item as it came while there is none."""
    wire = read(_IMAGE, raw)
    if not wire.result:
        return opaque_item("image_generation_call", raw)
    return Image(media_type=f"image/{wire.output_format or 'png'}", data=wire.result)


def usage_of(body: bytes) -> Usage | None:
    """See :meth:`Codec.usage_of`."""
    try:
        wire = decode_lenient(RESPONSE, body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if wire.usage is None else decode_usage(wire.usage)

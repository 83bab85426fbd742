"""Model and stream flag without reading the rest: a large body is scanned once later, not twice."""

import re
from typing import Final

import msgspec
from msgspec import Struct

from trunkline.protocols.anthropic_messages.refusals import malformed, mended, refusal
from trunkline.protocols.codec import Peek


class _Peek(Struct, gc=False):
    model: str
    stream: bool | None = None


_decode: Final = msgspec.json.Decoder(_Peek).decode

_OPEN: Final = re.compile(rb"\s*\{")
_SCALAR: Final = re.compile(
    rb'\s*"(\w+)"\s*:\s*("[^"\\\x00-\x1f\x80-\xff]*"|-?[\d.eE+-]+|true|false|null)\s*,'
)
_LAST: Final = re.compile(rb',\s*"stream"\s*:\s*(true|false)\s*\}\s*$')
_TAIL: Final = 64
_SMALL: Final = 2048
"""Bytes that are read in full faster than searched."""


def peek(body: bytes) -> Peek:
    """As :meth:`trunkline.protocols.codec.Codec.peek` promises.

    Clients write the two fields among the first scalars or, the flag, at the very end; an unescaped
    ``,"stream":true}`` there cannot be part of a string. Anything else is read in full.
    """
    if len(body) <= _SMALL:
        return _whole(body)
    model: str | None = None
    stream: bool | None = None
    position = opening.end() if (opening := _OPEN.match(body)) else len(body)
    while field := _SCALAR.match(body, position):
        position = field.end()
        if field[1] == b"model" and field[2].startswith(b'"'):
            model = field[2][1:-1].decode()
        elif field[1] == b"stream" and field[2] in (b"true", b"false"):
            stream = field[2] == b"true"
    if stream is None and (last := _LAST.search(body, max(len(body) - _TAIL, position - 1, 0))):
        stream = last[1] == b"true"
    if model is None or stream is None:
        return _whole(body)
    return Peek(model, stream)


def _whole(body: bytes) -> Peek:
    try:
        wire = _decode(body)
    except msgspec.ValidationError as cause:
        raise refusal("", cause) from cause
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        whole = mended(body)
        if whole is body:
            raise malformed(cause) from cause
        return _whole(whole)
    return Peek(wire.model, bool(wire.stream))

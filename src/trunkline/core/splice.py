"""Edit top-level fields of a JSON object and leave every other byte as the client wrote it."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.surrogates import mend_surrogates

_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_KEY: Final = re.compile(rb'[\s,]*("(?:[^"\\]|\\.)*")\s*:\s*')
_OPEN: Final = re.compile(rb"\s*\{")
_COMMA: Final = re.compile(rb"\s*,\s*")

Span = tuple[int, int, int]
"""Of a field: where its key starts, where its value starts and ends."""


def fields(body: bytes) -> dict[str, Raw]:
    """The top-level fields of a JSON object, values undecoded. Raises GatewayError (INVALID_REQUEST)."""
    return _read(body)[0]


def raw_fields(body: bytes) -> dict[str, bytes]:
    """The top-level values exactly as they stand in ``body``, half surrogate pairs included.

    Raises GatewayError (INVALID_REQUEST) as :func:`splice` does.
    """
    return {key: body[start:end] for key, (_, start, end) in spans(body).items()}


def _read(body: bytes) -> tuple[dict[str, Raw], bytes]:
    """The fields, and the text they were read from: ``body``, or its mended copy of the same length."""
    try:
        try:
            return _OBJECT.decode(body), body
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            mended = mend_surrogates(body)
            return _OBJECT.decode(mended), mended
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise GatewayError(
            Kind.INVALID_REQUEST, f"the request body is not a JSON object: {cause}", should_retry=False
        ) from cause


def spans(body: bytes) -> dict[str, Span]:
    """Where each field stands, in order. Raises GatewayError (INVALID_REQUEST) as :func:`splice` does."""
    found: dict[str, Span] = {}
    read, text = _read(body)
    opening = _OPEN.match(text)
    position = opening.end() if opening else 0
    for key, raw in read.items():
        match = _KEY.match(text, position)
        if match is None or not _names(match[1], key):
            raise _named_twice(f"at or before {key!r}")
        value = memoryview(raw)  # not a copy: it may be the whole conversation
        start = match.end()
        if not text.startswith(value, start):
            raise _named_twice(f"at or before {key!r}")
        position = start + len(value)
        found[key] = (match.start(1), start, position)
    if text[position:].strip() != b"}":
        raise _named_twice("at its end")
    return found


def _names(literal: bytes, key: str) -> bool:
    """Whether a string as it stands in JSON is ``key``."""
    plain = literal[1:-1] == key.encode() and b"\\" not in literal
    return plain or msgspec.json.decode(literal) == key


def _named_twice(where: str) -> GatewayError:
    return GatewayError(
        Kind.INVALID_REQUEST, f"the request body names a field twice, {where}", should_retry=False
    )


def splice(
    body: bytes, edits: Mapping[str, bytes | None], known: Mapping[str, Span] | None = None
) -> bytes:
    """``body`` with the named top-level fields set to raw JSON, or removed where the edit is None.

    A field the body lacks is added at the end. All other bytes, their order, spacing and escapes, stay.
    ``known``: its :func:`spans`, where somebody has looked already.
    Raises GatewayError (INVALID_REQUEST) for a body that is not an object or names a field twice.
    """
    out = bytearray()
    position = 0
    places = spans(body) if known is None else known
    left = len(edits)
    for key, (key_start, value_start, value_end) in places.items():
        if key not in edits:
            continue
        left -= 1
        value = edits[key]
        if value is not None:
            out += body[position:value_start] + value
            position = value_end
            continue
        out += body[position:key_start]
        comma = _COMMA.match(body, value_end)
        position = comma.end() if comma else value_end
        if comma is None:  # the last field takes the comma before it along
            _strip_comma(out)
    added = left and b",".join(
        msgspec.json.encode(key) + b":" + value
        for key, value in edits.items()
        if value is not None and key not in places
    )
    if added:
        closing = body.rindex(b"}")
        out += body[position:closing].rstrip()
        out += added if out.endswith(b"{") else b"," + added
        position = closing
    return b"".join((out, memoryview(body)[position:]))


def _strip_comma(out: bytearray) -> None:
    kept = out.rstrip()
    if kept.endswith(b","):
        del out[len(kept) - 1 :]

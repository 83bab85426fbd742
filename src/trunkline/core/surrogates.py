"""Half of a surrogate pair in JSON text: valid JSON, not valid Unicode, and sent by real clients (E122).

JavaScript cuts strings in the middle of an emoji and writes what is left as ``\\ud83d``. Our JSON decoder
refuses such text, so where text has to be read, the half is replaced; bytes that are only carried keep it.
"""

import re
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

Value = TypeVar("Value")

_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)",
    re.DOTALL,
)


def _replacement(match: re.Match[bytes]) -> bytes:
    escape: bytes = match[0]
    return b"\\ufffd" if len(escape) == 6 else escape


def mend_surrogates(text: bytes) -> bytes:
    """JSON text with every lone surrogate escape turned into U+FFFD; the length stays the same."""
    return _ESCAPE.sub(_replacement, text)


def read_lenient(read: Callable[[bytes], Value], text: bytes) -> Value:
    """``read(text)``, with lone surrogates replaced if that is what is wrong with it.

    Raises msgspec.DecodeError (or ValidationError) as ``read`` does.
    """
    try:
        return read(text)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        mended = mend_surrogates(text)
        if mended == text:
            raise
        return read(mended)


def decode_lenient(decoder: "msgspec.json.Decoder[Value]", text: bytes) -> Value:
    """The same for a decoder."""
    return read_lenient(decoder.decode, text)

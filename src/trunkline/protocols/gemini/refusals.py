"""What a client hears about a request that is wrong, in Google's manner: the path first."""

import re
from typing import Final, TypeVar

import msgspec
from msgspec import Raw

from trunkline.core.errors import GatewayError, Kind
from trunkline.core.surrogates import decode_lenient

Value = TypeVar("Value")

_AT: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?P<key>key in )?\$(?P<path>.*)`)?$", re.DOTALL)


def invalid(message: str, field: str | None = None) -> GatewayError:
    """A refusal of ours: 400, no retry can help."""
    return GatewayError(
        Kind.INVALID_REQUEST, message, code="INVALID_ARGUMENT", field=field, should_retry=False
    )


def refusal(path: str, cause: msgspec.DecodeError | UnicodeDecodeError) -> GatewayError:
    """The decoder's complaint with the whole path of what is wrong; ``path`` is where decoding began."""
    found = _AT.match(str(cause))
    inner = (found["path"] if found else None) or ""
    what = found["what"] if found else str(cause)
    where = f"{path}{inner}".removeprefix(".")
    if not where:
        return invalid(f"Invalid JSON payload received. {what}.")
    return invalid(f"Invalid value at '{where}': {what}.", where)


def checked(decoder: "msgspec.json.Decoder[Value]", raw: Raw | bytes, path: str) -> Value:
    """``raw`` decoded. Raises GatewayError (INVALID_REQUEST) naming ``path``."""
    try:
        return decode_lenient(decoder, bytes(raw))
    except (msgspec.DecodeError, UnicodeDecodeError) as cause:
        raise refusal(path, cause) from cause

"""What an OAuth token says about itself. Nothing is verified: the workspace does."""

import base64
from typing import Final

import msgspec
from msgspec import Struct


class Claims(Struct):
    """The claims that matter here."""

    exp: float | None = None
    """Seconds since the epoch."""
    iss: str | None = None
    aud: str | list[str] | None = None


_CLAIMS: Final = msgspec.json.Decoder(Claims)


def claims_of(token: str) -> Claims | None:
    """The claims of a JWT; None for anything else."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        return _CLAIMS.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, msgspec.DecodeError):
        return None

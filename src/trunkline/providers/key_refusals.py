"""Keys that are refused with a status that says something else (recorded of xAI and Google, 2026)."""

import re
from typing import Final

from trunkline.core.errors import GatewayError, Kind

_BAD_KEY: Final = re.compile(
    r"^(?:incorrect api key provided|api key not valid|api key expired)", re.IGNORECASE
)


def refused_key(error: GatewayError) -> GatewayError:
    """``error`` as an AUTHENTICATION one when a 400 says that the key is wrong, else ``error`` itself."""
    if error.kind is not Kind.INVALID_REQUEST or not _BAD_KEY.match(error.message):
        return error
    return GatewayError(
        Kind.AUTHENTICATION,
        error.message,
        code=error.code,
        should_retry=False,
        protocol=error.protocol,
        raw=error.raw,
        local=error.local,
    )

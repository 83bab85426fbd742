"""A refusal that quotes the credential it refuses: neither clients nor our own record are shown that."""

import re
from typing import Final

from trunkline.core.http import Headers

HIDDEN: Final = b"****"
SHORTEST: Final = 16
"""Characters; what servers without keys are given is shorter, and may be a word of the message."""
_NAMES: Final = re.compile(r"auth|key|token|secret|cookie", re.IGNORECASE)
_SCHEME: Final = re.compile(r"^(?:Bearer|Basic)\s+", re.IGNORECASE)


def without_echoes(body: bytes, sent: Headers) -> bytes:
    """An error's body without the secrets that the request had in its headers."""
    for name, value in sent:
        if _NAMES.search(name):
            secret = _SCHEME.sub("", value).strip()
            if len(secret) >= SHORTEST:
                body = body.replace(secret.encode(), HIDDEN)
    return body

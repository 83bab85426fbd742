"""Which refusals are about the token, so that a new one can help (databricks.md 5.3)."""

import re
from typing import Final

from trunkline.core.errors import GatewayError, Kind

_BAD_TOKEN: Final = re.compile(
    r"credential was not sent|invalid access token|token is expiring|token (?:has )?expired|UNAUTHENTICATED"
    r"|(?:^|\")\s*invalid token\.?\s*(?:\[|\"|$)",  # alone: inside other texts it is a token of a language
    re.IGNORECASE,
)
_OTHER_RESOURCE: Final = re.compile(r"expected aud claim", re.IGNORECASE)


def means_bad_token(error: GatewayError) -> bool:
    """Whether a workspace refused the token itself: revoked, ended, of another kind.

    Not a missing grant, an address that is not admitted or a token for another resource: those stay as
    they are with any token. An empty 401 can only mean the token.
    """
    if error.kind is not Kind.AUTHENTICATION or error.local:
        return False
    text = error.message if error.raw is None else error.raw.decode("utf-8", "replace")
    if _OTHER_RESOURCE.search(text):
        return False
    if not text.strip():
        return error.status == 401
    return _BAD_TOKEN.search(text) is not None

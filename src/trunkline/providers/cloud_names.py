"""Whose cloud account answers is for the gateway's own log, not for its clients (reliability_ux.md A3)."""

import re
from typing import Final

from trunkline.core.errors import GatewayError

HIDDEN: Final = b"****"
_NAMES: Final = re.compile(
    rb"(?P<arn>\barn:aws[\w-]*:)[^\s\"'`,;<>()\\]+"
    rb"|(?P<path>\bprojects/)[\w.:-]+(?=/(?:locations|publishers|models|global|serviceAccounts)\b)"
    rb"|(?P<said>\b(?:[Pp]roject(?: number| id)?|[Aa]ccount(?: id)?)[ :=]{1,2}[\"'`]?)\d{6,}\b"
)
"""ARNs whole, the project in Google's resource names, and numbers that are called a project's or an account's."""


def without_cloud_names(error: GatewayError) -> GatewayError:
    """``error`` with account numbers, ARNs and projects hidden from the client; our own record keeps the message."""
    message = _hidden(error.message.encode()).decode()
    if message != error.message:
        error.full, error.message = error.message, message
    if error.raw is not None:
        error.raw = _hidden(error.raw)
    return error


def _hidden(text: bytes) -> bytes:
    def hide(found: re.Match[bytes]) -> bytes:
        return (found["arn"] or found["path"] or found["said"]) + HIDDEN

    return _NAMES.sub(hide, text)

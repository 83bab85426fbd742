"""Which session of an agent a request belongs to: headers first, else what Claude Code says of its user."""

import re
from typing import Final

import msgspec
from msgspec import Struct

from trunkline.core.http import Headers

SESSION_HEADERS: Final = frozenset(
    {
        "x-claude-code-session-id",
        "x-claude-session-id",
        "session_id",
        "session-id",
        "x-session-id",
        "x-session-affinity",
    }
)
MAX_SESSION: Final = 120
_MARK: Final = "_session_"


class _Metadata(Struct):
    user_id: str | None = None


class _Body(Struct):
    metadata: _Metadata | None = None


class _User(Struct):
    session_id: str | None = None


_BODY: Final = msgspec.json.Decoder(_Body)
_USER: Final = msgspec.json.Decoder(_User)
_FIELD: Final = b'"metadata"'
_TAIL: Final = 1024
"""Bytes at the end in which the field is looked for first: Claude Code writes it there."""
_USABLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""It becomes part of a file's name, and a field of the log."""


def session_in_headers(headers: Headers) -> str | None:
    """The session that a header names; None without one. Whatever the client wrote, cut to a safe length."""
    for name, value in headers:
        if name in SESSION_HEADERS and value:
            return value[:MAX_SESSION]
    return None


def session_of(headers: Headers, body: bytes) -> str | None:
    """The session by headers or ``metadata.user_id``, as JSON or behind ``_session_`` (ccr.md 2.3).

    None without one or for one that could be no name of a file.
    """
    found = session_in_headers(headers)
    if found is None:
        found = _of_user(body)
    return found if found is not None and _USABLE.fullmatch(found) else None


def _of_user(body: bytes) -> str | None:
    try:
        metadata = _near_the_end(body)
        if metadata is None and b'"user_id"' in body:
            metadata = _BODY.decode(body).metadata
        user = metadata.user_id if metadata is not None else None
        if user is None:
            return None
        if user.lstrip().startswith("{"):
            said = _USER.decode(user).session_id
        else:
            said = user.split(_MARK, 2)[1] if _MARK in user else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return said[:MAX_SESSION] if said else None


def _near_the_end(body: bytes) -> _Metadata | None:
    """The metadata, read without the conversation before it: what follows a field of the body itself is the rest of
    an object, which what follows any other is not."""
    start = body.rfind(_FIELD, max(0, len(body) - _TAIL))
    if start < 0:
        return None
    try:
        return _BODY.decode(b"{" + body[start:]).metadata
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None

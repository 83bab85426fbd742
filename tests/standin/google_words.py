"""How Google says no: a status word, a code, and for unknown fields the exact place."""

import re
from typing import NoReturn

from standin.failures import as_json
from standin.refusal import Refused
from standin.wire import Reply

_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")
_BAD = "type.googleapis.com/google.rpc.BadRequest"


def google_error(
    code: int, status: str, message: str, details: list[dict[str, object]] | None = None
) -> Reply:
    """Any error of theirs, for scripts and rules alike."""
    error: dict[str, object] = {"code": code, "message": message, "status": status}
    if details is not None:
        error["details"] = details
    return as_json(code, {"error": error})


def exhausted(seconds: int = 34, metric: str = "generate_content_free_tier_requests") -> Reply:
    """429 with the hint when to come again."""
    message = (
        "You exceeded your current quota, please check your plan and billing details.\n* Quota exceeded for metric: "
        f"generativelanguage.googleapis.com/{metric}, limit: 10\nPlease retry in {seconds}.5s."
    )
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds}s"}
    return google_error(429, "RESOURCE_EXHAUSTED", message, [retry])


def refuse(message: str, code: int = 400, status: str = "INVALID_ARGUMENT") -> NoReturn:
    """A rule was broken."""
    raise Refused(google_error(code, status, message), message)


def refuse_payload(problem: str, path: str) -> NoReturn:
    """The parser in front: the body does not fit the message type."""
    place = snake(path)
    text = f"Invalid JSON payload received. {problem}" + (
        f" at '{place}': Cannot find field." if place else ": Cannot find field."
    )
    violation = {"field": place, "description": text} if place else {"description": text}
    raise Refused(
        google_error(400, "INVALID_ARGUMENT", text, [{"@type": _BAD, "fieldViolations": [violation]}]), text
    )


def unknown(name: str, path: str) -> NoReturn:
    """A field the message type does not have."""
    refuse_payload(f'Unknown name "{name}"', path)


def wrong_value(path: str, kind: str, given: object) -> NoReturn:
    """A value that the field's type does not have."""
    text = f"Invalid value at '{snake(path)}' ({kind}), {given}"
    violation = {"field": snake(path), "description": text}
    raise Refused(
        google_error(400, "INVALID_ARGUMENT", text, [{"@type": _BAD, "fieldViolations": [violation]}]), text
    )


def snake(path: str) -> str:
    """A path as their messages spell it."""
    return _CAMEL.sub(lambda match: "_" + match[1].lower(), path)

"""How OpenAI says no: one shape, its own wording, and a code that clients act on."""

from typing import NoReturn

from standin.failures import as_json
from standin.refusal import Refused
from standin.wire import Reply


def openai_error(
    status: int,
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    kind: str = "invalid_request_error",
    headers: tuple[tuple[str, str], ...] = (),
) -> Reply:
    """Any error of theirs, for scripts and rules alike."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return as_json(status, {"error": error}, headers)


def refuse(message: str, param: str | None = None, code: str | None = None, status: int = 400) -> NoReturn:
    """A rule was broken."""
    raise Refused(openai_error(status, message, param=param, code=code), message)


def unknown(path: str) -> NoReturn:
    """A field they do not know."""
    refuse(f"Unknown parameter: '{path}'.", path, "unknown_parameter")


def missing(path: str) -> NoReturn:
    """A field they need."""
    refuse(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")


def unsupported(path: str) -> NoReturn:
    """A field that this model does not take."""
    refuse(f"Unsupported parameter: '{path}' is not supported with this model.", path)


def wrong_type(path: str, expected: str, given: object) -> NoReturn:
    """A value of another type."""
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "an integer"}
    found = "null" if given is None else names.get(type(given), "a decimal number")
    refuse(
        f"Invalid type for '{path}': expected {expected}, but got {found} instead.", path, "invalid_type"
    )


def wrong_value(path: str, given: object, allowed: tuple[str, ...]) -> NoReturn:
    """A word they do not know."""
    *most, last = [f"'{name}'" for name in allowed]
    listed = f"{', '.join(most)}, and {last}" if most else last
    refuse(f"Invalid value: '{given}'. Supported values are: {listed}.", path, "invalid_value")


def too_long(path: str, text: str, most: int) -> NoReturn:
    """A string over its limit."""
    refuse(
        f"Invalid '{path}': string too long. Expected a string with maximum length {most}, but got a string "
        f"with length {len(text)} instead.",
        path,
        "string_above_max_length",
    )

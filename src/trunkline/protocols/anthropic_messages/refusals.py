"""Why a client's request is refused, in the vendor's manner: the path of what is wrong, then what it is."""

import re
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from msgspec import Raw

from trunkline.core.errors import GatewayError, Kind

T = TypeVar("T")

_AT: Final = re.compile(r" - at `\$?([^`]*)`$")
_STEP: Final = re.compile(r"\[(\d+)\]|\.?([^.\[\]]+)")
_MISSING: Final = re.compile(r"Object missing required field `([^`]+)`")
_EXPECTED: Final = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_NAMES: Final = {
    "str": "a valid string",
    "int": "a valid integer",
    "float": "a valid number",
    "bool": "a valid boolean",
    "array": "a valid list",
    "object": "an object",
    "null": "null",
}
_SURROGATE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def invalid(message: str, field: str | None = None) -> GatewayError:
    """A 400 in the client's terms."""
    return GatewayError(Kind.INVALID_REQUEST, message, field=field, should_retry=False)


def refusal(path: str, cause: msgspec.ValidationError) -> GatewayError:
    """The 400 for a value of the wrong type below ``path`` (dotted, ``""`` for the body itself)."""
    text = str(cause)
    at = _AT.search(text)
    steps = [path] if path else []
    if at is not None:
        text = text[: at.start()]
        steps += [number or name for number, name in _STEP.findall(at[1]) if (number or name) != "..."]
    if missing := _MISSING.search(text):
        steps.append(missing[1])
        text = "Field required"
    elif expected := _EXPECTED.search(text):
        wanted = " or ".join(_NAMES.get(name, name) for name in expected[1].split(" | "))
        text = f"Input should be {wanted}"
    where = ".".join(steps)
    return invalid(f"{where}: {text}" if where else text, where or None)


def checked(decode: Callable[[bytes | Raw], T], data: bytes | Raw, path: str) -> T:
    """``decode(data)``, with a wrong type reported at ``path``."""
    try:
        return decode(data)
    except msgspec.ValidationError as cause:
        raise refusal(path, cause) from cause


def malformed(cause: Exception) -> GatewayError:
    """The 400 for a body that is no JSON at all."""
    return invalid(f"The request body is not valid JSON: {cause}")


def mended(body: bytes) -> bytes:
    """``body`` with escapes of half a UTF-16 pair replaced: no decoder may read them (E122).

    Returns ``body`` itself when it has none.
    """
    found = False

    def replace(match: re.Match[bytes]) -> bytes:
        nonlocal found
        if match[1] is None:
            return match[0]
        found = True
        return rb"\ufffd"

    changed = _SURROGATE.sub(replace, body)
    return changed if found else body

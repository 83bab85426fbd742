"""What a client hears about a request that is wrong, in the words OpenAI's servers use."""

import re
from typing import Final

import msgspec

from trunkline.core.errors import GatewayError, Kind

_PATH: Final = re.compile(r" - at `\$(.*)`$")
_TYPE: Final = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_LACK: Final = re.compile(r"missing required field `([^`]+)`")
_NAMES: Final = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def invalid(message: str, field: str | None = None, code: str | None = "invalid_value") -> GatewayError:
    """A refusal of ours: 400, no retry can help."""
    return GatewayError(Kind.INVALID_REQUEST, message, code=code, field=field, should_retry=False)


def missing(path: str) -> GatewayError:
    """The refusal of a request that lacks ``path``."""
    return invalid(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")


def unsupported(message: str) -> GatewayError:
    """The refusal of content that the target cannot take: it is never left out in silence."""
    return invalid(message, "input", "unsupported_content")


def refusal_of(cause: msgspec.DecodeError | UnicodeDecodeError, at: str = "") -> GatewayError:
    """The decoder's complaint with the path of what is wrong. ``at``: where the decoded value stands."""
    text = str(cause)
    if not isinstance(cause, msgspec.ValidationError):
        return invalid(f"We could not parse the JSON body of your request: {text}.", code=None)
    found = _PATH.search(text)
    path = (at + (found[1] if found else "")).removeprefix(".")
    if lack := _LACK.search(text):
        return missing(f"{path}.{lack[1]}".removeprefix("."))
    if wrong := _TYPE.search(text):
        wanted, got = (_named(types) for types in wrong.groups())
        message = (
            f"Invalid type for '{path or 'the request body'}': expected {wanted}, but got {got} instead."
        )
        return invalid(message, path or None, "invalid_type")
    return invalid(f"Invalid value for '{path}': {text}.", path or None)


def _named(types: str) -> str:
    every = [name.strip() for name in types.split("|")]
    kept = [name for name in every if name != "null"] or every
    return " or ".join(dict.fromkeys(_NAMES.get(name, name) for name in kept))

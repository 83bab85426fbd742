"""What a client hears about a request that is wrong, in OpenAI's own wording."""

import re
from typing import Final

import msgspec

from trunkline.core.errors import GatewayError, Kind

_EXPECTED: Final = re.compile(
    r"^Expected `(?P<want>[^`]+)`, got `(?P<got>[^`]+)`(?: - at `\$(?P<path>.*)`)?$"
)
_MISSING: Final = re.compile(
    r"^Object missing required field `(?P<field>[^`]+)`(?: - at `\$(?P<path>.*)`)?$"
)
_ARTICLES: Final = {
    "str": "a string",
    "int": "an integer",
    "float": "a decimal number",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
    "null": "null",
}


def invalid(message: str, field: str | None = None, code: str | None = "invalid_value") -> GatewayError:
    """A refusal of ours: 400, no retry can help."""
    return GatewayError(Kind.INVALID_REQUEST, message, code=code, field=field, should_retry=False)


def _words(types: str) -> str:
    names = [_ARTICLES.get(name.strip(), name.strip()) for name in types.split("|")]
    names = [name for name in names if name != "null"] or names
    return " or ".join(dict.fromkeys(names))


def refusal_of(cause: msgspec.DecodeError | UnicodeDecodeError, at: str = "") -> GatewayError:
    """The decoder's complaint as OpenAI would put it. ``at`` is the path of what was decoded."""
    text = str(cause)
    if wrong := _EXPECTED.match(text):
        path = at + (wrong["path"] or "")
        path = path.removeprefix(".") or "the request body"
        got = _words(wrong["got"])
        return invalid(
            f"Invalid type for '{path}': expected {_words(wrong['want'])}, but got {got} instead.",
            path,
            "invalid_type",
        )
    if missing := _MISSING.match(text):
        path = f"{at}{missing['path'] or ''}.{missing['field']}".removeprefix(".")
        return invalid(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")
    if isinstance(cause, msgspec.ValidationError):
        return invalid(f"Invalid value{f' at {at!r}' if at else ''}: {text}.", at or None)
    return invalid(f"We could not parse the JSON body of your request: {text}.", code=None)

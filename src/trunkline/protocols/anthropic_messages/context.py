"""The wording of "too long": clients of this protocol compact by matching it (protocols.md E106)."""

import re
from typing import Final

_OURS: Final = re.compile(
    r"prompt is too long|input length and `max_tokens` exceed context limit"
    r"|capability_rejected: ?(?:prompt_too_long|max_tokens_context_overflow)",
    re.IGNORECASE,
)
_OTHERS: Final = re.compile(
    r"input is too long|context_length_exceeded|maximum context length|exceeds? (?:the |this model's )?"
    r"(?:maximum |available )?context|context (?:window|size|limit|length) (?:exceeded|is exceeded)"
    r"|exceeds? the (?:model's )?maximum (?:input|prompt|number of (?:input )?tokens)"
    r"|too many (?:input )?tokens in (?:the )?(?:prompt|request)|maximum prompt length"
    r"|input token count .{0,40}exceeds|tokens? (?:limit|count) exceeds? .{0,40}context",
    re.IGNORECASE,
)
_LIMIT: Final = re.compile(
    r"(?:max(?:imum)?|limit|window|context length|context size)\D{0,60}?(\d[\d,]*)", re.IGNORECASE
)
_NUMBER: Final = re.compile(r"(?<![\w.])\d[\d,]*(?![\w.]*\w)")
_SHARES: Final = re.compile(
    r"(\d[\d,]*)\D{0,20}\bin the messages\D+?(\d[\d,]*)\D{0,20}\bin the completion", re.IGNORECASE
)


def is_too_long(message: str) -> bool:
    """Whether an upstream's message says that the input does not fit the context."""
    return _OURS.search(message) is not None or _OTHERS.search(message) is not None


def compacts(message: str) -> bool:
    """Whether a client of this protocol recognises the message by itself."""
    return _OURS.search(message) is not None


def too_long(message: str) -> str:
    """``message`` in the words that make a client compact, the upstream's numbers and text kept."""
    if compacts(message):
        return message
    limit = _LIMIT.search(message)
    if limit is None:
        return f"prompt is too long: {message}"
    maximum = _value(limit[1])
    shares = _SHARES.search(message)
    if shares is not None and _value(shares[1]) <= maximum < _value(shares[1]) + _value(shares[2]):
        return (
            f"input length and `max_tokens` exceed context limit: {_value(shares[1])} + {_value(shares[2])}"
            f" > {maximum}, decrease input length or `max_tokens` and try again ({message})"
        )
    tokens = max((_value(number) for number in _NUMBER.findall(message)), default=0)
    if tokens <= maximum:
        return f"prompt is too long: {message}"
    return f"prompt is too long: {tokens} tokens > {maximum} maximum ({message})"


def _value(digits: str) -> int:
    return int(digits.replace(",", ""))

"""How long an upstream asks to wait: headers first, then its words (E108)."""

import re
from typing import Final

from trunkline.core.http import Headers

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_WORDS: Final = re.compile(
    r"(?:try again|retry|wait)(?: again)?(?: in| after)?:? (?:about |approximately )?"
    r"(\d+(?:\.\d+)?) ?(ms|milliseconds?|s\b|sec\b|seconds?|m\b|min\b|minutes?)",
    re.IGNORECASE,
)
_COMPOUND: Final = re.compile(
    r"(?:try again|retry)(?: in| after) ((?:\d+h)?(?:\d+m)?\d+(?:\.\d+)?s)\b", re.IGNORECASE
)


def duration(text: str) -> float | None:
    """Seconds in ``6ms``, ``1m2s`` or a bare number; None when it is none of them."""
    text = text.strip()
    try:
        return float(text)
    except ValueError:
        found = _DURATION.findall(text)
    return sum(float(number) * _SECONDS[unit] for number, unit in found) if found else None


def retry_after_of(headers: Headers, message: str) -> float | None:
    """Seconds to wait, None when nobody said. A date in ``retry-after`` is left to whoever has a clock."""
    named = dict(headers)
    if (milliseconds := named.get("retry-after-ms")) is not None:
        value = duration(milliseconds)
        if value:
            return value / 1000
    for name in ("retry-after", "x-ratelimit-reset-after"):
        if name in named and (value := duration_or_none(named[name])) is not None:
            return value
    if (compound := _COMPOUND.search(message)) is not None:
        return duration(compound[1])
    if (words := _WORDS.search(message)) is not None:
        unit = words[2].lower()
        scale = 0.001 if unit.startswith(("ms", "mil")) else 60.0 if unit.startswith("m") else 1.0
        return float(words[1]) * scale
    waits = [
        value
        for kind in ("requests", "tokens")
        if named.get(f"x-ratelimit-remaining-{kind}") in ("0", "0.0")
        and (value := duration(named.get(f"x-ratelimit-reset-{kind}", ""))) is not None
    ]
    return max(waits, default=None)


def duration_or_none(text: str) -> float | None:
    """A duration, but not the digits of a date."""
    return None if "," in text or ":" in text else duration(text)

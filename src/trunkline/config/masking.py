"""What a configuration file says, without its secrets; and a changed version of that with the secrets back in.

A value is secret by the name of its key or by its looks. References to the environment are none.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, cast

MASK: Final = "****"
SECRET_KEY: Final = re.compile(
    r"(?i)(?:.*(?:api_?key|access_?key|private_?key|secret|passw|credential|bearer|cookie).*|.*token"
    r"|key|keys|pat|pass|authorization)"
)
"""Names of keys whose text is a secret."""
LOOKS_SECRET: Final = re.compile(
    r"\b(?:sk|pk|rk|gsk|hf|nvapi|xai|glpat|pplx|gh[pousr]|github_pat|xox[a-z]|dapi|dose|AIza|AKIA|ASIA|ya29)[-_.]?[\w-]{16,}"
    r"|\beyJ[\w-]{8,}|-----BEGIN "
)
"""Texts that are keys wherever they stand."""
REFERENCE: Final = re.compile(r"\$(?:\{[^}]+\}|[A-Z_][A-Z0-9_]*)")
_USER: Final = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_PARAMETER: Final = re.compile(r"(?<=[?&])([\w-]+)=([^&#\s]+)")
_NAMES: Final = ("name", "path", "id")
"""What tells the tables of one list apart, in this order."""
_ALL_BELOW: Final = frozenset({"headers", "extraheaders", "uservalues", "env"})
"""Below these keys every text is hidden: who knows what users put there."""
OPEN: Final = frozenset(
    {
        "PORT", "HOST", "LOG", "LOG_LEVEL", "log", "API_TIMEOUT_MS", "NON_INTERACTIVE_MODE", "CLAUDE_PATH", "PROXY_URL", "HTTPS_PROXY",
        "https_proxy", "httpsProxy", "CUSTOM_ROUTER_PATH", "REWRITE_SYSTEM_PROMPT", "forceUseImageAgent", "ANTHROPIC_SMALL_FAST_MODEL",
        "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION", "GOOGLE_APPLICATION_CREDENTIALS", "OPENAI_BASE_URL", "OPENAI_MODEL",
        "fallback", "any_name", "name", "version", "description", "author", "homepage", "repository", "license", "ccrVersion", "source",
        "sourceType", "checksum", "noServer",
    }
)  # fmt: skip
"""Texts at the top of a file that are shown. Any other may be a variable that a plugin reads (ccr.md 1.3)."""

Table = dict[str, object]
Place = tuple[str, ...]


class Hidden(Exception):
    """A masked value stands where nothing is known; ``places`` are where."""

    def __init__(self, places: Sequence[str]) -> None:
        super().__init__(", ".join(places))
        self.places = places


def masked_text(text: str, place: Place) -> str:
    """``text`` as it may be shown at ``place``."""
    if not text or REFERENCE.fullmatch(text.strip()):
        return text
    names = [part.lower() for part in place if not part.isdecimal()]
    if _ALL_BELOW.intersection(names[:-1]) or (len(place) == 1 and place[0] not in OPEN):
        return MASK
    if any(SECRET_KEY.fullmatch(name) for name in names[-1:]) or LOOKS_SECRET.search(text):
        return MASK
    shown = _USER.sub(MASK, text)
    return _PARAMETER.sub(_masked_parameter, shown) if "?" in shown else shown


def _masked_parameter(match: re.Match[str]) -> str:
    is_open = not SECRET_KEY.fullmatch(match[1]) and match[1].lower() not in ("sig", "signature", "code")
    return match[0] if is_open or REFERENCE.fullmatch(match[2]) else f"{match[1]}={MASK}"


def without_secrets(value: object, place: Place = ()) -> object:
    """The same with every secret masked."""
    match value:
        case dict():
            table = cast("Table", value)
            return {key: without_secrets(entry, (*place, key)) for key, entry in table.items()}
        case list():
            items = cast("list[object]", value)
            return [without_secrets(item, (*place, str(index))) for index, item in enumerate(items)]
        case str():
            return masked_text(value, place)
        case _:
            return value


def with_secrets(changed: object, known: object) -> object:
    """``changed`` with each masked text replaced by what ``known`` has in its place.

    Tables of a list are found by their names, and by their position when they were renamed. Raises Hidden for
    what cannot be found.
    """
    lost: list[str] = []
    result = _restored(changed, known, (), lost)
    if lost:
        raise Hidden(lost)
    return result


def _restored(changed: object, known: object, place: Place, lost: list[str]) -> object:
    match changed:
        case dict():
            before = cast("Table", known) if isinstance(known, dict) else {}
            table = cast("Table", changed)
            return {
                key: _restored(value, before.get(key), (*place, key), lost) for key, value in table.items()
            }
        case list():
            items = cast("list[object]", changed)
            earlier = _pairs(items, cast("list[object]", known) if isinstance(known, list) else [])
            return [
                _restored(item, before, (*place, str(index)), lost)
                for index, (item, before) in enumerate(zip(items, earlier, strict=True))
            ]
        case str() if MASK in changed and changed != known:
            if isinstance(known, str) and masked_text(known, place) == changed:
                return known
            lost.append(".".join(place))
            return changed
        case _:
            return changed


def _pairs(items: list[object], known: list[object]) -> Iterator[object]:
    """For each item the one that it was before, None where that cannot be told."""
    named: dict[str, list[object]] = {}
    for item in known:
        if (name := _name(item)) is not None:
            named.setdefault(name, []).append(item)
    kept = {_name(item) for item in items}
    for index, item in enumerate(items):
        name = _name(item)
        same_place = known[index] if index < len(known) else None
        if name is not None and named.get(name):
            yield named[name].pop(0)
        elif name is None:
            yield same_place if len(items) == len(known) else None
        else:  # a new name is an old table's, when that one's is gone
            before = _name(same_place)
            yield None if before is None or before in kept else same_place


def _name(item: object) -> str | None:
    if not isinstance(item, dict):
        return None
    table = cast("Table", item)
    return next((name for key in _NAMES if isinstance(name := table.get(key), str)), None)

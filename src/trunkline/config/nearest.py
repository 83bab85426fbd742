"""The nearest of some names to one that was mistyped, for messages."""

from collections.abc import Iterable


def nearest(name: str, names: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """Up to ``limit`` of ``names`` that look like ``name``, best first; case does not matter."""
    from difflib import get_close_matches  # needed in error messages only: 8 ms of start-up

    by_folded = {known.casefold(): known for known in names}
    if name.casefold() in by_folded:
        return (by_folded[name.casefold()],)
    found = get_close_matches(name.casefold(), by_folded, n=limit, cutoff=0.5)
    return tuple(by_folded[folded] for folded in found)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """`` Did you mean "x"?`` with the nearest name, else the valid ones if there are few, else nothing."""
    known = sorted(names)
    found = nearest(name, known, 1)
    if found:
        return f' Did you mean "{found[0]}"?'
    if known and len(known) <= 20:
        return f" Valid: {', '.join(known)}."
    return ""

"""Two routers held together on one row."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from beside.meaning import Flat, said_to_client, said_to_provider
from beside.seen import Seen, Sent

ABSENT = "absent"
_TOOL = re.compile(r"^tool \S+ ")
_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True)
class Apart:
    """Where the two are not the same. ``place`` is without indexes; a value may be ABSENT."""

    end: str
    """``sent`` or ``given``."""
    place: str
    theirs: object
    ours: object


def apart(theirs: Seen, ours: Seen) -> list[Apart]:
    """All places where what was sent or given differs in meaning; of what follows from one of them, that one alone."""
    if theirs.given.status != ours.given.status:
        return [Apart("given", "status", theirs.given.status, ours.given.status)]
    if len(theirs.sent) != len(ours.sent):
        return [Apart("sent", "requests", len(theirs.sent), len(ours.sent))]
    found: list[Apart] = []
    for one, other in zip(theirs.sent, ours.sent, strict=True):
        found += _of_requests(one, other)
    return [*found, *_differences("given", said_to_client(theirs.given), said_to_client(ours.given))]


def _place(path: str) -> str:
    return _TOOL.sub("tool ", _INDEX.sub("[]", path))


def _of_requests(theirs: Sent, ours: Sent) -> Iterator[Apart]:
    if theirs.url != ours.url:
        yield Apart("sent", "url", theirs.url, ours.url)
    elif ("anthropic-version" in theirs.headers) != ("anthropic-version" in ours.headers):
        yield Apart(
            "sent",
            "protocol",
            *("messages" if "anthropic-version" in one.headers else "chat" for one in (theirs, ours)),
        )
    elif _model(theirs).strip() != _model(ours).strip():
        yield Apart("sent", "model", _model(theirs), _model(ours))
    else:
        yield from _differences("sent", *_of_shared_tools(said_to_provider(theirs), said_to_provider(ours)))


def _model(sent: Sent) -> str:
    """Which model a body names, blanks and all."""
    return str(sent.body.get("model")) if isinstance(sent.body, dict) else ""


def _of_shared_tools(theirs: Flat, ours: Flat) -> tuple[Flat, Flat]:
    """Without what is said of tools that only one of them declares: ``tools`` says that."""
    names = [set(str(one.get("tools", "")).split(" ")) for one in (theirs, ours)]
    alone = tuple(f"tool {name} " for name in names[0] ^ names[1])
    return _without(theirs, alone), _without(ours, alone)


def _without(flat: Flat, beginnings: tuple[str, ...]) -> Flat:
    return {path: leaf for path, leaf in flat.items() if not path.startswith(beginnings)}


def _differences(end: str, theirs: Flat, ours: Flat) -> Iterator[Apart]:
    for path in [*theirs, *(path for path in ours if path not in theirs)]:
        one, other = theirs.get(path, ABSENT), ours.get(path, ABSENT)
        if one != other:
            yield Apart(end, _place(path), one, other)

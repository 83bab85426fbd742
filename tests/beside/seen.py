"""What was seen of a router on one row, at both of its ends; as it is kept in the recording."""

import hashlib
import json
from dataclasses import asdict, dataclass, field

from standin.wire import Received

HEADERS = (
    "authorization",
    "x-api-key",
    "x-goog-api-key",
    "content-type",
    "anthropic-version",
    "anthropic-beta",
)
"""Those that matter to a provider."""
LONG = 160
"""Paragraphs longer than this are kept by their beginning and a digest."""


@dataclass(frozen=True)
class Sent:
    """A request that reached a provider."""

    url: str
    headers: dict[str, str]
    body: object


@dataclass(frozen=True)
class Given:
    """What the client got."""

    status: int
    body: str


@dataclass(frozen=True)
class Seen:
    """Both ends."""

    sent: list[Sent]
    given: Given
    why: dict[str, str] = field(default_factory=dict)
    """What Trunkline says of it in the head of the answer: not compared."""


def sent_of(request: Received) -> Sent:
    """A request as it is compared."""
    known = {name.lower(): value for name, value in request.headers}
    headers = {name: known[name] for name in HEADERS if name in known}
    return Sent(request.host + request.target, headers, digested(json.loads(request.body)))


def digested(value: object) -> object:
    """The same with long paragraphs shortened, each to the same where it was the same."""
    if isinstance(value, dict):
        return {name: digested(part) for name, part in value.items()}
    if isinstance(value, list):
        return [digested(part) for part in value]
    if isinstance(value, str) and len(value) > LONG:
        return "\n\n".join(map(_short, value.split("\n\n")))
    return value


def _short(text: str) -> str:
    if len(text) <= LONG:
        return text
    return f"{text[:40]}… {len(text)} {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def encode_seen(row: str, seen: Seen) -> str:
    """One line of the recording."""
    kept = {"row": row, **asdict(seen)}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def decode_seen(line: str) -> tuple[str, Seen]:
    """The row's id and what was seen of it."""
    kept = json.loads(line)
    return kept["row"], Seen([Sent(**sent) for sent in kept["sent"]], Given(**kept["given"]), kept["why"])

"""What an answer means, whoever says it, and the wire on which the vendors' SDKs read it."""

import json
from dataclasses import dataclass, field, fields

import httpx2

Call = tuple[str, str]


@dataclass
class Meaning:
    """An answer without its spelling. ``usage`` is (prompt, cache read, output); None: not said.

    ``pictures`` counts generated images, or the sentence that stands for one where no block can.
    """

    text: str = ""
    thinking: str = ""
    calls: list[Call] = field(default_factory=list)
    stop: str = ""
    usage: tuple[int, int, int] | None = None
    failed: str = ""
    pictures: int = 0

    def differences(self, other: "Meaning") -> list[str]:
        """Names of what differs; usage only where both say it, nothing else where either failed."""
        if self.failed or other.failed:
            return (
                []
                if bool(self.failed) == bool(other.failed)
                else [f"failed: {self.failed!r} / {other.failed!r}"]
            )
        found = []
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            if mine != theirs and not (one.name == "usage" and None in (mine, theirs)):
                found.append(f"{one.name}: {_brief(mine)} / {_brief(theirs)}")
        return found


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) < 160 else f"{text[:100]} … {text[-50:]}"


def arguments(raw: str) -> str:
    """Arguments without their spelling: canonical JSON, ``{}`` for nothing, the raw text if they do not parse."""
    if not raw.strip() or raw.strip() == "null":
        return "{}"
    try:
        return json.dumps(json.loads(raw), sort_keys=True)
    except ValueError:
        return raw


class Wire:
    """A transport that answers every request with the bytes put on it."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 200
        self.headers: dict[str, str] = {}

    def client(self) -> httpx2.Client:
        return httpx2.Client(transport=httpx2.MockTransport(self._answer))

    def put(
        self, body: bytes, media_type: str, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        self.body, self.status = body, status
        self.headers = {"content-type": media_type, **(headers or {})}

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(self.status, headers=self.headers, content=self.body, request=request)


def complete(raw: str) -> bool:
    """True when arguments are a whole JSON value."""
    try:
        json.loads(raw)
    except ValueError:
        return False
    return True

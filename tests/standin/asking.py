"""Asks a service directly, for tests of its rules."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from standin.service import Service
from standin.wire import Received


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back. ``refusal``: the rule's text."""

    status: int
    body: bytes
    refusal: str | None

    @property
    def json(self) -> dict[str, object]:
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value

    @property
    def events(self) -> list[dict[str, object]]:
        """The JSON of all ``data:`` lines."""
        lines = [line for line in self.body.splitlines() if line.startswith(b"data: {")]
        return [json.loads(line[6:]) for line in lines]


def ask(
    service: Service,
    path: str,
    body: object,
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
) -> Heard:
    """One request with the right key unless ``headers`` say otherwise."""
    key = service.token
    sent = {"authorization": f"Bearer {key}", "x-goog-api-key": key, "x-api-key": key}
    sent = sent if headers is None else dict(headers)
    received = Received(method, path, tuple(sent.items()), json.dumps(body).encode(), 1, 0.0)
    reply = service.answer(received)
    return Heard(reply.status, reply.body, received.refusal)

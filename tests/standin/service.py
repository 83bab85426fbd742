"""What every stand-in is behind its socket: requests in, replies out, and a memory of both.

A service needs no socket: :class:`standin.upstream.InProcess` asks one directly.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from standin import failures
from standin.asked import Asked
from standin.ledger import Ledger
from standin.refusal import Refused
from standin.replay import replay
from standin.script import Player, ScriptEnded, Tape, Turn
from standin.wire import Delivery, Received, Reply, deliver

Json = Mapping[str, object]


class Service(Protocol):
    """Anything that answers as a provider does."""

    player: Player
    ledger: Ledger
    asked: list[Asked]
    surprises: list[str]

    @property
    def token(self) -> str: ...

    def answer(self, received: Received) -> Reply: ...


@dataclass
class Vendor:
    """A provider with one kind of surface and its own words. Subclasses route and check."""

    player: Player
    ledger: Ledger = field(default_factory=Ledger)
    asked: list[Asked] = field(default_factory=list)
    """The questions that reached the model, in order."""
    surprises: list[str] = field(default_factory=list)
    """What the script was not prepared for."""

    def answer(self, received: Received) -> Reply:
        """The reply to one request."""
        try:
            return self.route(received)
        except Refused as refused:
            received.refusal = refused.text
            return refused.reply
        except ScriptEnded as ended:
            self.surprises.append(f"{received.method} {received.target}: {ended}")
            return self.broken(f"The script has no answer: {ended}")

    def route(self, received: Received) -> Reply:
        """Answers one request. Raises Refused."""
        raise NotImplementedError

    def broken(self, text: str) -> Reply:
        """A status of 500 in the vendor's shape."""
        raise NotImplementedError

    def scripted(self, asked: Asked) -> Turn | Reply:
        """What the script says next: a turn to render, or a whole reply."""
        self.asked.append(asked)
        step = self.player.next(asked)
        return replay(step) if isinstance(step, Tape) else step


def whole(body: object, delivery: Delivery) -> Reply:
    """A JSON answer. Of a delivery its slices and its end apply: a cut leaves half of the bytes."""
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    headers = (("content-type", "application/json"),)
    if delivery.end == "complete":
        return Reply(headers=headers, steps=(data,), before=delivery.before)
    shaped = deliver([data], Delivery(chunk=max(1, len(data) // 2), after=None), headers)
    return Reply(headers=headers, steps=shaped.steps[:1], framing="chunked", end=delivery.end)


def refuse_vendor(status: int, body: object, text: str) -> Refused:
    """A refusal in a vendor's own shape."""
    return Refused(failures.as_json(status, body), text)

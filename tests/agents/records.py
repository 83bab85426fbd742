"""The gateway's own record of what it did, read from its log."""

import json
import re
import time
from dataclasses import dataclass

from agents.gateway import Gateway

_FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the log: one exchange."""

    fields: dict[str, str]

    @property
    def ok(self) -> bool:
        return self.fields["outcome"] == "ok" and self.fields["status"] == "200"

    @property
    def protocol(self) -> str:
        return self.fields["protocol"]

    @property
    def attempts(self) -> int:
        return int(self.fields["attempts"])

    @property
    def losses(self) -> set[str]:
        return set(filter(None, self.fields.get("losses", "").split(",")))


def records(gateway: Gateway, at_least: int = 0) -> list[Record]:
    """All exchanges so far. Lines are gathered before they are written: waits for ``at_least`` of them, not
    counting the preparations of a socket."""
    limit = time.monotonic() + 10
    while True:
        lines = [line for line in list(gateway.lines) if line.startswith("id=")]
        if sum(" operation=prepare " not in line for line in lines) >= at_least or time.monotonic() > limit:
            return [Record({key: _value(text) for key, text in _FIELD.findall(line)}) for line in lines]
        time.sleep(0.02)


def _value(text: str) -> str:
    return str(json.loads(text)) if text.startswith('"') else text

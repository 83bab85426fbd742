"""What the workspace gave out and wants back unchanged: signatures, and which calls they belong to."""

import base64
import hashlib
from dataclasses import dataclass, field
from itertools import count


@dataclass(slots=True)
class Ledger:
    """Issues ids and signatures, the same in every run, and remembers them."""

    salt: str = ""
    """Tells what one service gives out from what another does."""
    _counter: "count[int]" = field(default_factory=count)
    _signed: dict[str, tuple[str, str]] = field(default_factory=dict)
    _calls: dict[str, frozenset[str]] = field(default_factory=dict)
    _next: dict[str, str] = field(default_factory=dict)
    _led: dict[str, str] = field(default_factory=dict)
    _thoughts: dict[str, str] = field(default_factory=dict)

    def token(self, prefix: str, length: int = 24) -> str:
        """A fresh id that looks random."""
        digest = hashlib.sha256(f"{self.salt}{prefix}{next(self._counter)}".encode()).digest()
        text = base64.b64encode(digest).decode().replace("+", "x").replace("/", "y").replace("=", "z")
        return prefix + "01" + text[: length - 2]

    def sign(self, model: str, text: str, opening: str = "ErcBCkgI") -> str:
        """A signature for thinking of a model, over the text the client was shown: base64 in every part."""
        digest = hashlib.sha512(f"{self.salt}{model}\0{text}\0{next(self._counter)}".encode()).digest()
        signature = opening + base64.b64encode(digest * 2).decode()
        self._signed[signature] = (model, text)
        return signature

    def bind(self, call_id: str, signatures: frozenset[str]) -> None:
        """Remembers that a call came after signed thinking."""
        self._calls[call_id] = signatures

    def precede(self, signature: str, item: str) -> None:
        """Remembers what came right after sealed reasoning, by any name that tells it from all else."""
        self._next[signature] = item

    def lead(self, item_id: str, reasoning_id: str) -> None:
        """Remembers which reasoning item an item came after."""
        self._led[item_id] = reasoning_id

    def led_by(self, item_id: str) -> str | None:
        """The reasoning item an item came after."""
        return self._led.get(item_id)

    def after(self, signature: str) -> str | None:
        """What came right after sealed reasoning; None: nothing, or not ours."""
        return self._next.get(signature)

    def maker(self, signature: str) -> tuple[str, str] | None:
        """(model, text) of a signature; None: not ours."""
        return self._signed.get(signature)

    def bound(self, call_id: str) -> frozenset[str]:
        """The signatures that must come back with a call; empty: none, or not our call."""
        return self._calls.get(call_id, frozenset())

    @property
    def signatures(self) -> tuple[str, ...]:
        """All that were issued, in order."""
        return tuple(self._signed)

    def think(self, call_id: str) -> str:
        """Gemini's signature of one call."""
        signature = base64.b64encode(hashlib.sha256(call_id.encode()).digest()).decode()
        self._thoughts[call_id] = signature
        return signature

    def thought(self, call_id: str) -> str | None:
        return self._thoughts.get(call_id)

"""What the workspace gave out and wants back unchanged: signatures, and which calls they belong to."""

import base64
import hashlib
from dataclasses import dataclass, field
from itertools import count


@dataclass(slots=True)
class Ledger:
    """Issues ids and signatures, the same in every run, and remembers them."""

    _counter: "count[int]" = field(default_factory=count)
    _signed: dict[str, tuple[str, str]] = field(default_factory=dict)
    _calls: dict[str, frozenset[str]] = field(default_factory=dict)
    _thoughts: dict[str, str] = field(default_factory=dict)

    def token(self, prefix: str, length: int = 24) -> str:
        """A fresh id that looks random."""
        digest = hashlib.sha256(f"{prefix}{next(self._counter)}".encode()).digest()
        text = base64.b64encode(digest).decode().replace("+", "x").replace("/", "y").replace("=", "z")
        return prefix + "01" + text[: length - 2]

    def sign(self, model: str, text: str) -> str:
        """A signature for thinking of a model, over the text the client was shown."""
        digest = hashlib.sha512(f"{model}\0{text}\0{next(self._counter)}".encode()).digest()
        signature = "ErcBCkgI" + base64.b64encode(digest * 2).decode()
        self._signed[signature] = (model, text)
        return signature

    def bind(self, call_id: str, signatures: frozenset[str]) -> None:
        """Remembers that a call came after signed thinking."""
        self._calls[call_id] = signatures

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

"""A turn made concrete: ids, signatures and token counts filled in, before any surface renders it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from standin.asked import Asked
from standin.ledger import Ledger
from standin.models import Model
from standin.script import Call, Text, Think, Turn

PIECE = 16
"""Characters per delta."""

OPENING = {"gpt": "gAAAAABq", "gemini": "EpEgCo4g"}
"""How each family's signatures begin; Claude's is the ledger's own."""


@dataclass(frozen=True, slots=True)
class SaidText:
    text: str


@dataclass(frozen=True, slots=True)
class SaidThinking:
    """``text`` as the client is shown it; None: redacted."""

    text: str | None
    signature: str


@dataclass(frozen=True, slots=True)
class SaidCall:
    id: str
    name: str
    arguments: str
    thought: str | None = None
    """Gemini's signature, on the first call."""


Said = SaidText | SaidThinking | SaidCall


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything a surface needs to say a turn."""

    id: str
    model: Model
    asked_model: str
    parts: tuple[Said, ...]
    stop: str
    input: int
    output: int
    cache_read: int
    cache_write: int
    cache_inside: bool = True
    """Where a surface may count the cached part either way: inside the prompt."""


def answer(turn: Turn, asked: Asked, model: Model, ledger: Ledger, prefix: str) -> Answer:
    """Fills in what the script left open. ``prefix``: of message and call ids, as in ``msg_bdrk_``."""
    said: list[Said] = []
    signatures: list[str] = []
    for part in turn.parts:
        match part:
            case Text(text):
                said.append(SaidText(text))
            case Think(text, redacted):
                shown = text if asked.thinking_shown and not redacted else ""
                opening = OPENING.get(model.family, "ErcBCkgI")
                signature = ledger.sign(model.name, shown, opening)
                signatures.append(signature)
                said.append(SaidThinking(None if redacted else shown, signature))
            case Call():
                said.append(_call(part, model, ledger, prefix, frozenset(signatures)))
    tokens = turn.tokens
    length = sum(len(repr(part)) for part in turn.parts)
    given = len(json.dumps(asked.body)) // 4 if tokens.input is None else tokens.input
    return Answer(
        ledger.token(f"msg_{prefix}") if model.family == "claude" else ledger.token("chatcmpl_"),
        model,
        asked.model,
        tuple(said),
        turn.stop_reason,
        given,
        length // 4 + 1 if tokens.output is None else tokens.output,
        tokens.cache_read,
        tokens.cache_write,
    )


def _call(part: Call, model: Model, ledger: Ledger, prefix: str, signatures: frozenset[str]) -> SaidCall:
    name = ledger.token(f"toolu_{prefix}" if model.family == "claude" else "call_")
    call_id = part.id or name
    raw = part.raw if part.raw is not None else json.dumps(part.arguments, ensure_ascii=False)
    if signatures:
        ledger.bind(call_id, signatures)
    thought = ledger.think(call_id) if model.family == "gemini" else None
    return SaidCall(call_id, part.name, raw, thought)


def pieces(text: str) -> Iterator[str]:
    """Text as deltas bring it."""
    yield from (text[at : at + PIECE] for at in range(0, len(text), PIECE))

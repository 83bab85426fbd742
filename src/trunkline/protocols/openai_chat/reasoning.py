"""The spellings of reasoning on Chat: content lists, ``reasoning_details``, plain fields (E5, E15, E16).

``reasoning_content`` and ``reasoning`` hold text only. OpenRouter's ``reasoning_details`` and
Databricks' ``summary`` lists hold signatures and encrypted blocks too.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Raw, Struct

from trunkline.core.proofs import unseal
from trunkline.core.surrogates import decode_lenient
from trunkline.core.types import Thinking
from trunkline.protocols.openai_chat.wire import DETAIL, ENCODER, WireDetail, WirePart


class Piece(Struct, frozen=True):
    """A bit of reasoning as it stands on the wire: text, signature and/or an encrypted block."""

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    index: int | None = None


def piece_of(detail: WireDetail, raw: Raw | None = None) -> Piece:
    """One entry. An encrypted one of a named ``format`` is kept whole, so that its maker can read it."""
    redacted = detail.data or None
    if redacted is not None and raw is not None and detail.format not in (None, "anthropic-claude-v1"):
        redacted = bytes(raw).decode()
    return Piece(
        text=detail.text or detail.summary or "",
        signature=detail.signature or None,
        redacted=redacted,
        index=detail.index,
    )


def pieces_of_details(details: Iterable[Raw]) -> list[Piece]:
    """The entries of ``reasoning_details``; what is no such entry is skipped."""
    pieces: list[Piece] = []
    for raw in details:
        try:
            pieces.append(piece_of(decode_lenient(DETAIL, bytes(raw)), raw))
        except msgspec.ValidationError:
            continue
    return pieces


def pieces_of_part(part: WirePart) -> list[Piece]:
    """What a ``reasoning`` or ``thinking`` element of a content list holds."""
    if isinstance(part.thinking, str):
        return [Piece(part.thinking)]
    return [piece_of(detail) for detail in part.thinking or part.summary or ()]


def thinking_parts(pieces: Iterable[Piece], origin: str | None, *, sealed: bool = False) -> list[Thinking]:
    """Whole thinking parts out of pieces: text grows until its signature came; a new index starts anew.

    ``sealed``: signatures may be ours, from a client; they name their own origin.
    """
    parts: list[Thinking] = []
    last: Piece | None = None
    for piece in pieces:
        if piece.redacted is not None:
            proof = unseal(piece.redacted) if sealed else None
            maker = origin if proof is None else proof.origin
            parts.append(
                Thinking(redacted=piece.redacted if proof is None else proof.signature, origin=maker)
            )
            last = None
        elif piece.text or piece.signature:
            if last is not None and not starts_new(last, piece):
                last = Piece(
                    last.text + piece.text, joined(last.signature, piece.signature), None, last.index
                )
                parts[-1] = _thinking(last, origin, sealed=sealed)
            else:
                last = piece
                parts.append(_thinking(piece, origin, sealed=sealed))
    return parts


def starts_new(last: Piece, piece: Piece) -> bool:
    """Whether ``piece`` belongs to another block than ``last``: its index differs, or ``last`` was signed."""
    if last.index is not None and piece.index is not None and last.index != piece.index:
        return True
    return bool(last.signature and piece.text)


def joined(old: str | None, new: str | None) -> str | None:
    """Signature pieces concatenate (E6)."""
    return new if old is None else old if new is None else old + new


def _thinking(piece: Piece, origin: str | None, *, sealed: bool) -> Thinking:
    if not sealed or piece.signature is None:
        return Thinking(text=piece.text, signature=piece.signature, origin=origin)
    proof = unseal(piece.signature)
    return Thinking(text=piece.text, signature=proof.signature, origin=proof.origin)


class DetailOut(Struct, omit_defaults=True):
    """An entry of ``reasoning_details`` as we write it."""

    type: str
    text: str | None = None
    signature: str | None = None
    data: str | None = None
    index: int | None = None


class SummaryOut(Struct, omit_defaults=True):
    """An element of Databricks' ``summary``."""

    type: str
    text: str | None = None
    signature: str | None = None
    data: str | None = None


class ReasoningPartOut(Struct):
    """Databricks' ``reasoning`` element of a content list."""

    type: str
    summary: list[SummaryOut]


def encode_details(parts: Iterable[Thinking]) -> list[DetailOut | Raw]:
    """``reasoning_details`` with bare signatures, for the maker itself."""
    details: list[DetailOut | Raw] = []
    for index, part in enumerate(parts):
        if part.redacted is None:
            details.append(DetailOut("reasoning.text", part.text, part.signature, None, index))
        elif part.redacted.startswith("{"):
            details.append(Raw(part.redacted.encode()))
        else:
            details.append(DetailOut("reasoning.encrypted", None, None, part.redacted, index))
    return details


def encode_content_item(part: Thinking) -> ReasoningPartOut:
    """Databricks' spelling of one thinking part."""
    if part.redacted is not None:
        return ReasoningPartOut(
            "reasoning", [SummaryOut("summary_encrypted_text", None, None, part.redacted)]
        )
    return ReasoningPartOut("reasoning", [SummaryOut("summary_text", part.text, part.signature)])


def encode_raw(value: object) -> bytes:
    """JSON bytes of anything this room writes."""
    return ENCODER.encode(value)

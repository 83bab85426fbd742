"""Parts that only this protocol has: kept as they came, with words for those who cannot take them."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.types import Opaque
from trunkline.protocols.gemini.wire import PROTOCOL, encode, one_line

SIGNED_TEXT: Final = "thoughtSignature"
"""Kind of a signature that belongs to the text or file before it."""
SIGNED_NOTHING: Final = "text"
"""Kind of a signature that came on an empty text (E100)."""
GROUNDING: Final = "groundingMetadata"
_BESIDE: Final = ("thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata")


class _Code(Struct):
    language: str = ""
    code: str = ""


class _Outcome(Struct):
    outcome: str = ""
    output: str = ""


_code: Final = msgspec.json.Decoder(_Code)
_outcome: Final = msgspec.json.Decoder(_Outcome)


def opaque(raw: Raw, fields: Mapping[str, Raw], *, worded: bool = True) -> Opaque:
    """A part as it came; its kind is the first field that is more than a remark.

    ``worded``: history tells other models in words what was done; in an answer they would spoil its text.
    """
    kind = next((name for name in fields if name not in _BESIDE), "part")
    words = _words(kind, fields.get(kind)) if worded else None
    return Opaque(PROTOCOL, kind, Raw(one_line(raw)), words)


def signature_part(signature: str, *, attached: bool) -> Opaque:
    """A signature with nothing to show: of the part before it, or of an empty text of its own."""
    if attached:
        return Opaque(PROTOCOL, SIGNED_TEXT, Raw(encode({"thoughtSignature": signature})))
    return Opaque(PROTOCOL, SIGNED_NOTHING, Raw(encode({"text": "", "thoughtSignature": signature})))


def _words(kind: str, raw: Raw | None) -> str | None:
    if raw is None:
        return None
    try:
        match kind:
            case "executableCode":
                told = _code.decode(raw)
                return f"```{told.language.lower()}\n{told.code.rstrip()}\n```"
            case "codeExecutionResult":
                ran = _outcome.decode(raw)
                return f"[code ran: {ran.outcome.removeprefix('OUTCOME_').lower()}]\n{ran.output.rstrip()}"
            case _:
                return None
    except msgspec.DecodeError:
        return None

"""Thought signatures on the wire: always base64, sealed ones too (the vendor's SDKs refuse anything else).

Python's SDK sends back the URL-safe alphabet for what came in the standard one, so both are one signature.
"""

import base64
from typing import Final

from trunkline.core.proofs import PREFIX, Proof, seal, unseal

SKIP: Final = "skip_thought_signature_validator"
"""Stands, by the vendor's own documentation, for the signature of a call that another model made."""
SKIPS: Final = frozenset(
    {SKIP, base64.b64encode(SKIP.encode()).decode(), "context_engineering_is_the_way_to_go"}
)
_SEALED: Final = base64.b64encode(PREFIX.encode()).decode()[:14]
_STANDARD: Final = str.maketrans("-_", "+/")
_REDACTED: Final = "."
"""Opens the seal's content for reasoning that is encrypted as a whole; no signature starts so."""


def bare(text: str) -> str:
    """A signature as its maker wrote it, or our seal in plain text."""
    if text in SKIPS:
        return SKIP
    standard = text.translate(_STANDARD)
    if not standard.startswith(_SEALED):
        return standard
    try:
        return base64.b64decode(standard).decode()
    except ValueError:  # no base64, or no UTF-8
        return standard


def read(text: str) -> Proof:
    """What a client sent back, unsealed."""
    return unseal(bare(text))


def sealed(signature: str | None, origin: str | None) -> str:
    """The form for a client: sealed where the maker is known or there is no proof at all (E7)."""
    if signature is not None and (origin is None or signature == SKIP):
        return wire(signature)
    return wire(seal(signature, origin or ""))


def wire(signature: str) -> str:
    """The form for an upstream: as it is, a seal of another gateway in base64."""
    return base64.b64encode(signature.encode()).decode() if signature.startswith(PREFIX) else signature


def sealed_redacted(data: str, origin: str | None) -> str:
    """Encrypted reasoning of another protocol, in the place of a signature."""
    return wire(seal(_REDACTED + data, origin or ""))


def redacted(signature: str | None) -> str | None:
    """The encrypted reasoning in an unsealed signature; None when it is a signature."""
    if signature is None or not signature.startswith(_REDACTED):
        return None
    return signature[len(_REDACTED) :]

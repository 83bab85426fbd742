"""Tokens without a tokenizer: a quick guess of the input that errs upward (protocols.md E112), a floor for output.

The rule, over the bytes of the request: one token per three ASCII bytes (code and JSON run at 3.2 to
4), one per two other bytes (Chinese and Japanese characters are three bytes and one to one and a half
tokens). Base64 payloads are not text: an image costs a flat number, a PDF by its size. Made for speed:
20 µs for 200 kB of ASCII, 100 µs for as much of anything else.
"""

from typing import Final

import msgspec

IMAGE_TOKENS: Final = 1600
"""What vendors charge at most for a picture at the usual resolution."""
PDF_BYTES_PER_TOKEN: Final = 20
PAYLOAD_MIN: Final = 4096
"""Base64 characters; a shorter payload is counted as text, which is no more than a picture."""
STRIDE: Final = 2048
WINDOW: Final = 64
"""A payload is looked for where one of these windows, a stride apart, is nothing but base64."""

LETTERS_PER_TOKEN: Final = 4
_TEXTS: Final = frozenset(
    {"text", "content", "delta", "thinking", "partial_json", "arguments", "reasoning_content", "reasoning"}
)
_MARKS: Final = (b'"data"', b";base64,")
_PDF: Final = b"JVBERi0"  # "%PDF-" in base64
_BASE64: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_")


def estimate_tokens(body: bytes) -> int:
    """Input tokens of a request body in any protocol: at least 1, meant to be 5 to 30 % too many."""
    payload_bytes, payload_tokens = _payloads(body) if _may_hold_payload(body) else (0, 0)
    high = 0 if body.isascii() else (len(body) - len(body.decode(errors="ignore"))) * 3 // 2
    return 1 + max(0, len(body) - high - payload_bytes) // 3 + high // 2 + payload_tokens


def output_tokens(deltas: int, letters: int) -> int:
    """Tokens of text that came in so many pieces: four letters each, and a piece is at least one."""
    return max(deltas, letters // LETTERS_PER_TOKEN)


def streamed_tokens(frames: int, size: int, sample: bytes) -> int:
    """Output tokens of a stream that nobody decoded: ``frames`` with ``size`` bytes of data in all.

    ``sample`` is one frame's data: what it has around its text, every other one is taken to have too.
    """
    around = len(sample) - _letters(sample)
    return output_tokens(frames, max(0, size - frames * around))


def _letters(data: bytes) -> int:
    """Letters of the texts in one event, by the names that protocols give them."""
    try:
        return _count(msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0


def _count(value: object) -> int:
    if isinstance(value, list):
        return sum(map(_count, value))  # pyright: ignore[reportUnknownArgumentType] -- JSON
    if not isinstance(value, dict):
        return 0
    texts = 0
    for key, entry in value.items():  # pyright: ignore[reportUnknownVariableType] -- JSON
        texts += len(entry) if key in _TEXTS and isinstance(entry, str) else _count(entry)  # pyright: ignore[reportUnknownArgumentType] -- JSON
    return texts


def _may_hold_payload(body: bytes) -> bool:
    """False when no payload can be there. Searching for the marks costs ten times as much."""
    for position in range(0, len(body) - WINDOW, STRIDE):
        window = body[position : position + WINDOW]
        if b" " not in window and b'"' not in window and _BASE64.issuperset(window):
            return True
    return False


def _payloads(body: bytes) -> tuple[int, int]:
    """Bytes that are base64 payloads, and the tokens they stand for."""
    size = tokens = 0
    for mark in _MARKS:
        position = body.find(mark)
        while position >= 0:
            start = position + len(mark)
            if mark == b'"data"':
                start = _string_start(body, start)
            end = body.find(b'"', start) if start > 0 else -1
            if end - start >= PAYLOAD_MIN and _BASE64.issuperset(body[start : start + WINDOW]):
                size += end - start
                tokens += _tokens(body, start, end)
                position = body.find(mark, end)
            else:
                position = body.find(mark, position + len(mark))
    return size, tokens


def _string_start(body: bytes, after_key: int) -> int:
    """Where the string value of a key begins, or -1."""
    rest = body[after_key : after_key + 16].lstrip()
    if not rest.startswith(b":"):
        return -1
    quote = body.find(b'"', after_key, after_key + 16)
    return quote + 1 if quote >= 0 else -1


def _tokens(body: bytes, start: int, end: int) -> int:
    if body.startswith(_PDF, start):
        return max(IMAGE_TOKENS, (end - start) * 3 // 4 // PDF_BYTES_PER_TOKEN)
    return IMAGE_TOKENS

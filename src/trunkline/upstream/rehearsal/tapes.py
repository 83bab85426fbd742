"""The recordings, and how one is fitted to a request: new identifiers, another call, other words."""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Final

import msgspec
from msgspec import Struct

_PIECE: Final = 24
_MOST_PIECES: Final = 64
_FRAME: Final = re.compile(rb"(?:[^\n]+\n)+\n*|[^\n]+\Z")
_IDENTIFIER: Final = re.compile(rb'"id": ?"((?:msg_|toolu_|chatcmpl-|gen-|call_)[^"]+)"')
_STRING: Final = rb'"(?:[^"\\]|\\.)+"'


class Speech(Struct, frozen=True):
    """Where a protocol's frames hold a piece of text, a piece of arguments, and a call's name."""

    prefix: str
    text: re.Pattern[bytes]
    arguments: re.Pattern[bytes]
    name: re.Pattern[bytes]


SPEECH: Final[Mapping[str, Speech]] = {
    "anthropic_messages": Speech(
        prefix="messages",
        text=re.compile(rb'(?<="type":"text_delta","text":)' + _STRING),
        arguments=re.compile(rb'(?<="partial_json":)' + _STRING),
        name=re.compile(rb'(?<="name":)' + _STRING),
    ),
    "openai_chat": Speech(
        prefix="chat",
        text=re.compile(rb'(?<="delta":\{"content":)' + _STRING),
        arguments=re.compile(rb'(?<="function":\{"arguments":)' + _STRING),
        name=re.compile(rb'(?<="function":\{"name":)' + _STRING),
    ),
}


class Call(Struct, frozen=True):
    """A call to play in place of the recorded one; ``arguments`` is raw JSON."""

    name: str
    arguments: bytes


@lru_cache(maxsize=32)
def frames(name: str) -> tuple[bytes, ...]:
    """The frames of a packaged tape, blank lines included; joined they are the recording."""
    raw = files("trunkline.upstream.rehearsal").joinpath("tapes", f"{name}.sse").read_bytes()
    return tuple(_FRAME.findall(raw))


def fit(
    tape: tuple[bytes, ...], speech: Speech, *, seed: bytes, text: str | None, call: Call | None
) -> tuple[bytes, ...]:
    """The tape as the answer to one request: identifiers derived from ``seed``, ``text`` and ``call`` dubbed in.

    None leaves what was recorded. Every other byte stays.
    """
    if text is not None:
        tape = _dub(tape, speech.text, text)
    if call is not None:
        tape = _dub(tape, speech.arguments, call.arguments.decode())
        name = msgspec.json.encode(call.name)
        tape = tuple(speech.name.sub(lambda _: name, frame) for frame in tape)
    for old in dict.fromkeys(_IDENTIFIER.findall(b"".join(tape))):
        new = _identifier(old, seed)
        tape = tuple(frame.replace(old, new) for frame in tape)
    return tape


def _dub(tape: tuple[bytes, ...], slot: re.Pattern[bytes], words: str) -> tuple[bytes, ...]:
    """Says ``words`` in pieces where the first slot was, and leaves the other slots out."""
    out: list[bytes] = []
    said = False
    for frame in tape:
        if slot.search(frame) is None:
            out.append(frame)
        elif not said:
            said = True
            out += [_fill(frame, slot, piece) for piece in _pieces(words)]
    return tuple(out)


def _fill(frame: bytes, slot: re.Pattern[bytes], piece: str) -> bytes:
    value = msgspec.json.encode(piece)
    return slot.sub(lambda _: value, frame)


def _pieces(words: str) -> list[str]:
    size = max(_PIECE, -(-len(words) // _MOST_PIECES))
    return [words[at : at + size] for at in range(0, len(words), size)]


def _identifier(old: bytes, seed: bytes) -> bytes:
    """One of the same prefix that is new for each request, and the same when the request is repeated."""
    prefix = re.match(rb"[a-z]+[_-](?:01)?", old)
    opening = prefix[0] if prefix else b""
    digest = hashlib.sha256(seed + b"\0" + old).hexdigest().encode()
    return opening + digest[: max(12, min(24, len(old) - len(opening)))]

"""Broken tool arguments as a JSON object: strict JSON, then JSON5, then whatever can be made of it (ccr.md 3.4)."""

import re
from typing import Final

import msgspec

from trunkline.config.json5_file import decode_json5
from trunkline.config.problems import ConfigurationError
from trunkline.config.tree import plain

MAX_DEPTH: Final = 100
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT: Final = msgspec.json.Decoder(str)
_BLANK: Final = re.compile(r"(?:\s|//[^\n]*|/\*.*?(?:\*/|\Z))+", re.DOTALL)
_BARE: Final = re.compile(r"[^\s,:{}\[\]\"']+")
_NUMBER: Final = re.compile(r"[+-]?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORDS: Final = {"true": True, "false": False, "null": None, "undefined": None, "nan": None}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\n": ""}
_QUOTES: Final = {'"': '"', "'": "'", "\u201c": "\u201d", "`": "`"}
_NAMED: Final = r"[\"'`\u201c]?[\w$.-]+[\"'`\u201d]?\s*:"
_KEY_END: Final = re.compile(r"\s*(?:[:,}]|\Z)")
_ITEM_END: Final = re.compile(r"\s*(?:[,}\]]|\Z)")
_VALUE_END: Final = re.compile(
    rf"\s+[\"'`][\w$.-]+[\"'`]\s*:|\s*(?:[}}\]]|\Z|,\s*(?:[}}\]]|\Z|[\"'`]?[\w$.-]*\Z|{_NAMED}))"
)
"""What follows a quote that ends a text; any other quote is one of the text's own."""
_HEX: Final = re.compile(r"[0-9a-fA-F]{4}")
_LINE: Final = re.compile(r"[^,}\]\n]*")
_LOOSE: Final = re.compile(rf"\s*{_NAMED}")


def repair(arguments: str) -> str:
    """``arguments`` as they are if they are a JSON object, else the object they were meant to be; ``{}`` at worst."""
    if _is_object(arguments):
        return arguments
    inner = _inner(arguments)
    if inner is not None:  # an object inside a text: written twice
        return repair(inner)
    text = _whole_letters(arguments)
    value = _json5(text)
    if not isinstance(value, dict):
        value = _Mender(text).first()
    return msgspec.json.encode(value).decode()


def _whole_letters(text: str) -> str:
    """``text`` without halves of surrogate pairs."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_object(text: str) -> bool:
    try:
        _OBJECT.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def _inner(text: str) -> str | None:
    try:
        inner = _TEXT.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return None
    return inner if inner.lstrip()[:1] == "{" else "{}"


def _json5(text: str) -> object:
    try:
        return plain(decode_json5(text, "arguments").root)
    except (ConfigurationError, ValueError, RecursionError):
        return None


class _Mender:
    """Reads an object out of anything: text around it, missing quotes, commas and ends, other kinds of quotes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def first(self) -> dict[str, object]:
        """The first object in the text; what is in it when it breaks off; empty when there is none."""
        self._at = self._text.find("{")
        if self._at >= 0:
            self._at += 1
            return self._members(0)
        self._at = 0
        return self._members(0) if _LOOSE.match(self._text) else {}

    def _blank(self) -> str:
        """Skips blanks and comments; the letter that follows, empty at the end."""
        match = _BLANK.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
        return self._text[self._at : self._at + 1]

    def _value(self, depth: int, end: re.Pattern[str]) -> object:
        letter = self._blank()
        if depth > MAX_DEPTH:
            self._at = len(self._text)
            return None
        if letter == "{":
            self._at += 1
            return self._members(depth)
        if letter == "[":
            self._at += 1
            return self._items(depth)
        if letter in _QUOTES and letter:
            return self._quoted(letter, end)
        return _bare(self._unquoted())

    def _members(self, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        while (letter := self._blank()) not in ("}", ""):
            if letter in ",:]":
                self._at += 1
                continue
            key = self._key(letter)
            if self._blank() == ":":
                self._at += 1
                found[key] = None if self._blank() in (",", "}", "") else self._value(depth + 1, _VALUE_END)
            elif key:
                found[key] = None
        self._at += 1
        return found

    def _key(self, letter: str) -> str:
        if letter in _QUOTES:
            return self._quoted(letter, _KEY_END)
        match = _BARE.match(self._text, self._at)
        self._at = match.end() if match else self._at + 1
        return match[0] if match else ""

    def _items(self, depth: int) -> list[object]:
        found: list[object] = []
        while (letter := self._blank()) not in ("]", ""):
            if letter == "}":  # of the object around it: this end was forgotten
                return found
            if letter in ",:":
                self._at += 1
            else:
                found.append(self._value(depth + 1, _ITEM_END))
        self._at += 1
        return found

    def _quoted(self, quote: str, end: re.Pattern[str]) -> str:
        """A text up to its closing quote, which ``end`` follows, or to the last letter."""
        out: list[str] = []
        closing = _QUOTES[quote]
        position = self._at + 1
        while position < len(self._text):
            letter = self._text[position]
            if letter == "\\" and position + 1 < len(self._text):
                size, meant = self._escape(position)
                out.append(meant)
                position += size
                continue
            position += 1
            if letter == closing and end.match(self._text, position):
                break
            out.append(letter)
        self._at = position
        return _whole_letters("".join(out))

    def _escape(self, position: int) -> tuple[int, str]:
        """Letters that an escape takes, and what it means."""
        letter = self._text[position + 1]
        if letter == "u":
            code = _HEX.match(self._text, position + 2)
            return (6, chr(int(code[0], 16))) if code else (2, "u")
        return 2, _ESCAPES.get(letter, letter)

    def _unquoted(self) -> str:
        """A value without quotes: up to the next comma, end or line."""
        match = _LINE.match(self._text, self._at)
        assert match is not None
        self._at = max(match.end(), self._at + (not match[0]))
        return match[0].strip()


def _bare(text: str) -> object:
    """What a value without quotes means: a number, one of JSON's words or Python's, else text."""
    if text.lower() in ("none", *_WORDS):
        return _WORDS.get(text.lower())
    if _NUMBER.fullmatch(text):
        return float(text) if any(letter in text for letter in ".eE") else int(text)
    return text.strip("\"'`")

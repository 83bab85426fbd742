"""JSON5 text to a tree with lines: comments, trailing commas, single quotes, bare keys (spec.json5.org)."""

import re
from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct

from trunkline.config.problems import ConfigurationError, Problem
from trunkline.config.tree import Entry, Mapping, Node, Scalar, Sequence

MAX_DEPTH: Final = 100

Kind = Literal["space", "comment", "mark", "string", "word", "number"]

TOKEN: Final = re.compile(
    r"(?P<space>[\s\ufeff]+)"
    r"|(?P<comment>//[^\n\r\u2028\u2029]*|/\*.*?\*/)"
    r"|(?P<mark>[{}\[\]:,])"
    r'|(?P<string>"(?:[^"\\\n\r]|\\(?:\r\n|.))*"|\'(?:[^\'\\\n\r]|\\(?:\r\n|.))*\')'
    r"|(?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|Infinity|NaN|(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![\w$]))"
    r"|(?P<word>(?:[^\W\d]|[$]|\\u[0-9a-fA-F]{4})(?:[\w$\u200c\u200d]|\\u[0-9a-fA-F]{4})*)",
    re.DOTALL,
)
BREAK: Final = re.compile(r"\r\n|[\n\r\u2028\u2029]")
ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r\n|.))", re.DOTALL)
ESCAPED: Final = {
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "0": "\0",
} | dict.fromkeys(("\n", "\r", "\r\n", "\u2028", "\u2029"), "")
WORDS: Final[dict[str, Literal["flag", "nothing", "number"]]] = {
    "true": "flag",
    "false": "flag",
    "null": "nothing",
    "Infinity": "number",
    "NaN": "number",
}


class _Token(Struct, frozen=True):
    kind: Kind | Literal["end"]
    text: str
    line: int


class Document(Struct, frozen=True):
    """A file's tree. Of a key that is written twice the last is kept, as in JavaScript; ``repeated`` names it."""

    root: Node
    repeated: tuple[tuple[int, str], ...]


def decode_json5(text: str, file: str) -> Document:
    """The document's tree.

    Raises ConfigurationError with the line where it stops being JSON5. What stands in the file is never
    quoted: it may be a secret.
    """
    reader = _Reader(text, file)
    root = reader.value(0)
    reader.end()
    return Document(root, tuple(reader.repeated))


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self._file = file
        self._tokens = self._scan(text)
        self._next = next(self._tokens)
        self.repeated: list[tuple[int, str]] = []

    def _scan(self, text: str) -> Iterator[_Token]:
        position, line = 0, 1
        while position < len(text):
            match = TOKEN.match(text, position)
            if match is None:
                raise self._fault(line, _unfinished(text[position]))
            piece = match[0]
            for kind in ("mark", "string", "number", "word"):
                if match[kind] is not None:
                    yield _Token(kind, piece, line)
            line += len(BREAK.findall(piece))
            position = match.end()
        yield _Token("end", "", line)

    def value(self, depth: int) -> Node:
        """The value that begins here."""
        token = self._take()
        if depth > MAX_DEPTH:
            raise self._fault(token.line, "nested too deeply")
        match token.kind:
            case "mark" if token.text == "{":
                return self._mapping(token.line, depth)
            case "mark" if token.text == "[":
                return self._sequence(token.line, depth)
            case "string":
                return Scalar(line=token.line, text=self._string(token), kind="text")
            case "number":
                return Scalar(line=token.line, text=_number(token.text), kind="number")
            case "word" if token.text in WORDS:
                return Scalar(line=token.line, text=token.text, kind=WORDS[token.text])
            case "word":
                raise self._fault(token.line, "not valid JSON5: a text needs quotes")
            case "end":
                raise self._fault(token.line, "not valid JSON5: it ends too early")
            case _:
                raise self._fault(token.line, f'not valid JSON5: a value is missing before "{token.text}"')

    def end(self) -> None:
        """Nothing but comments may follow."""
        if self._next.kind != "end":
            raise self._fault(self._next.line, "not valid JSON5: something follows the end")

    def _mapping(self, line: int, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        while not self._closed("}"):
            token = self._take()
            if token.kind not in ("string", "word"):
                raise self._fault(token.line, "not valid JSON5: a key is missing here")
            key = self._string(token) if token.kind == "string" else self._unescaped(token, token.text)
            if self._take().text != ":":
                raise self._fault(token.line, 'not valid JSON5: ":" is missing after a key')
            if key in entries:
                self.repeated.append((token.line, key))
            entries[key] = Entry(key=key, line=token.line, node=self.value(depth + 1))
            self._separated("}")
        return Mapping(line=line, entries=tuple(entries.values()))

    def _sequence(self, line: int, depth: int) -> Sequence:
        items: list[Node] = []
        while not self._closed("]"):
            items.append(self.value(depth + 1))
            self._separated("]")
        return Sequence(line=line, items=tuple(items))

    def _take(self) -> _Token:
        token = self._next
        self._next = next(self._tokens, token)
        return token

    def _closed(self, mark: str) -> bool:
        if self._next.kind == "mark" and self._next.text == mark:
            self._take()
            return True
        return False

    def _separated(self, mark: str) -> None:
        """A comma, or the end of the section or list, must stand here."""
        if self._next.kind == "mark" and self._next.text == ",":
            self._take()
        elif self._next.kind == "end":
            raise self._fault(self._next.line, f'not valid JSON5: "{mark}" is missing at the end')
        elif self._next.kind != "mark" or self._next.text != mark:
            raise self._fault(self._next.line, f'not valid JSON5: "," or "{mark}" is missing before this')

    def _string(self, token: _Token) -> str:
        return self._unescaped(token, token.text[1:-1])

    def _unescaped(self, token: _Token, text: str) -> str:
        if "\\" not in text:
            return text
        plain = ESCAPE.sub(_escaped, text)
        if "\0" in plain:
            raise self._fault(token.line, "not valid JSON5: a backslash stands before a letter it cannot")
        return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _fault(self, line: int, message: str) -> ConfigurationError:
        return ConfigurationError((Problem(file=self._file, line=line, message=message),))


def _unfinished(character: str) -> str:
    if character in "\"'":
        return "not valid JSON5: a quote is not closed on its line"
    return "not valid JSON5: a comment is not closed, or a letter stands here that cannot"


def _escaped(match: re.Match[str]) -> str:
    if code := match[1] or match[2]:
        return chr(int(code, 16))
    if match[3] in "ux123456789":
        return "\0"
    return ESCAPED.get(match[3], match[3])


def _number(text: str) -> str:
    """Hexadecimal as decimal; anything else as written."""
    sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("", text)
    return f"{'-' * (sign == '-')}{int(digits, 16) if digits[:2] in ('0x', '0X') else digits}"

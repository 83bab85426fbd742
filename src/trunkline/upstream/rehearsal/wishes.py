"""Reads out of a prompt, with nothing but patterns, which file to write and which command to run."""

import re
from typing import Final

from msgspec import Struct


class Write(Struct, frozen=True):
    """A file is wanted."""

    path: str
    content: str


class Run(Struct, frozen=True):
    """A command is to be run."""

    command: str


Wish = Write | Run

_NEGATION: Final = r"(?:not|never|n't|without)\s+(?:\w+\s+){0,2}"
_MAKE: Final = re.compile(r"\b(?:write|writing|create|creating|make|save|add|generate)\b", re.IGNORECASE)
_NO_MAKE: Final = re.compile(_NEGATION + r"(?:writ|creat|mak|sav|add|generat)\w*", re.IGNORECASE)
_RUN: Final = re.compile(r"\b(?:run|execute)\b", re.IGNORECASE)
_NO_RUN: Final = re.compile(_NEGATION + r"(?:run|execut)\w*", re.IGNORECASE)
_FILE: Final = re.compile(r"\bfile\b", re.IGNORECASE)
_PATH: Final = re.compile(r"(?<![\w/:.@-])([\w.~/-]*\w\.[A-Za-z][A-Za-z0-9]{0,7})(?![\w/:@])")
_CALLED: Final = re.compile(r"\b(?:called|named)\s+[`'\"]?([\w.~/-]*\w)", re.IGNORECASE)
_QUOTED: Final = r"(?:```\w*\n(?P<fence>.*?)```|[`'\"\u201c](?P<quote>[^`'\"\u201c\u201d]+)[`'\"\u201d])"
_LITERAL: Final = re.compile(
    r"\b(?:contain\w*|saying|says|text|contents?|line|words?)\b[^`'\"\u201c\n.]{0,40}?:?\s*" + _QUOTED,
    re.IGNORECASE | re.DOTALL,
)
_BARE: Final = re.compile(
    r"\b(?:containing|saying|with the (?:text|contents?|words?|line))(?: exactly)?:?\s+(.+?)(?:[.!]?\s*$|[.!]\s|\n)",
    re.IGNORECASE,
)
_EXACTLY: Final = re.compile(r"\bexactly\b", re.IGNORECASE)
_PRINTS: Final = re.compile(r"\bprint\w*\s+[`'\"\u201c]([^`'\"\u201c\u201d]+)", re.IGNORECASE)
_COMMAND: Final = re.compile(
    r"\b(?:run|execute)\b[^`'\"\u201c\n]{0,40}?[`'\"\u201c]([^`'\"\u201c\u201d\n]+)", re.I
)
_PLAIN: Final = re.compile(
    r"\b(?:run|execute)\s+(?:the\s+)?(?:shell\s+|bash\s+)?(?:commands?:?\s+)?"
    r"((?:ls|pwd|echo|cat|date|whoami|uname|python3?|node|sh|bash|git|npm|make|pytest|wc|head|tail)\b[^\n,;.]*"
    r"(?:\.\w[^\n,;.]*)*)",
    re.IGNORECASE,
)
_IT: Final = re.compile(r"\b(?:run|execute)\s+(?:it|that|the (?:file|script|program))\b", re.IGNORECASE)
_HARMFUL: Final = re.compile(
    r"\b(?:rm|rmdir|sudo|dd|mkfs\w*|shutdown|reboot|kill\w*|chmod|chown|truncate|curl|wget|push|reset|mv)\b|>\s*/|\|\s*\w*sh\b"
)
_DIRECTORY: Final = re.compile(r"working directory(?: is)?:?\s*[`'\"]?(/[^\s`'\"<]*)", re.IGNORECASE)
_HELLO: Final = "Hello from the rehearsal"
_BODIES: Final = {
    "py": 'print("{}")\n',
    "js": 'console.log("{}");\n',
    "ts": 'console.log("{}");\n',
    "sh": '#!/bin/sh\necho "{}"\n',
    "md": "# {}\n",
    "html": "<!doctype html>\n<title>{0}</title>\n<h1>{0}</h1>\n",
    "json": '{{"message": "{}"}}\n',
}
_RUNNERS: Final = {"py": "python3", "js": "node", "sh": "sh"}


def wishes(prompt: str) -> list[Wish]:
    """What ``prompt`` asks to be written and run, in the order it can be done; often nothing."""
    found: list[Wish] = []
    path = _path(prompt)
    makes = _MAKE.search(prompt) is not None and _NO_MAKE.search(prompt) is None
    if makes and (path is not None or _FILE.search(prompt)):
        found.append(Write(path or "hello.txt", _content(prompt, path or "hello.txt")))
    command = _command(prompt, path)
    if command is not None:
        found.append(Run(command))
    return found


def directory(words: str) -> str | None:
    """The working directory as agents state it in their system text."""
    match = _DIRECTORY.search(words)
    return match[1].rstrip(".") if match else None


def _path(prompt: str) -> str | None:
    match = _PATH.search(prompt) or _CALLED.search(prompt)
    return match[1] if match else None


def _content(prompt: str, path: str) -> str:
    end = "" if _EXACTLY.search(prompt) else "\n"
    literal = _LITERAL.search(prompt)
    if literal is not None:
        words: str = literal["fence"] or literal["quote"]
        return words if words.endswith("\n") else words + end
    bare = _BARE.search(prompt)
    if bare is not None:
        return bare[1] + end
    printed = _PRINTS.search(prompt)
    body = _BODIES.get(path.rpartition(".")[2].lower(), "{}.\n")
    return body.format(printed[1] if printed else _HELLO)


def _command(prompt: str, path: str | None) -> str | None:
    if _RUN.search(prompt) is None or _NO_RUN.search(prompt) is not None:
        return None
    quoted = _COMMAND.search(prompt) or _PLAIN.search(prompt)
    if quoted is not None:
        command = quoted[1].strip()
        return None if _HARMFUL.search(command) else command
    if _IT.search(prompt) and path is not None:
        runner = _RUNNERS.get(path.rpartition(".")[2].lower())
        return f"{runner} {path}" if runner else None
    return f"echo {_HELLO!r}" if re.search(r"\b(?:command|bash|shell)\b", prompt, re.IGNORECASE) else None

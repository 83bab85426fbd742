"""Where the texts and comments of a configuration file stand in it, so that one can be changed and all else stays."""

import re
from collections.abc import Iterator
from typing import Final, cast

from msgspec import Struct

from trunkline.config.dialect import dialect_of
from trunkline.config.json5_file import TOKEN, decode_json5
from trunkline.config.tree import Scalar
from trunkline.config.yaml_nodes import Composer, YamlNode

Place = tuple[str, ...]

_YAML_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#[^\r\n]*", re.MULTILINE)
_TEXT_TAG: Final = "tag:yaml.org,2002:str"


class Span(Struct, frozen=True, kw_only=True):
    """A value, a key or a comment, from ``start`` to before ``end``. ``value`` is what a text says; None for all else."""

    start: int
    end: int
    place: Place = ()
    value: str | None = None
    comment: bool = False

    def __repr__(self) -> str:
        return f"Span(place={self.place}, start={self.start}, end={self.end})"


def is_json(text: str) -> bool:
    """Whether a file is written as JSON, in whatever dialect."""
    return dialect_of(text) == "ccr" or text.lstrip("\ufeff \t\r\n").startswith(("{", "["))


def spans_in(text: str) -> list[Span]:
    """All of them in order. ``text`` has been read without an error as what it is."""
    if is_json(text):
        return list(_json_spans(text))
    found = sorted({span.start: span for span in _yaml_spans(text)}.values(), key=lambda span: span.start)
    return sorted((*found, *_yaml_comments(text, found)), key=lambda span: span.start)


class _Level:
    """A section or a list of JSON5 that is open. ``name`` is of the value that comes next."""

    def __init__(self, *, section: bool) -> None:
        self.section = section
        self.name = "" if section else "0"
        self.wants_key = section

    def next(self) -> None:
        """Behind a comma."""
        self.wants_key = self.section
        if not self.section:
            self.name = str(int(self.name) + 1)


def _json_spans(text: str) -> Iterator[Span]:
    levels: list[_Level] = []
    position = 0
    while match := TOKEN.match(text, position):
        position = match.end()
        piece, kind, top = match[0], match.lastgroup, levels[-1] if levels else None
        if kind == "comment":
            yield Span(start=match.start(), end=position, comment=True)
        elif kind == "mark":
            _mark(piece, levels)
        elif kind in ("string", "word") and top is not None and top.wants_key:
            top.name, top.wants_key = _said(piece) if kind == "string" else piece, False
        elif kind == "string":
            place = tuple(level.name for level in levels)
            yield Span(start=match.start(), end=position, place=place, value=_said(piece))


def _mark(piece: str, levels: list[_Level]) -> None:
    if piece in "{[":
        levels.append(_Level(section=piece == "{"))
    elif piece in "}]":
        levels.pop()
    elif piece == ",":
        levels[-1].next()


def _said(piece: str) -> str:
    root = decode_json5(piece, "").root
    assert isinstance(root, Scalar), "a string is a leaf"
    return root.text


def _yaml_spans(text: str) -> Iterator[Span]:
    from ruamel.yaml import YAML  # 75 ms

    root = cast(Composer, YAML(typ="safe", pure=True)).compose(text)
    return iter(()) if root is None else _below(cast(YamlNode, root), ())


def _below(node: YamlNode, place: Place) -> Iterator[Span]:
    value = node.value
    if isinstance(value, str):
        said = value if str(node.tag) == _TEXT_TAG else None
        yield Span(start=node.start_mark.index, end=node.end_mark.index, place=place, value=said)
        return
    for index, entry in enumerate(cast("list[object]", value)):
        if isinstance(entry, tuple):
            key, below = cast("tuple[YamlNode, YamlNode]", entry)
            yield Span(start=key.start_mark.index, end=key.end_mark.index)
            yield from _below(below, (*place, str(key.value)))
        else:
            yield from _below(cast(YamlNode, entry), (*place, str(index)))


def _yaml_comments(text: str, spans: list[Span]) -> Iterator[Span]:
    """What begins with ``#`` between the texts: in one it is a part of it."""
    ends = [0, *(span.end for span in spans)]
    starts = [*(span.start for span in spans), len(text)]
    for start, end in zip(ends, starts, strict=True):
        for match in _YAML_COMMENT.finditer(text, start, max(start, end)):
            yield Span(start=match.start(), end=match.end(), comment=True)

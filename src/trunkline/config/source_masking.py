"""The text of a configuration file without its secrets, comments and layout as they are; and a changed version of it
with the secrets back in."""

import re
from collections.abc import Iterable, Mapping
from typing import Final, cast

import msgspec

from trunkline.config.json5_file import decode_json5
from trunkline.config.masking import LOOKS_SECRET, MASK, REFERENCE, SECRET_KEY, masked_text, with_secrets
from trunkline.config.source_spans import Place, Span, is_json, spans_in
from trunkline.config.tree import plain
from trunkline.config.yaml_file import decode_yaml

NEW: Final = f"{MASK} (new)"
"""In a comparison: a secret that is another one than before."""
_PEM: Final = re.compile(r"-----BEGIN [\s\S]*?(?:-----END [^-]*-----|$)")
_NAME: Final = re.compile(r"([\w-]+)[\"']?[ \t]*[:=][ \t]*[\"']?")
_VALUE: Final = re.compile(r"[^\s\"',#{}\[\]]+")


def masked_source(text: str, before: str | None = None) -> str:
    """``text`` as it may be shown. ``before``: secrets that are others than in that text are marked as new.

    Raises ConfigurationError for what cannot be read.
    """
    check_source(text, "")
    known = None if before is None else _values(spans_in(before))
    edits: list[tuple[Span, str]] = []
    for span in spans_in(text):
        if span.comment:
            edits.append((span, masked_comment(text[span.start : span.end])))
        elif span.value is not None:
            shown = masked_text(span.value, span.place)
            if shown != span.value:
                changed = known is not None and known.get(span.place) != span.value
                shown = shown.replace(MASK, NEW) if changed else shown
                edits.append((span, _quoted(shown, text[span.start : span.end])))
    return _edited(text, edits)


def unmasked_source(changed: str, known: str) -> str:
    """``changed``, a text as :func:`masked_source` gives it and somebody has edited it, with the secrets of ``known``.

    Raises ConfigurationError for what cannot be read, :class:`trunkline.config.masking.Hidden` where a mask has
    nothing behind it.
    """
    content = with_secrets(check_source(changed, ""), check_source(known, ""))
    spellings = _spellings(known)
    edits: list[tuple[Span, str]] = []
    for span in spans_in(changed):
        written = changed[span.start : span.end]
        if MASK not in written:
            continue
        if span.comment:
            comments = spellings.get(written, [])
            edits.append((span, comments.pop(0) if comments else written))
        elif span.value is not None:
            value = str(_at(content, span.place))
            same = [
                raw for raw in spellings.get(value, []) if not raw.endswith("\n") and raw[:1] not in "|>"
            ]
            edits.append((span, same[0] if same and value != span.value else _quoted(value, written)))
    return _edited(changed, edits)


def check_source(text: str, file: str) -> object:
    """The content as plain values. Raises ConfigurationError for what cannot be read."""
    if is_json(text):
        return plain(decode_json5(text, file).root)
    tree = decode_yaml(text, file)
    return {} if tree is None else plain(tree)


def masked_comment(comment: str) -> str:
    """A comment without what looks like a secret, or stands behind a name that one would have."""
    text = LOOKS_SECRET.sub(MASK, _PEM.sub(MASK, comment))
    for match in reversed(list(_NAME.finditer(text))):
        value = _VALUE.match(text, match.end())
        if value is not None and SECRET_KEY.fullmatch(match[1]) and not REFERENCE.match(value[0]):
            text = text[: value.start()] + MASK + text[value.end() :]
    return text


def _values(spans: Iterable[Span]) -> Mapping[Place, str]:
    return {span.place: span.value for span in spans if span.value is not None}


def _spellings(text: str) -> dict[str, list[str]]:
    """How each text is written in a file, and what stood behind each masked comment."""
    found: dict[str, list[str]] = {}
    for span in spans_in(text):
        written = text[span.start : span.end]
        if span.comment:
            found.setdefault(masked_comment(written), []).append(written)
        elif span.value is not None:
            found.setdefault(span.value, []).append(written)
    return found


def _at(content: object, place: Place) -> object:
    for name in place:
        if isinstance(content, list):
            content = cast("list[object]", content)[int(name)]
        else:
            content = cast("dict[str, object]", content)[name]
    return content


def _quoted(value: str, written: str) -> str:
    """A text in double quotes, which JSON5 and YAML read alike; a block of YAML's ends with its line."""
    quoted = msgspec.json.encode(value).decode()
    if written.endswith("\n"):
        return quoted + ("\r\n" if written.endswith("\r\n") else "\n")
    return quoted


def _edited(text: str, edits: Iterable[tuple[Span, str]]) -> str:
    pieces: list[str] = []
    position = 0
    for span, new in edits:
        pieces += (text[position : span.start], new)
        position = span.end
    return "".join((*pieces, text[position:]))

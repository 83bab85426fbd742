"""Changing a YAML file's content with its comments, its order and its way of writing kept."""

from collections.abc import MutableMapping, MutableSequence
from io import StringIO
from typing import Final, Protocol, cast

from ruamel.yaml import YAML

from trunkline.config.tree import plain
from trunkline.config.yaml_file import decode_yaml

WIDTH: Final = 4096
"""Letters of a line before it is broken: none is."""


class _RoundTrip(Protocol):
    """What we use of the library, which has no types."""

    preserve_quotes: bool
    width: int

    def load(self, stream: str) -> object: ...
    def dump(self, data: object, stream: StringIO) -> None: ...


def edited_yaml(text: str, content: dict[str, object]) -> str:
    """``text`` changed as little as it takes to say ``content``."""
    document = cast(_RoundTrip, YAML(typ="rt", pure=True))
    document.preserve_quotes = True
    document.width = WIDTH
    known = document.load(text)
    stream = StringIO()
    if isinstance(known, MutableMapping):
        edited = cast("MutableMapping[object, object]", known)
        _merge(edited, content)
        document.dump(edited, stream)
    else:
        document.dump(content, stream)
    tree = decode_yaml(stream.getvalue(), "")
    if tree is not None and plain(tree) == content:
        return stream.getvalue()
    plainly = StringIO()  # aliases and merged keys: what is said matters more than how
    document.dump(content, plainly)
    return plainly.getvalue()


def _merge(known: MutableMapping[object, object], wanted: dict[str, object]) -> None:
    for key in [key for key in known if str(key) not in wanted]:
        del known[key]
    spelled = {str(key): key for key in known}
    for name, value in wanted.items():
        key = spelled.get(name, name)
        before = known.get(key)
        if not _merged(before, value):
            known[key] = value


def _merged(before: object, value: object) -> bool:
    """Whether ``before`` says ``value`` now; False: it has to be replaced."""
    leaf: object = before
    if isinstance(before, MutableMapping) and isinstance(value, dict):
        _merge(cast("MutableMapping[object, object]", before), cast("dict[str, object]", value))
        return True
    if isinstance(before, MutableSequence) and isinstance(value, list):
        items = cast("MutableSequence[object]", before)
        wanted = cast("list[object]", value)
        if len(items) != len(wanted):
            return False
        for index, (item, entry) in enumerate(zip(list(items), wanted, strict=True)):
            if not _merged(item, entry):
                items[index] = entry
        return True
    return _same_leaf(leaf, value)


def _same_leaf(before: object, value: object) -> bool:
    """Quoted texts and numbers written in their own way are types of the library's, and equal to ours."""
    for kind in (bool, str):  # true is no 1, "1" is no 1
        if isinstance(before, kind) != isinstance(value, kind):
            return False
    return before == value

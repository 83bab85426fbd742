"""YAML text to a tree with lines. Nothing is constructed, so no tag can run anything."""

import re
from typing import Final, Literal, Protocol, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode, SequenceNode

from trunkline.config.problems import ConfigurationError, Problem
from trunkline.config.tree import Entry, Mapping, Node, Scalar, Sequence
from trunkline.config.yaml_nodes import Composer, Mark, YamlNode

MAX_NODES: Final = 100_000
"""Aliases repeat what they name; a small file must not become a large tree."""

KINDS: Final[dict[str, Literal["number", "flag", "nothing"]]] = {
    "tag:yaml.org,2002:int": "number",
    "tag:yaml.org,2002:float": "number",
    "tag:yaml.org,2002:bool": "flag",
    "tag:yaml.org,2002:null": "nothing",
}
STANDARD: Final = frozenset(
    {
        *KINDS,
        *(f"tag:yaml.org,2002:{word}" for word in ("str", "timestamp", "seq", "map", "merge", "value")),
    }
)
TAG: Final = "tags (words that begin with !) are not used here"


class _YamlFault(Protocol):
    @property
    def problem(self) -> str | None: ...
    @property
    def problem_mark(self) -> Mark | None: ...
    @property
    def context_mark(self) -> Mark | None: ...


def decode_yaml(text: str, file: str) -> Node | None:
    """The document's tree; None when it is empty.

    Raises ConfigurationError with the line: not YAML, several documents, a repeated key, a tag. What
    stands in the file is never quoted: it may be a secret.
    """
    try:
        document = cast(Composer, YAML(typ="safe", pure=True)).compose(text)
        return None if document is None else _Builder(file).build(document)
    except MarkedYAMLError as error:
        fault = cast(_YamlFault, error)
        mark = fault.problem_mark or fault.context_mark
        line = None if mark is None else mark.line + 1
        raise _invalid(file, line, f"not valid YAML: {_unquoted(fault.problem or '')}") from None
    except YAMLError:
        raise _invalid(file, None, "not valid YAML: a character that YAML does not allow") from None
    except RecursionError:
        raise _invalid(file, None, "nested too deeply") from None


def _unquoted(problem: str) -> str:
    """The library's wording without words of the file: what it quotes stays only if it holds none."""
    return re.sub(r"'((?:[^'\\]|\\.)*)'", _quoted, problem) or "it ends too early"


def _quoted(match: re.Match[str]) -> str:
    is_ours = match[1].startswith("<") or not re.search(r"\w{2}", match[1])
    return match[0] if is_ours else "…"


def _invalid(file: str, line: int | None, message: str) -> ConfigurationError:
    return ConfigurationError((Problem(file=file, line=line, message=message),))


class _Builder:
    def __init__(self, file: str) -> None:
        self._file = file
        self._count = 0

    def build(self, node: object) -> Node:
        """The library's node as ours."""
        self._count += 1
        known = cast(YamlNode, node)
        line = known.start_mark.line + 1
        if isinstance(node, ScalarNode):
            return self._scalar(known, line)
        if self._count > MAX_NODES:
            raise _invalid(self._file, line, "too large once its aliases are filled in")
        if str(known.tag) not in STANDARD:
            raise _invalid(self._file, line, TAG)
        if isinstance(node, SequenceNode):
            items = cast(list[object], known.value)
            return Sequence(line=line, items=tuple(self.build(item) for item in items))
        return self._mapping(cast(list[tuple[object, object]], known.value), line)

    def _scalar(self, node: YamlNode, line: int) -> Scalar:
        tag = str(node.tag)
        if tag not in STANDARD:
            raise _invalid(self._file, line, TAG)
        return Scalar(line=line, text=str(node.value), kind=KINDS.get(tag, "text"))

    def _mapping(self, pairs: list[tuple[object, object]], line: int) -> Mapping:
        entries: dict[str, Entry] = {}
        for key_node, value_node in pairs:
            key = self.build(key_node)
            if not isinstance(key, Scalar):
                raise _invalid(self._file, key.line, "a key must be a plain word")
            if key.text in entries:
                first = entries[key.text].line
                raise _invalid(
                    self._file, key.line, f"a key is written twice; the first is in line {first}"
                )
            entries[key.text] = Entry(key=key.text, line=key.line, node=self.build(value_node))
        return Mapping(line=line, entries=tuple(entries.values()))

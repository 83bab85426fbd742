"""A configuration file's content as plain values, with its secrets, whatever form it is in."""

from pathlib import Path
from typing import cast

from trunkline.config.dialect import dialect_of
from trunkline.config.json5_file import decode_json5
from trunkline.config.load import read_text
from trunkline.config.problems import ConfigurationError, Problem
from trunkline.config.tree import plain


def read_table(file: Path) -> dict[str, object]:
    """What the file says now; an empty one says nothing. Raises ConfigurationError."""
    return table_of(read_text(file), file)


def table_of(text: str, file: Path) -> dict[str, object]:
    """What a text says, of which ``file`` is the name. Raises ConfigurationError."""
    if dialect_of(text) == "ccr":
        return _table(file, plain(decode_json5(text, str(file)).root))
    from trunkline.config.yaml_file import decode_yaml  # 75 ms

    tree = decode_yaml(text, str(file))
    return {} if tree is None else _table(file, plain(tree))


def _table(file: Path, content: object) -> dict[str, object]:
    if not isinstance(content, dict):
        raise ConfigurationError((Problem(file=str(file), message="holds no keys"),))
    return cast("dict[str, object]", content)

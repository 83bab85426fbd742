"""A settings file of ours in place of one of the user's: theirs, with our keys laid over it."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import msgspec

from trunkline.cli.exits import Failure
from trunkline.config.json5_file import decode_json5
from trunkline.config.problems import ConfigurationError
from trunkline.config.tree import plain


def laid_over(file: Path, overlay: Mapping[str, object]) -> bytes:
    """The JSON of ``file``, which may have comments or not exist, with ``overlay`` merged in; ``file`` stays as it is.

    Raises Failure when there is a file that cannot be read: hiding what it says would be worse.
    """
    try:
        found = plain(decode_json5(file.read_text(encoding="utf-8"), str(file)).root)
    except FileNotFoundError:
        found = {}
    except (OSError, UnicodeDecodeError, ConfigurationError) as error:
        raise Failure(f"Cannot lay our settings over {file}: {error}") from None
    below = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    return msgspec.json.format(msgspec.json.encode(merged(below, overlay)), indent=2) + b"\n"


def linked(own: Path, ours: Path, *, but: str) -> dict[Path, Path]:
    """For a folder of ours that stands in for the user's own: links in it to everything there ``but`` one file."""
    try:
        names = sorted(entry.name for entry in own.iterdir())
    except OSError:
        names = []
    return {ours / name: own / name for name in names if name != but}


def merged(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    """Tables are merged key by key; anything else of ``above`` takes the place of what was there."""
    result = dict(below)
    for key, value in above.items():
        known = result.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            inner = cast("dict[str, object]", value)
            result[key] = merged(cast("dict[str, object]", known), inner)
        else:
            result[key] = value
    return result

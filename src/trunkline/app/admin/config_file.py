"""Reading and saving a configuration file for administration: whole or not at all, checked before it is there."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import structs

from trunkline.app.providers import make_providers
from trunkline.config.dialect import dialect_of
from trunkline.config.homes import usual_ccr_file
from trunkline.config.load import load_file, read_text
from trunkline.config.problems import ConfigurationError, Problem
from trunkline.config.table import table_of

BACKUPS: Final = 3
"""Copies of earlier versions that are kept, as in claude-code-router."""

Table = dict[str, object]


class Stale(Exception):
    """The file is another one than what is to be saved was made from."""


def version_of(text: str) -> str:
    """Changes with the text."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def check_version(text: str, version: str) -> None:
    """Raises Stale where ``version`` is another text's."""
    if version_of(text) != version:
        raise Stale


def check_file(file: Path, environ: Mapping[str, str], *, text_in: Path | None = None) -> None:
    """Raises ConfigurationError when a gateway could not start on the file, or with what is in ``text_in``."""
    may_be_empty = str(file) == str(usual_ccr_file(environ))
    try:
        make_providers(load_file(text_in or file, environ, may_be_empty=may_be_empty))
    except ConfigurationError as error:
        problems = tuple(structs.replace(problem, file=str(file)) for problem in error.problems)
        raise ConfigurationError(problems) from None


def check_text(file: Path, text: str, environ: Mapping[str, str]) -> None:
    """Raises ConfigurationError when a gateway could not start on ``text`` in the file's place, OSError where nothing
    can be written beside it. The file stays as it is."""
    candidate = _written(Path(os.path.realpath(file)), text)
    try:
        check_file(file, environ, text_in=candidate)
    finally:
        candidate.unlink(missing_ok=True)


def save_table(
    file: Path, change: Callable[[Table], Table], environ: Mapping[str, str], version: str | None = None
) -> Path | None:
    """Put what ``change`` makes of the file's content in its place; see :func:`save_text`.

    Raises Stale where the file is of another ``version``, if one is given.
    """

    def changed(text: str) -> str:
        if version is not None:
            check_version(text, version)
        known = table_of(text, Path(os.path.realpath(file)))
        content = change(known)
        return text if content == known else _encoded(text, content)

    return save_text(file, changed, environ)


def save_text(file: Path, change: Callable[[str], str], environ: Mapping[str, str]) -> Path | None:
    """Put what ``change`` makes of the file's text in its place; the backup of what was there.

    Nothing is written when it is the same, or cannot be started on. One save at a time, also among processes.
    Raises ConfigurationError, OSError, and what ``change`` raises.
    """
    real = Path(os.path.realpath(file))  # a link, as dotfile managers make them, stays one
    with _alone(real.parent):
        text = read_text(real)
        new = change(text)
        if new == text:
            return None
        if dialect_of(text) != dialect_of(new) and text.strip():
            raise _unusable(file, "is in another form than this: send what GET /api/config gives, changed")
        candidate = _written(real, new)
        try:
            check_file(file, environ, text_in=candidate)
            backup = _back_up(real, text)
            candidate.replace(real)
        except BaseException:
            candidate.unlink(missing_ok=True)
            raise
        _sync(real.parent)
    return backup


def _encoded(text: str, content: Table) -> str:
    """The new text: JSON as claude-code-router writes it, or YAML with the comments that were there."""
    if dialect_of(text) == "ccr" or text.lstrip().startswith("{"):
        return msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"
    from trunkline.config.yaml_edit import edited_yaml  # 75 ms that reading does not need

    return edited_yaml(text, content)


def _written(real: Path, text: str) -> Path:
    """The text in a file of its own beside the real one, for the user alone."""
    descriptor, name = tempfile.mkstemp(prefix=f".{real.name}.", suffix=".new", dir=real.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _back_up(real: Path, text: str) -> Path:
    """A copy of the file as it was; the oldest beyond :data:`BACKUPS` go."""
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    backup = real.with_name(f"{real.name}.{stamp.replace(':', '-').replace('.', '-')}.bak")
    with open(os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    for old in sorted(real.parent.glob(f"{real.name}.*.bak"))[:-BACKUPS]:
        with suppress(FileNotFoundError):
            old.unlink()
    return backup


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Hold the folder's lock: other workers save to the same file."""
    if os.name == "nt":
        yield
        return
    import fcntl  # not on Windows

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _unusable(file: Path, message: str) -> ConfigurationError:
    return ConfigurationError((Problem(file=str(file), message=message),))

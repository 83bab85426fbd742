"""The settings of claude-code-router 3, which keeps them in an SQLite file (ccr.md 8.1). Nothing is written to it."""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast
from urllib.parse import quote

import msgspec
from msgspec import Struct

from trunkline.config.homes import usual_ccr_file
from trunkline.config.problems import ConfigurationError, Problem
from trunkline.config.secret import Secret

MAGIC: Final = b"SQLite format 3\0"
PATIENCE: Final = 2.0
"""Seconds to wait for another program that holds the file."""
MOST: Final = 64 * 1024 * 1024
"""Bytes of the settings."""
_WAL: Final = b"\x02\x02"
"""Bytes 18 and 19 of a file whose changes go to another one first (sqlite.org/fileformat2)."""

Table = dict[str, object]


class ClientKey(Struct, frozen=True):
    """A key that clients may present. ``key`` None: it is stored in a way that nobody else reads."""

    name: str
    key: Secret | None
    expired: bool
    limited: bool


class Stored(Struct, frozen=True, kw_only=True):
    """What the file holds. ``archived``: the text of the ``config.json`` that it took the place of."""

    settings: Table
    keys: tuple[ClientKey, ...]
    archived: str | None


def is_database(file: Path) -> bool:
    """Whether a file is one of SQLite's. One that cannot be read is none."""
    try:
        with open(file, "rb") as data:
            return data.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def usual_database(environ: Mapping[str, str]) -> Path:
    """Where claude-code-router 3 keeps its settings."""
    if os.name == "nt":
        roaming = environ.get("APPDATA") or environ.get("LOCALAPPDATA") or ""
        return Path(roaming) / "claude-code-router" / "config.sqlite"
    return usual_ccr_file(environ).with_name("config.sqlite")


def read_database(file: Path, now: datetime) -> Stored:
    """The settings, read while they are not changed. Raises ConfigurationError: locked, broken, another program's."""
    if not is_database(file):
        raise _unusable(file, "is no SQLite file that can be read")
    try:
        with closing(_opened(file)) as database:
            return Stored(
                settings=_settings(database, file),
                keys=_keys(database, now),
                archived=_archived(database),
            )
    except sqlite3.OperationalError as error:
        raise _unusable(file, _in_words(str(error))) from None
    except sqlite3.DatabaseError:
        raise _unusable(file, "is broken: SQLite cannot read it") from None


def _opened(file: Path) -> sqlite3.Connection:
    """Read-only. A file that nobody has open is read as it is: SQLite would put other files beside it."""
    with open(file, "rb") as data:
        head = data.read(20)
    unused = head[18:20] == _WAL and not Path(f"{file}-wal").exists()
    mode = "mode=ro&immutable=1" if unused else "mode=ro"
    return sqlite3.connect(f"file:{quote(str(file.absolute()))}?{mode}", uri=True, timeout=PATIENCE)


def _in_words(said: str) -> str:
    if "locked" in said or "busy" in said:
        return "is locked by another program: close claude-code-router, or try again"
    if "no such" in said:
        return "has not the tables of claude-code-router 3: it is another program's, or another version's"
    return "cannot be read by SQLite"


def _settings(database: sqlite3.Connection, file: Path) -> Table:
    row = database.execute(
        "SELECT value_json FROM app_config WHERE key = 'default' AND length(value_json) <= ?", (MOST,)
    ).fetchone()
    if row is None:
        raise _unusable(file, "holds no settings: nothing was configured with it")
    try:
        return msgspec.json.decode(cast("str", row[0]), type=Table)
    except (msgspec.DecodeError, TypeError):
        raise _unusable(
            file, "holds settings that are not JSON: it is another version's, or broken"
        ) from None


def _keys(database: sqlite3.Connection, now: datetime) -> tuple[ClientKey, ...]:
    if not _has(database, "api_keys"):
        return ()
    rows = database.execute(
        "SELECT name, encrypted_key, encryption, expires_at, limits_json FROM api_keys ORDER BY rowid"
    )
    return tuple(
        ClientKey(
            name=str(name),
            key=Secret(str(key).strip()) if encryption == "plain" and str(key).strip() else None,
            expired=_has_passed(str(expires), now),
            limited=bool(str(limits or "").strip()),
        )
        for name, key, encryption, expires, limits in rows
    )


def _archived(database: sqlite3.Connection) -> str | None:
    if not _has(database, "legacy_storage_backups"):
        return None
    row = database.execute(
        "SELECT content FROM legacy_storage_backups WHERE source_kind = 'legacy-json-config' "
        "ORDER BY archived_at DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    content = cast("bytes | str", row[0])
    return content if isinstance(content, str) else content.decode("utf-8-sig", "replace")


def _has(database: sqlite3.Connection, table: str) -> bool:
    found = database.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,))
    return found.fetchone() is not None


def _has_passed(text: str, now: datetime) -> bool:
    """Whether a time as JavaScript writes it is over. What is none never is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return False
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) <= now


def _unusable(file: Path, message: str) -> ConfigurationError:
    return ConfigurationError((Problem(file=str(file), message=message),))

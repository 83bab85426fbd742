"""Settings files of claude-code-router 3, made as its own tables are (ccr.md 8.1, version 3.1.1)."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

TABLES = """
CREATE TABLE app_config (key TEXT PRIMARY KEY, value_json TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY, name TEXT NOT NULL DEFAULT '', encrypted_key TEXT NOT NULL, encryption TEXT NOT NULL DEFAULT 'plain',
  created_at TEXT NOT NULL, expires_at TEXT NOT NULL DEFAULT '', limits_json TEXT NOT NULL DEFAULT ''
);
CREATE TABLE runtime_state (key TEXT PRIMARY KEY, value_json TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE legacy_storage_backups (
  id TEXT PRIMARY KEY, source_path TEXT NOT NULL, source_kind TEXT NOT NULL, sha256 TEXT NOT NULL, content BLOB NOT NULL,
  archived_at TEXT NOT NULL
);
"""
TIME = "2026-08-01T10:00:00.000Z"
Key = tuple[str, str, str, str, str]
"""Name, key, encryption, expiry, limits."""


def write_version3(
    file: Path,
    settings: object,
    *,
    keys: tuple[Key, ...] = (),
    archived: str | None = None,
    journal: str = "WAL",
    tables: str = TABLES,
) -> None:
    """Make the file, closed as the program leaves it. ``settings`` a text: as it stands."""
    text = settings if isinstance(settings, str) else json.dumps(settings)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(f"PRAGMA journal_mode = {journal}")
        database.executescript(tables)
        database.execute("INSERT INTO app_config VALUES ('default', ?, ?)", (text, TIME))
        for number, (name, key, encryption, expires, limits) in enumerate(keys):
            row = (str(number), name, key, encryption, TIME, expires, limits)
            database.execute("INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        if archived is not None:
            row = ("1", "/home/me/config.json", "legacy-json-config", "0", archived.encode(), TIME)
            database.execute("INSERT INTO legacy_storage_backups VALUES (?, ?, ?, ?, ?, ?)", row)

"""The settings of claude-code-router 3 as Trunkline's own file (ccr.md 8)."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.ccr.version3_file import TABLES, write_version3
from trunkline.config.ccr.database import read_database
from trunkline.config.ccr.findings import Imported
from trunkline.config.ccr.version3 import decode_version3
from trunkline.config.ccr.version3_providers import endpoint
from trunkline.config.load import load_file
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration, HeaderRule, ModelName
from trunkline.config.yaml_text import encode_yaml

CANARY = "sk-CANARY-4f9a77d1c3"
NOW = datetime(2026, 9, 1, tzinfo=UTC)
SETTINGS: dict[str, object] = {
    "PORT": 3456,
    "HOST": "127.0.0.1",
    "APIKEY": "",
    "API_TIMEOUT_MS": 300000,
    "CUSTOM_ROUTER_PATH": "",
    "gateway": {"host": "127.0.0.1", "port": 4567, "enabled": True, "coreHost": "127.0.0.1", "corePort": 3457},
    "preferredProvider": "Open Router",
    "Providers": [
        {"name": "Open Router", "type": "openai_chat_completions", "api_base_url": "https://openrouter.ai/api/v1",
         "api_key": CANARY + "1", "models": ["a/b", "c/d"],
         "capabilities": [{"type": "openai_chat_completions", "baseUrl": "https://openrouter.ai/api/v1", "source": "preset"},
                          {"type": "openai_image_generations", "baseUrl": "https://openrouter.ai/api/v1"}]},
        {"name": "own", "type": "anthropic_messages", "baseUrl": "https://own.example/v1", "models": ["big", "small"],
         "credentials": [{"api_key": CANARY + "off", "enabled": False}, {"apiKey": CANARY + "2"}, {"apikey": CANARY + "3"}],
         "capabilities": [{"type": "openai_responses", "baseUrl": "https://own.example/v1"},
                          {"type": "anthropic_messages", "baseUrl": "https://own.example"},
                          {"type": "gemini_generate_content", "baseUrl": "https://own.example/v1beta"}],
         "extraHeaders": {"X-Team": CANARY + "4"}, "extraBody": {"seed": 4}},
        {"name": "off", "enabled": False, "api_base_url": "https://off.example/v1", "api_key": "x", "models": ["m"]},
        {"api_base_url": "https://nameless.example/v1", "models": []},
    ],
    "Router": {
        "builtInRules": {"claude-code": {"enabled": True}, "codex": {"enabled": True}},
        "fallback": {"mode": "model-chain", "models": ["own/small", "gone/x"], "retryCount": 1},
        "rules": [
            {"id": "1", "name": "gpt", "enabled": True, "type": "condition",
             "condition": {"left": "request.body.model", "operator": "starts-with", "right": "gpt-"},
             "rewrites": [{"key": "request.body.model", "operation": "set", "value": "Open Router/c/d"}],
             "fallback": {"mode": "model-chain", "models": ["own,big"], "retryCount": 1}},
            {"id": "2", "name": "fast", "enabled": True, "type": "model-prefix", "pattern": "fast", "target": "own/small"},
            {"id": "3", "name": "thinking", "enabled": True, "type": "condition",
             "condition": {"left": "request.body.thinking.type", "operator": "==", "right": "enabled"},
             "rewrites": [{"key": "request.body.model", "value": "own/big"}]},
            {"id": "4", "name": "scripted", "enabled": True, "type": "script", "script": {"source": "return null"}},
            {"id": "5", "name": "header", "enabled": True, "type": "condition",
             "condition": {"left": "request.header.X-Team", "operator": "contains", "right": "blue"},
             "rewrites": [{"key": "request.body.model", "value": "Open Router/c/d"}],
             "fallback": {"mode": "model-chain", "models": ["own/small"]}},
            {"id": "8", "name": "secret", "enabled": True, "type": "condition",
             "condition": {"left": "request.header.authorization", "operator": "==", "right": "1"},
             "rewrites": [{"key": "request.body.model", "value": "own/big"}]},
            {"id": "9", "name": "number", "enabled": True, "type": "condition",
             "condition": {"left": "request.header.x", "operator": "<", "right": "1"},
             "rewrites": [{"key": "request.body.model", "value": "own/big"}]},
            {"id": "6", "name": "more", "enabled": True, "type": "condition",
             "condition": {"left": "request.body.model", "operator": "==", "right": "m"},
             "rewrites": [{"key": "request.body.model", "value": "own/big"},
                          {"key": "request.body.temperature", "value": "0"}]},
            {"id": "7", "name": "unused", "enabled": False, "type": "model-prefix", "pattern": "x", "target": "own/big"},
        ],
    },
    "profile": {
        "enabled": True,
        "profiles": [
            {"agent": "claude-code", "enabled": False, "model": "own/small"},
            {"agent": "claude-code", "enabled": True, "model": "own/big", "haikuModel": "own/small", "opusModel": "",
             "smallFastModel": "own/small"},
            {"agent": "codex", "enabled": True, "model": "own/big"},
        ],
    },
    "virtualModelProfiles": [{"key": "x"}],
    "toolHub": {"enabled": False, "mcpServers": []},
}  # fmt: skip
KEYS = (
    ("mine", CANARY + "k1", "plain", "", ""),
    ("old", CANARY + "k2", "plain", "2026-08-31T23:59:59.000Z", ""),
    ("yours", CANARY + "k3", "plain", "2026-09-01T00:00:01.000Z", '{"rpm": 5}'),
    ("sealed", "AAAA", "safeStorage", "", ""),
)


def imported(folder: Path, settings: object = SETTINGS, **more: object) -> Imported:
    file = folder / "config.sqlite"
    write_version3(file, settings, **more)  # type: ignore[arg-type]
    return decode_version3(read_database(file, NOW), str(file), {})


def as_own_file(folder: Path, found: Imported) -> Configuration:
    """What Trunkline reads in the YAML that is printed, with every variable set to its own name."""
    text = encode_yaml(found.configuration, found.references, found.spelled)
    assert CANARY not in text
    file = folder / "trunkline.yaml"
    file.write_text(text)
    return load_file(file, {name: name for name in found.references.values()})


def test_everything_that_has_a_place_here_is_carried_over(tmp_path: Path) -> None:
    found = imported(tmp_path, keys=KEYS)
    own = as_own_file(tmp_path, found)
    assert (own.server.host, own.server.port) == ("127.0.0.1", 4567)
    assert [key.reveal() for key in own.server.keys] == ["TRUNKLINE_KEY", "TRUNKLINE_KEY_2"]
    assert [key.reveal() for key in found.configuration.server.keys] == [CANARY + "k1", CANARY + "k3"]
    (router, first), (name, second) = own.providers
    assert (router, first.kind, first.models) == ("Open-Router", "openrouter", ("a/b", "c/d"))
    assert (name, second.kind, second.models) == ("own", "custom", ("big", "small"))
    assert second.speaks == (
        ("anthropic_messages", "https://own.example/v1/messages"),
        ("openai_responses", "https://own.example/v1/responses"),
        ("gemini", "https://own.example/v1beta/models"),
    )
    assert dict(second.headers)["x-team"] == "OWN_X_TEAM"
    mine = dict(found.configuration.providers)["own"]
    assert mine.credential is not None
    assert [key.reveal() for key in (mine.credential, *mine.spare)] == [CANARY + "2", CANARY + "3"]
    assert [(one.name, one.options) for one in second.transforms] == [("customparams", {"seed": 4})]
    assert own.models == (
        ModelName("gpt-*", ("Open-Router/c/d", "own/big")),
        ModelName("fast*", ("own/small",)),
        ModelName("claude-*haiku*", ("own/small",)),
    )
    routes = {route: rule.to for route, rule in own.routes}
    assert routes == {
        "default": ("own/big", "own/small"),
        "think": ("own/big", "own/small"),
        "background": ("own/small",),
    }
    assert own.rules == (
        HeaderRule(header="x-team", test="contains", value="blue", to=("Open-Router/c/d", "own/small")),
    )
    assert own.timeouts.up_total_whole == 300


TOLD = [
    'Providers[0].capabilities: "openai_image_generations" is not served here',
    'Providers[2]: "off" is turned off',
    "Providers[3]: has no name",
    'Router.fallback.models: "gone/x" names no provider',
    'Router.rules[3]: the rule "scripted" is not carried over',
    'Router.rules[5]: the rule "secret" is not carried over',
    'Router.rules[6]: the rule "number" is not carried over',
    'Router.rules[7]: the rule "more" is not carried over',
    'Router.rules[8]: the rule "unused" is turned off',
    'api_keys "old": has expired',
    'api_keys "yours": is taken without its limits',
    'api_keys "sealed": is stored in a way',
    "virtualModelProfiles: fusion models are not made here",
    "profile: Codex has its own model",
    "legacy_storage_backups: holds the config.json",
]


def test_everything_else_is_told(tmp_path: Path) -> None:
    found = imported(tmp_path, keys=KEYS, archived="{}")
    said = [str(note) for note in found.notes if note.kind == "warning"]
    for words in TOLD:
        assert any(words in line for line in said), (words, said)
    assert not any("toolHub" in line or CANARY in line for line in said)


def test_a_default_is_found_and_told_where_nothing_names_one(tmp_path: Path) -> None:
    settings = {**SETTINGS, "profile": {"enabled": True, "profiles": []}, "Router": {}}
    found = imported(tmp_path, settings)
    assert dict(found.configuration.routes)["default"].to == ("Open-Router/a/b",)
    assert any("routes.default is Open Router/a/b" in str(note) for note in found.notes)
    assert found.configuration.server.keys == ()


@pytest.mark.parametrize(
    ("mode", "count", "retries"), [("retry", 3, 3), ("retry", 9999, 10), ("off", 5, 1)]
)
def test_retries_are_ours(tmp_path: Path, mode: str, count: int, retries: int) -> None:
    settings = {**SETTINGS, "Router": {"fallback": {"mode": mode, "models": [], "retryCount": count}}}
    assert imported(tmp_path, settings).configuration.retry.per_target == retries


ENDPOINTS = [
    ("https://x.example/v1", "openai_chat", "https://x.example/v1/chat/completions"),
    ("https://x.example/v1/chat/completions/", "openai_chat", "https://x.example/v1/chat/completions"),
    ("https://x.example", "openai_chat", "https://x.example"),
    ("https://x.example", "openai_responses", "https://x.example/v1/responses"),
    ("https://x.example/v1/chat/completions", "openai_responses", "https://x.example/v1/responses"),
    ("https://x.example/anthropic/v1", "anthropic_messages", "https://x.example/anthropic/v1/messages"),
    (
        "https://x.example/anthropic/v1/messages",
        "anthropic_messages",
        "https://x.example/anthropic/v1/messages",
    ),
    ("https://x.example/", "anthropic_messages", "https://x.example/v1/messages"),
    ("https://x.example/v1beta", "gemini", "https://x.example/v1beta/models"),
    ("https://x.example/v1beta/models", "gemini", "https://x.example/v1beta/models"),
]


@pytest.mark.parametrize(("base", "protocol", "url"), ENDPOINTS)
def test_a_base_url_becomes_the_endpoint(base: str, protocol: str, url: str) -> None:
    assert endpoint(base, protocol) == url


def refusal(file: Path) -> str:
    with pytest.raises(ConfigurationError) as refused:
        read_database(file, NOW)
    (problem,) = refused.value.problems
    assert CANARY not in str(problem)
    return str(problem)


OTHER = "CREATE TABLE app_config (key TEXT PRIMARY KEY, value TEXT, updated_at TEXT);"
BROKEN: list[tuple[str, object, str, str]] = [
    ("no settings", "", "DELETE FROM app_config", "nothing was configured"),
    ("not JSON", '{"a": "' + CANARY, "", "are not JSON"),
    ("no table of settings", "{}", "[]", "are not JSON"),
    ("no such table", {}, "DROP TABLE app_config", "has not the tables of claude-code-router 3"),
    ("no such column", {}, "ALTER TABLE app_config RENAME COLUMN value_json TO v", "has not the tables"),
]


@pytest.mark.parametrize(
    ("settings", "statement", "words"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
def test_what_is_none_of_its_files_is_one_clear_error(
    tmp_path: Path, settings: object, statement: str, words: str
) -> None:
    file = tmp_path / "config.sqlite"
    write_version3(file, statement if statement == "[]" else settings, tables=TABLES)
    if statement and statement != "[]":
        with closing(sqlite3.connect(file)) as database, database:
            database.execute(statement)
    assert words in refusal(file)


def test_a_broken_or_foreign_file_is_one_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "config.sqlite"
    assert "is no SQLite file" in refusal(file)
    file.write_bytes(b"")
    assert "is no SQLite file" in refusal(file)
    file.write_text(CANARY)
    assert "is no SQLite file" in refusal(file)
    assert "is no SQLite file" in refusal(tmp_path)
    file.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    assert "is broken" in refusal(file)


def test_a_locked_file_is_one_clear_error(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("trunkline.config.ccr.database.PATIENCE", 0.05)
    file = tmp_path / "config.sqlite"
    write_version3(file, SETTINGS, journal="DELETE")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "is locked by another program" in refusal(file)
        other.execute("ROLLBACK")
        assert read_database(file, NOW).settings["PORT"] == 3456


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_reading_changes_nothing_and_puts_nothing_beside_it(tmp_path: Path, journal: str) -> None:
    file = tmp_path / "config.sqlite"
    write_version3(file, SETTINGS, journal=journal)
    before = file.read_bytes()
    read_database(file, NOW)
    assert (file.read_bytes(), list(tmp_path.iterdir())) == (before, [file])


def test_what_a_running_program_has_written_last_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config.sqlite"
    write_version3(file, SETTINGS)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("""UPDATE app_config SET value_json = '{"PORT": 9999}'""")
        assert Path(f"{file}-wal").exists()
        assert read_database(file, NOW).settings == {"PORT": 9999}

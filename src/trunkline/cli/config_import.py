"""``trunkline config import``: another program's configuration as Trunkline's own."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from trunkline.cli.exits import Failure
from trunkline.cli.listing import json_option, print_json
from trunkline.config.ccr.findings import Imported
from trunkline.config.homes import usual_ccr_file
from trunkline.config.load import read_text
from trunkline.config.yaml_text import encode_yaml


@click.group("import")
def command() -> None:
    """Print another program's configuration as a Trunkline file."""


@command.command("ccr")
@click.argument("file", metavar="[FILE]", required=False)
@click.option("--archived", is_flag=True, help="Version 3: the config.json that it took the place of.")
@json_option
def ccr(file: str | None, archived: bool, as_json: bool) -> None:
    """Print claude-code-router's settings as YAML, and on stderr what became of each key.

    FILE is its config.json or, of version 3, its config.sqlite; it is read and never written. Without it,
    ~/.claude-code-router/config.json, or config.sqlite where there is only that. Credentials that stand in it become
    environment variables, named in the report.

    \b
    Example: trunkline config import ccr > ~/.config/trunkline/config.yaml
    Exit code: 0 fine, 3 invalid.
    """
    from trunkline.config.ccr.database import is_database, usual_database

    path = usual_ccr_file(os.environ) if file is None else Path(file).expanduser()
    if file is None and (archived or not path.exists()) and usual_database(os.environ).exists():
        path = usual_database(os.environ)
    if is_database(path):
        _tell(path, _version3(path, archived), as_json, str(path))
        return
    if archived:
        raise click.UsageError(f"--archived is for a config.sqlite, which {path} is not.")
    from trunkline.config.ccr.document import decode_ccr  # each reader is loaded for its own users

    _print(path, partial(decode_ccr, environ=os.environ), as_json)


def _version3(path: Path, archived: bool) -> Imported:
    from trunkline.config.ccr.database import read_database

    stored = read_database(path, datetime.now(UTC))
    if not archived:
        from trunkline.config.ccr.version3 import decode_version3

        return decode_version3(stored, str(path), os.environ)
    if stored.archived is None:
        raise Failure(f"{path} holds no config.json of an earlier version.")
    from trunkline.config.ccr.document import decode_ccr

    return decode_ccr(stored.archived, str(path), os.environ)


@command.command("proxy-backend")
@click.argument("file", metavar="[FILE]", default=".env")
@json_option
def proxy_backend(file: str, as_json: bool) -> None:
    """Print the PROXY_BACKEND proxy's .env as YAML, and on stderr what became of each variable.

    FILE is read and never written; without it, .env. What the environment sets comes before it.

    \b
    Example: trunkline config import proxy-backend > ~/.config/trunkline/config.yaml
    Exit code: 0 fine, 3 invalid, 4 a credential is missing.
    """
    from trunkline.config.env_file import decode_env
    from trunkline.config.proxy_backend.reader import read_proxy

    def decode(text: str, source: str) -> Imported:
        return read_proxy(source, decode_env(text, os.environ), os.environ)

    _print(Path(file).expanduser(), decode, as_json, PROXY_KEEPS)


@command.command("claude-code-azure")
@click.argument("file", metavar="[FILE]", default="config.yaml")
@json_option
def claude_code_azure(file: str, as_json: bool) -> None:
    """Print claude-code-azure's config.yaml as Trunkline's own, and on stderr what became of each key.

    FILE is read and never written; without it, config.yaml. Credentials that stand in it become environment
    variables, named in the report.

    \b
    Example: trunkline config import claude-code-azure > ~/.config/trunkline/config.yaml
    Exit code: 0 fine, 3 invalid.
    """
    from trunkline.config.claude_code_azure import decode_azure

    _print(Path(file).expanduser(), partial(decode_azure, environ=os.environ), as_json)


@command.command("forgecode")
@click.argument("file", metavar="[FILE]", default="models.json")
@json_option
def forgecode(file: str, as_json: bool) -> None:
    """Print the ForgeCode bridge's models.json as YAML, and on stderr what became of each key.

    FILE is read and never written; without it, models.json in this folder. The gateway's address is taken from
    DATABRICKS_AI_GATEWAY_URL.

    \b
    Example: trunkline config import forgecode models.json > ~/.config/trunkline/config.yaml
    Exit code: 0 fine, 3 invalid.
    """
    from trunkline.config.forgecode.document import decode_forgecode

    _print(Path(file).expanduser(), partial(decode_forgecode, environ=os.environ), as_json)


PROXY_KEEPS = (
    "the .env itself keeps the proxy's health bodies, words of errors, logs/server.log and tools over"
    " OpenRouter: this YAML has Trunkline's own"
)


def _print(path: Path, decode: Callable[[str, str], Imported], as_json: bool, remark: str = "") -> None:
    """The YAML on stdout, the report on stderr. Raises ConfigurationError."""
    _tell(path, decode(read_text(path), str(path)), as_json, "environment", remark)


def _tell(path: Path, imported: Imported, as_json: bool, elsewhere: str, remark: str = "") -> None:
    """``elsewhere``: where something is that has no line."""
    text = encode_yaml(imported.configuration, imported.references, imported.spelled)
    if as_json:
        print_json("config.import", _fields(imported, text))
        return
    click.echo(f"# {path}, as Trunkline reads it.\n{text}", nl=False)
    for note in imported.notes:
        mark = "warning: " if note.kind == "warning" else ""
        place = f"{path}:{note.line}" if note.line else elsewhere
        click.echo(f"{place}: {mark}{note}", err=True)
    for variable, places in _unset(imported).items():
        click.echo(f"set {variable}: the file itself holds this credential ({', '.join(places)})", err=True)
    if remark:
        click.echo(remark, err=True)


def _fields(imported: Imported, text: str) -> dict[str, object]:
    notes = [
        {"line": note.line, "key": note.key, "kind": note.kind, "text": note.text}
        for note in imported.notes
    ]
    source = imported.configuration.source
    return {"source": source, "yaml": text, "notes": notes, "set": _unset(imported)}


def _unset(imported: Imported) -> Mapping[str, list[str]]:
    """Variables that the YAML needs and the file does not use, and where the YAML has them."""
    return {
        variable: [place for place, name in imported.references.items() if name == variable]
        for variable in imported.unset
    }

"""``trunkline config import``: another program's configuration as Trunkline's own."""

import os
from pathlib import Path

import click

from trunkline.cli.listing import json_option, print_json
from trunkline.config.ccr.document import Imported, decode_ccr
from trunkline.config.load import read_text, usual_ccr_file
from trunkline.config.yaml_text import encode_yaml


@click.group("import")
def command() -> None:
    """Print another program's configuration as a Trunkline file."""


@command.command("ccr")
@click.argument("file", metavar="[FILE]", required=False)
@json_option
def ccr(file: str | None, as_json: bool) -> None:
    """Print claude-code-router's config.json as YAML, and on stderr what became of each key.

    FILE is read and never written; without it, ~/.claude-code-router/config.json. Credentials that stand in it
    become environment variables, named in the report.

    \b
    Example: trunkline config import ccr > ~/.config/trunkline/config.yaml
    Exit code: 0 fine, 3 invalid.
    """
    path = usual_ccr_file(os.environ) if file is None else Path(file).expanduser()
    imported = decode_ccr(read_text(path), str(path), os.environ)
    text = encode_yaml(imported.configuration, imported.references, imported.spelled)
    if as_json:
        print_json("config.import", _fields(imported, text))
        return
    click.echo(f"# {path}, as Trunkline reads it.\n{text}", nl=False)
    for note in imported.notes:
        mark = "warning: " if note.kind == "warning" else ""
        click.echo(f"{path}:{note.line}: {mark}{note}", err=True)
    for variable, places in _unset(imported).items():
        click.echo(f"set {variable}: the file itself holds this credential ({', '.join(places)})", err=True)


def _fields(imported: Imported, text: str) -> dict[str, object]:
    notes = [
        {"line": note.line, "key": note.key, "kind": note.kind, "text": note.text}
        for note in imported.notes
    ]
    source = imported.configuration.source
    return {"source": source, "yaml": text, "notes": notes, "set": _unset(imported)}


def _unset(imported: Imported) -> dict[str, list[str]]:
    """Variables that the YAML needs and the file does not use, and where the YAML has them."""
    return {
        variable: [place for place, name in imported.references.items() if name == variable]
        for variable in imported.unset
    }

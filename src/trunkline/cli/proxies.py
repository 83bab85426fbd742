"""What ``start_server.py`` and ``server.py`` do: the commands of two older proxies, run in their users' folders."""

import os
import sys
from typing import Final

import click

from trunkline.app.composition import is_rehearsal
from trunkline.app.logs import configure_logging
from trunkline.app.reloading import file_source, make_application
from trunkline.cli.exits import CONFIGURATION, Failure
from trunkline.cli.outcome import explained, run, say
from trunkline.cli.sources import load_configuration, load_providers
from trunkline.config.claude_code_azure import PROVIDERS
from trunkline.config.load import FOLDER_VARIABLE, working_file
from trunkline.config.schema import Configuration
from trunkline.server.plain import PlainApplication

NO_FILE: Final = (
    "config.yaml not found: copy config.yaml.example to config.yaml here and fill it in, or name another"
    " configuration in TRUNKLINE_CONFIG"
)


def start_server(arguments: list[str]) -> int:
    """``python start_server.py``: the gateway on the variables of this folder's proxy; the exit code.

    The ``.env`` of the working directory comes before what else Trunkline would find: who runs this means it.
    """
    os.environ.setdefault(FOLDER_VARIABLE, os.getcwd())
    here = working_file()
    named = ["--config", str(here)] if here is not None and not os.environ.get("TRUNKLINE_CONFIG") else []
    return run(["serve", *named, *arguments])


def uvicorn_application() -> PlainApplication:
    """``uvicorn server:app``: the application for a server of the user's own; ends the process when it cannot be."""
    try:
        return _application()
    except Exception as error:  # noqa: BLE001 - a user sees words, no stack
        lines, code = explained(error)
        say(lines)
        sys.exit(code)


def _application() -> PlainApplication:
    configure_logging()
    here = working_file() if not os.environ.get("TRUNKLINE_CONFIG") else None
    path = None if here is None else str(here)
    configuration = load_configuration(path)
    if is_rehearsal(configuration) and not os.environ.get("TRUNKLINE_CONFIG"):
        raise Failure(NO_FILE, CONFIGURATION)
    providers = load_providers(configuration)
    if configuration.dialect == "claude-code-azure":
        click.echo(summary(configuration))
    return PlainApplication(
        make_application(configuration, providers, file_source(configuration, path)),
        stall=configuration.timeouts.client_write_stall,
    )


def summary(configuration: Configuration) -> str:
    """What claude-code-azure prints at its start (databricks.md 7.2)."""
    configured = {name for name, _ in configuration.providers}
    categories = {name.pattern: name.to[0] for name in configuration.models}
    return "\n".join(
        [
            "Available provider configurations:",
            *(
                f"  {name}: {'CONFIGURED' if name in configured else 'NOT CONFIGURED'}"
                for name in PROVIDERS
            ),
            "Configured model categories:",
            *(f"  {name}: {categories[name]}" for name in ("large", "small")),
        ]
    )

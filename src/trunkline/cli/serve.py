"""``trunkline serve``: the gateway in the foreground."""

import os

import click
from msgspec import structs

from trunkline.app.composition import is_rehearsal
from trunkline.app.logs import configure_logging
from trunkline.app.reloading import file_source
from trunkline.app.serving import serve
from trunkline.cli.listing import config_option
from trunkline.cli.service.probe import reachable, url
from trunkline.cli.sources import load_configuration, load_providers, origin
from trunkline.config.schema import Configuration

SHOWN = 20
"""Models named at the start; ``trunkline models`` lists all."""


@click.command("serve")
@config_option
@click.option("--host", help="The address to listen on; beyond this machine only with server.keys.")
@click.option("--port", type=click.IntRange(0, 65_535), help="The port; 0 picks a free one and prints it.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
def command(path: str | None, host: str | None, port: int | None, workers: int) -> None:
    """Run the gateway in the foreground until it is told to stop.

    \b
    Examples: trunkline serve
              trunkline serve --config trunkline.yaml --port 4000
    """
    configure_logging()
    said = load_configuration(path)
    server = said.server
    server = structs.replace(server, host=host or server.host, port=server.port if port is None else port)
    configuration = structs.replace(said, server=server)
    providers = load_providers(configuration)

    def announce(host: str, port: int) -> None:
        names = [f"{name}/{model}" for name, provider in providers.items() for model in provider.models]
        _say(banner(configuration, names, reachable(host), port))

    serve(
        configuration,
        providers,
        source=file_source(said, path),
        path=path,
        workers=workers,
        on_started=announce,
    )


def banner(configuration: Configuration, names: list[str], host: str, port: int) -> str:
    """What a user needs to know once the gateway answers."""
    address = url(host, port)
    token = "<one of server.keys>" if configuration.server.keys else "trunkline"
    lines = [
        f"Trunkline listens on {address}",
        f"  configuration  {origin(configuration)}",
        f"  models         {_shown(configuration, names)}",
        f"  Claude Code    ANTHROPIC_BASE_URL={address} ANTHROPIC_AUTH_TOKEN={token} claude",
    ]
    if any(settings.client_token and settings.paths for _, settings in configuration.providers):
        from trunkline.cli.bridge import forge_login  # the bridge's users alone need it

        lines += forge_login(address)
    if is_rehearsal(configuration):
        lines.append(
            "  Rehearsal: no provider is configured, answers are recordings. Set DATABRICKS_HOST and"
        )
        lines.append(
            "  DATABRICKS_TOKEN, another provider's key, or write ~/.config/trunkline/config.yaml."
        )
    return "\n".join(lines)


def _shown(configuration: Configuration, names: list[str]) -> str:
    all_names = [name.pattern for name in configuration.models] + names
    if not all_names:
        return "as the providers list them: trunkline models"
    more = f" and {len(all_names) - SHOWN} more: trunkline models" if len(all_names) > SHOWN else ""
    return ", ".join(all_names[:SHOWN]) + more


def _say(text: str) -> None:
    """To stdout; that nobody reads it is no reason not to serve."""
    try:
        click.echo(text)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

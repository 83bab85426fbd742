"""What ``databricks_proxy.py`` does: the command of the ForgeCode bridge, run as its users know it (databricks.md 7.1)."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click
from msgspec import Struct, structs

from trunkline.app.fronts import BRIDGE_MODEL
from trunkline.app.logs import configure_logging
from trunkline.app.providers import make_providers
from trunkline.app.reloading import Source
from trunkline.app.serving import serve
from trunkline.catalog.providers import provider_entry
from trunkline.cli.exits import FAILED
from trunkline.cli.outcome import explained, say
from trunkline.cli.service.probe import reachable, url
from trunkline.config.addresses import host_fault
from trunkline.config.env_file import decode_env
from trunkline.config.forgecode.document import URL, bridge_settings, lenient_models
from trunkline.config.forgecode.models_file import ModelsFile, built_in
from trunkline.config.load import read_text
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration, Server, Timeouts
from trunkline.providers.databricks.hosts import read_host
from trunkline.providers.databricks.models import best_claude

ENV_FILE: Final = ".env"
MODELS_FILE: Final = "models.json"
NOT_SET: Final = (
    f"Error: {URL} is not set.",
    f'  export {URL}="https://<workspace-id>.ai-gateway.azuredatabricks.net"',
    "  or: cp .env.example .env && source .env",
)
NO_ADDRESS: Final = ("is not a host name", "is not a URL: it has no host or holds a blank")


class Bridge(Struct, frozen=True):
    """A configuration, and what its banner says of it."""

    configuration: Configuration
    models: ModelsFile
    listed: bool
    """The models are the user's own list."""


@click.command("databricks_proxy.py")
@click.option("--port", type=click.IntRange(0, 65_535), default=8080, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--upstream-timeout", type=click.IntRange(1), default=300, show_default=True)
@click.option("--max-read-timeouts", type=click.IntRange(1), default=24, show_default=True)
@click.pass_obj
def command(folder: Path, port: int, host: str, upstream_timeout: int, max_read_timeouts: int) -> int:
    """Bridge ForgeCode to the Databricks AI Gateway named by DATABRICKS_AI_GATEWAY_URL.

    Each client's own token is passed on. UPSTREAM_TIMEOUT seconds of silence, MAX_READ_TIMEOUTS times in a row, end a
    request.
    """
    configure_logging()
    environ = environment(folder, os.environ)
    if fault := address_fault(environ):
        for line in fault:
            click.echo(line, err=True)
        return FAILED
    bridge = make_bridge(folder, environ)
    for warning in bridge.configuration.warnings:
        click.echo(f"Warning: {warning}", err=True)
    silence = float(min(upstream_timeout * max_read_timeouts, 86_400))

    def fitted(configuration: Configuration) -> Configuration:
        server = Server(host=host, port=port, own_tokens=True)
        return structs.replace(configuration, server=server, timeouts=patient(silence))

    configuration = fitted(bridge.configuration)
    again = Source(said=configuration, read=lambda: fitted(make_bridge(folder, environ).configuration))

    def announce(host: str, port: int) -> None:
        click.echo(banner(bridge, reachable(host), port, (upstream_timeout, max_read_timeouts)))

    providers = make_providers(configuration)
    serve(configuration, providers, source=again, path=None, workers=1, on_started=announce)
    click.echo("\n  Bridge stopped. Goodbye!")
    return 0


def run(arguments: list[str], folder: Path) -> int:
    """The command line of a ``databricks_proxy.py`` in ``folder``; the exit code. Never shows a traceback."""
    try:
        result: object = command.main(
            args=arguments, prog_name="databricks_proxy.py", standalone_mode=False, obj=folder
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except Exception as error:  # noqa: BLE001 - a user sees words, no stack
        lines, code = explained(error)
        say(lines)
        return code
    return result if isinstance(result, int) else 0


def environment(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment, and of the folder's ``.env`` what it does not set. Raises ConfigurationError."""
    file = folder / ENV_FILE
    if not file.is_file():
        return dict(environ)
    variables = decode_env(read_text(file), environ)
    return {name: variable.value for name, variable in variables.items()} | dict(environ)


def address_fault(environ: Mapping[str, str]) -> tuple[str, ...]:
    """What is wrong with the gateway's address, in the bridge's words; nothing when it may be used."""
    host = environ.get(URL, "").strip()
    if not host:
        return NOT_SET
    fault = host_fault(host)
    if not fault:
        return ()
    return (f"Error: {URL} {'must include scheme and host.' if fault in NO_ADDRESS else fault}",)


def make_bridge(folder: Path, environ: Mapping[str, str]) -> Bridge:
    """The bridge, with the list of models in the script's folder or the one it is started in."""
    found: ModelsFile | None = None
    warnings: tuple[str, ...] = ()
    for file in (folder / MODELS_FILE, Path(MODELS_FILE)):
        if file.exists():
            try:
                found, warnings = lenient_models(file, read_text(file))
            except ConfigurationError as error:
                warnings = (f"{error}; using built-in model list.",)
            break
    models = found or built_in()
    settings = bridge_settings(
        {URL: environ[URL]}, models
    )  # of its environment the bridge reads this alone
    configuration = Configuration(
        source="environment", providers=(("databricks", settings),), warnings=warnings
    )
    return Bridge(configuration, models, found is not None)


def patient(silence: float) -> Timeouts:
    """Waits of ``silence`` seconds wherever the gateway says nothing."""
    return Timeouts(
        up_headers_stream=silence,
        up_headers_whole=silence,
        up_first_event=silence,
        up_idle=silence,
        up_total_whole=silence,
    )


def forge_login(address: str) -> list[str]:
    """How to tell ForgeCode, once."""
    return [
        "  Configure ForgeCode (first time only):",
        "    forge provider login openai_compatible",
        f"      URL     → {address}",
        "      API Key → <Your Databricks Personal Access Token>",
    ]


def suggested(models: tuple[str, ...]) -> str:
    """The model that users are told to begin with."""
    if BRIDGE_MODEL in models:
        return BRIDGE_MODEL
    return best_claude(models).get("sonnet") or models[0]


def banner(bridge: Bridge, host: str, port: int, patience: tuple[int, int]) -> str:
    """The bridge's own, for users and their scripts."""
    address = url(host, port)
    entry = provider_entry("databricks")
    models = bridge.models.models or (() if entry is None else entry.usual)
    source = MODELS_FILE if bridge.listed else "built-in list"
    endpoints = [f"{alias:<6} -> {path}" for alias, path in sorted(bridge.models.endpoints)]
    gateway = read_host(URL, bridge.configuration.providers[0][1].host or "").base
    lines = [
        "",
        "  ForgeCode ↔ Databricks AI Gateway Bridge",
        "  ─────────────────────────────────────────",
        f"  Listening on : {address}",
        f"  Gateway base : {gateway}",
        f"  Models       : {len(models)} available (from {source})",
        f"  Endpoints    : {endpoints[0]}",
        *(f"                 {endpoint}" for endpoint in endpoints[1:]),
        f"  Timeouts     : upstream={patience[0]}s, max consecutive read timeouts={patience[1]}",
        "",
        *forge_login(address),
        "",
        "  Set active model:",
        f"    forge config set model {suggested(models)}",
        "",
        "  Press Ctrl+C to stop.",
        "",
    ]
    return "\n".join(lines)

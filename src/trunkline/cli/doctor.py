"""``trunkline doctor``: is everything in place, and what to do where it is not."""

import asyncio
import os
from collections.abc import Sequence
from typing import Final

import click

from trunkline.app.discovery import Listing
from trunkline.app.providers import find_credentials, make_providers, missing_credentials
from trunkline.app.tables import look_around
from trunkline.cli.exits import CONFIGURATION, CREDENTIAL, FAILED, FINE, UNREACHABLE
from trunkline.cli.listing import config_option, json_option, print_json
from trunkline.cli.sources import origin
from trunkline.config.addresses import is_loopback
from trunkline.config.load import load
from trunkline.config.schema import Configuration
from trunkline.core.errors import Kind
from trunkline.providers.finding import Finding, State
from trunkline.providers.provider import Provider

CODES: Final = {
    Kind.INVALID_REQUEST: CONFIGURATION,
    Kind.AUTHENTICATION: CREDENTIAL,
    Kind.PERMISSION: CREDENTIAL,
    Kind.UNREACHABLE: UNREACHABLE,
    Kind.TIMEOUT: UNREACHABLE,
}


@click.command("doctor")
@click.argument("subject", required=False, type=click.Choice(["databricks"]), metavar="[databricks]")
@click.option(
    "--ask",
    "asked",
    metavar="MODEL",
    multiple=True,
    help="databricks: also send MODEL a small question over each of its routes; may be repeated.",
)
@config_option
@json_option
def command(subject: str | None, asked: tuple[str, ...], path: str | None, as_json: bool) -> int:
    """Check the configuration, its file, and that every provider can be reached with its credential.

    "doctor databricks" looks closer at each Databricks workspace: its address, the token, grants, the AI
    gateway, the models. Providers are only asked for lists: nothing costs tokens but --ask.

    \b
    Example: trunkline doctor databricks --ask databricks-claude-sonnet-4-5
    Exit code: 0 fine, 1 something else, 3 configuration, 4 a credential is missing or rejected, 5 a provider
    is unreachable.
    """
    if subject is not None:
        from trunkline.cli.doctor_databricks import examine_workspaces  # more than the general check needs

        findings = examine_workspaces(path, asked)
    elif asked:
        raise click.UsageError("--ask needs a subject: trunkline doctor databricks --ask MODEL")
    else:
        findings = examine(path)
    if as_json:
        print_json("doctor", {"checks": [_row(finding) for finding in findings]})
    else:
        show(findings)
    codes = (
        CODES.get(one.kind, FAILED) for one in findings if one.state == "fail" and one.kind is not None
    )
    return min(codes, default=FINE)


def _row(finding: Finding) -> dict[str, str]:
    row = {"check": finding.check, "state": finding.state, "message": finding.message}
    more = {"problem": finding.problem, "fix": finding.fix}
    return row | {name: value for name, value in more.items() if value}


def show(findings: Sequence[Finding]) -> None:
    """One line a finding, its name at the end; the fix on a line of its own."""
    for one in findings:
        name = f" [{one.problem}]" if one.problem else ""
        click.echo(f"{one.state:<4}  {one.check}: {one.message}{name}")
        if one.fix:
            click.echo(f"      fix: {one.fix}")


def examine(path: str | None) -> list[Finding]:
    """All checks in order. Raises ConfigurationError."""
    configuration = load(path, os.environ)
    providers = make_providers(configuration)
    findings = [_finding("configuration", "ok", origin(configuration))]
    findings += [_finding("configuration", "warn", warning) for warning in configuration.warnings]
    server = configuration.server
    reach = "this machine only" if is_loopback(server.host) else f"{len(server.keys)} client keys"
    findings.append(_finding("server", "ok", f"{server.host} port {server.port}, {reach}"))
    listings = asyncio.run(ask(configuration, providers))
    credentials = find_credentials(configuration, os.environ)
    return findings + [
        examine_provider(provider, missing_credentials({name: provider}, credentials), listings.get(name))
        for name, provider in providers.items()
    ]


async def ask(configuration: Configuration, providers: dict[str, Provider]) -> dict[str, Listing]:
    """The lists of all providers, also of those whose models are configured."""
    _, listings = await look_around(configuration, providers, everyone=True)
    return {listing.provider: listing for listing in listings}


def examine_provider(provider: Provider, missing: tuple[str, ...], listing: Listing | None) -> Finding:
    """What one provider's answer means; ``missing`` says that it has no credential."""
    found = _examined(provider, missing, listing)
    if provider.kind != "databricks" or found.state == "ok":
        return found
    return Finding(
        check=found.check,
        state=found.state,
        message=found.message,
        kind=found.kind,
        fix="trunkline doctor databricks",
    )


def _examined(provider: Provider, missing: tuple[str, ...], listing: Listing | None) -> Finding:
    check = f"provider {provider.name}"
    if provider.kind == "rehearsal":
        return _finding(check, "warn", "answers are recordings: no provider is configured")
    for message in missing:
        return _finding(check, "fail", message, Kind.AUTHENTICATION)
    if listing is None:
        return _finding(
            check, "skip", "it is asked with each client's own token, and cannot be asked without"
        )
    if listing.error is not None:
        if listing.error.kind is Kind.NOT_FOUND:
            return _finding(check, "warn", "reachable, but it has no list of models")
        kind = (
            listing.error.kind if listing.error.kind is not Kind.INVALID_REQUEST else Kind.UPSTREAM_FAILED
        )
        return _finding(check, "fail", listing.error.message, kind)
    if not listing.models:
        return _finding(check, "warn", "reachable, but it lists no models")
    listed = {known.id for known in listing.models}
    unlisted = [model for model in provider.models if model not in listed]
    if unlisted:
        return _finding(check, "warn", f"reachable, but it does not list {', '.join(unlisted)}")
    return _finding(check, "ok", f"reachable, {len(listing.models)} models")


def _finding(check: str, state: State, message: str, kind: Kind | None = None) -> Finding:
    return Finding(check=check, state=state, message=message, kind=kind)

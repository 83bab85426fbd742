"""``trunkline doctor``: is everything in place, and what to do where it is not."""

import asyncio
import os

import click
from msgspec import Struct

from trunkline.app.composition import look_around
from trunkline.app.discovery import Listing
from trunkline.app.providers import find_credentials, make_providers, missing_credentials
from trunkline.cli.exits import CREDENTIAL, FAILED, FINE, UNREACHABLE
from trunkline.cli.listing import config_option, json_option, print_json
from trunkline.cli.sources import origin
from trunkline.config.addresses import is_loopback
from trunkline.config.load import load
from trunkline.config.schema import Configuration
from trunkline.core.errors import Kind
from trunkline.providers.provider import Provider

CODES = {
    Kind.AUTHENTICATION: CREDENTIAL,
    Kind.PERMISSION: CREDENTIAL,
    Kind.UNREACHABLE: UNREACHABLE,
    Kind.TIMEOUT: UNREACHABLE,
}


class Finding(Struct, frozen=True):
    """One check: ``ok``, ``warn``, ``fail`` or ``skip``, and what to do. ``code`` is the exit code of a failure."""

    check: str
    state: str
    message: str
    code: int = FINE


@click.command("doctor")
@config_option
@json_option
def command(path: str | None, as_json: bool) -> int:
    """Check the configuration, its file, and that every provider can be reached with its credential.

    Providers are only asked for their lists of models: nothing here costs tokens.

    \b
    Exit code: 0 fine, 3 configuration, 4 a credential is missing or rejected, 5 a provider is unreachable.
    """
    findings = examine(path)
    if as_json:
        rows = [
            {"check": finding.check, "state": finding.state, "message": finding.message}
            for finding in findings
        ]
        print_json("doctor", {"checks": rows})
    else:
        for finding in findings:
            click.echo(f"{finding.state:<4}  {finding.check}: {finding.message}")
    return min((finding.code for finding in findings if finding.code), default=FINE)


def examine(path: str | None) -> list[Finding]:
    """All checks in order. Raises ConfigurationError."""
    configuration = load(path, os.environ)
    providers = make_providers(configuration)
    findings = [Finding("configuration", "ok", origin(configuration))]
    findings += [Finding("configuration", "warn", warning) for warning in configuration.warnings]
    server = configuration.server
    reach = "this machine only" if is_loopback(server.host) else f"{len(server.keys)} client keys"
    findings.append(Finding("server", "ok", f"{server.host} port {server.port}, {reach}"))
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
    check = f"provider {provider.name}"
    if provider.kind == "rehearsal":
        return Finding(check, "warn", "answers are recordings: no provider is configured")
    for message in missing:
        return Finding(check, "fail", message, CREDENTIAL)
    if listing is None:
        return Finding(check, "skip", "it cannot be asked")
    if listing.error is not None:
        if listing.error.kind is Kind.NOT_FOUND:
            return Finding(check, "warn", "reachable, but it has no list of models")
        return Finding(check, "fail", listing.error.message, CODES.get(listing.error.kind, FAILED))
    if not listing.models:
        return Finding(check, "warn", "reachable, but it lists no models")
    listed = {known.id for known in listing.models}
    unlisted = [model for model in provider.models if model not in listed]
    if unlisted:
        return Finding(check, "warn", f"reachable, but it does not list {', '.join(unlisted)}")
    return Finding(check, "ok", f"reachable, {len(listing.models)} models")

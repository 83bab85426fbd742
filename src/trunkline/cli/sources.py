"""The configuration a command works on, with its warnings said once."""

import os

import click

from trunkline.app.providers import find_credentials, make_providers, missing_credentials
from trunkline.config.load import load
from trunkline.config.schema import Configuration
from trunkline.providers.provider import Provider

ORIGINS = {"environment": "environment variables", "rehearsal": "none: rehearsal"}


def load_configuration(path: str | None) -> Configuration:
    """The configuration, warnings on stderr. Raises ConfigurationError."""
    configuration = load(path, os.environ)
    for warning in configuration.warnings:
        click.echo(f"trunkline: warning: {warning}", err=True)
    return configuration


def load_providers(configuration: Configuration) -> dict[str, Provider]:
    """Its providers, with a warning for each that lacks a credential. Raises ConfigurationError."""
    providers = make_providers(configuration)
    for warning in missing_credentials(providers, find_credentials(configuration, os.environ)):
        click.echo(f"trunkline: warning: {warning}", err=True)
    return providers


def origin(configuration: Configuration) -> str:
    """Where it came from, in words."""
    return ORIGINS.get(configuration.source, configuration.source)

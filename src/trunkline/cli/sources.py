"""The configuration a command works on, with its warnings said once."""

import os

import click

from trunkline.config.load import load
from trunkline.config.schema import Configuration

ORIGINS = {"environment": "environment variables", "rehearsal": "none: rehearsal"}


def load_configuration(path: str | None) -> Configuration:
    """The configuration, warnings on stderr. Raises ConfigurationError."""
    configuration = load(path, os.environ)
    for warning in configuration.warnings:
        click.echo(f"trunkline: warning: {warning}", err=True)
    return configuration


def origin(configuration: Configuration) -> str:
    """Where it came from, in words."""
    return ORIGINS.get(configuration.source, configuration.source)

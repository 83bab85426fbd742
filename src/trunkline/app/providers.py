"""The configured providers as objects, or what is wrong with their settings and where."""

from trunkline.config.load import REHEARSAL, line_in
from trunkline.config.problems import ConfigurationError, Problem
from trunkline.config.schema import Configuration, ProviderSettings
from trunkline.providers.problems import SettingsError
from trunkline.providers.provider import Provider
from trunkline.providers.registry import make_provider
from trunkline.providers.rehearsal import RehearsalProvider


def make_providers(configuration: Configuration) -> dict[str, Provider]:
    """All providers by name, in the configuration's order.

    Raises ConfigurationError with every provider whose settings cannot work: an unknown kind, a missing
    host.
    """
    found: dict[str, Provider] = {}
    problems: list[Problem] = []
    for name, settings in configuration.providers:
        try:
            found[name] = _make(name, settings)
        except SettingsError as error:
            problems.append(_problem(configuration.source, name, str(error)))
    if problems:
        raise ConfigurationError(tuple(problems))
    return found


def _make(name: str, settings: ProviderSettings) -> Provider:
    if settings.kind == REHEARSAL:
        return RehearsalProvider(name, settings.models)
    return make_provider(name, settings)


def _problem(source: str, name: str, message: str) -> Problem:
    """The message begins with the key it is about; its line is in the file."""
    key, colon, rest = message.partition(": ")
    if not colon or not key.startswith("providers."):
        key, rest = f"providers.{name}", message
    return Problem(file=source, line=line_in(source, key), key=key, message=rest)

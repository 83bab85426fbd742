"""The configured providers as objects, or what is wrong with their settings and where."""

from collections.abc import Mapping, Set

from trunkline.app.plugins import plugin_problems
from trunkline.catalog.providers import provider_entry
from trunkline.config.databricks_login import picks_login, usual_login
from trunkline.config.load import REHEARSAL, line_in
from trunkline.config.problems import ConfigurationError, Problem
from trunkline.config.schema import ClientToken, CloudLogin, Configuration, Login, ProviderSettings
from trunkline.config.secret import Secret
from trunkline.config.transforms import NO_PLUGINS
from trunkline.providers.problems import SettingsError
from trunkline.providers.provider import Provider
from trunkline.providers.registry import make_provider
from trunkline.providers.rehearsal import RehearsalProvider
from trunkline.providers.transformed import TransformedProvider


def make_providers(configuration: Configuration) -> dict[str, Provider]:
    """All providers by name, in the configuration's order.

    Raises ConfigurationError with every provider whose settings cannot work: an unknown kind, a missing
    host; and with every plugin that cannot be run here.
    """
    found: dict[str, Provider] = {}
    problems: list[Problem] = []
    for name, settings in configuration.providers:
        try:
            found[name] = _make(name, settings)
        except SettingsError as error:
            problems.append(_problem(configuration.source, name, str(error)))
    problems += plugin_problems(configuration)
    if problems:
        raise ConfigurationError(tuple(problems))
    return found


def with_transforms(
    configuration: Configuration, providers: Mapping[str, Provider], plugins: Set[str] = NO_PLUGINS
) -> dict[str, Provider]:
    """The providers as requests are to see them: those that have transforms, with these."""
    settings = dict(configuration.providers)
    return {
        name: TransformedProvider(provider, settings[name], plugins)
        if settings[name].transforms or settings[name].model_transforms
        else provider
        for name, provider in providers.items()
    }


def find_credentials(
    configuration: Configuration, environ: Mapping[str, str]
) -> dict[str, Secret | Login | CloudLogin | ClientToken]:
    """What each provider authenticates with: its own credential or login, else what is usual for its kind."""
    found: dict[str, Secret | Login | CloudLogin | ClientToken] = {}
    for name, settings in configuration.providers:
        own = ClientToken() if settings.client_token else settings.credential or settings.login
        usual = None if own or settings.auth == "none" else _usual_for(settings, environ)
        if own is not None:
            found[name] = own
        elif usual is not None:
            found[name] = usual
    return found


def _usual_for(
    settings: ProviderSettings, environ: Mapping[str, str]
) -> Secret | Login | CloudLogin | None:
    cloud = _cloud_login(settings)
    if cloud is not None and (settings.credentials_file or settings.profile or settings.service_account):
        return cloud
    key = _usual(settings.kind, environ)
    if key is None and cloud is not None:
        return cloud
    if settings.kind == "databricks" and (key is None or picks_login(environ)):
        login = usual_login(environ, settings.host or settings.url or "")
        if login is not None:
            return login
    return None if key is None else Secret(key)


def _cloud_login(settings: ProviderSettings) -> CloudLogin | None:
    """What a cloud's own library is asked for, for the kinds that have one."""
    entry = provider_entry(settings.kind)
    if entry is not None and entry.kind == "vertex":
        return CloudLogin(kind="google", file=settings.credentials_file, account=settings.service_account)
    if entry is not None and entry.kind == "bedrock":
        return CloudLogin(kind="aws", profile=settings.profile, region=settings.region or "")
    return None


def _usual(kind: str, environ: Mapping[str, str]) -> str | None:
    entry = provider_entry(kind)
    names = () if entry is None else entry.env
    return next((environ[name].strip() for name in names if environ.get(name, "").strip()), None)


def missing_credentials(
    providers: Mapping[str, Provider], credentials: Mapping[str, object]
) -> tuple[str, ...]:
    """A warning for each provider that needs a credential and has none."""
    return tuple(
        f"provider {name} has no credential: give its token or key{_or_variable(provider.kind)}"
        for name, provider in providers.items()
        if provider.needs_credential and name not in credentials
    )


def client_tokens(configuration: Configuration) -> frozenset[str]:
    """The providers that are asked with the client's own token."""
    return frozenset(name for name, settings in configuration.providers if settings.client_token)


def _or_variable(kind: str) -> str:
    entry = provider_entry(kind)
    return f", or set {entry.env[0]}" if entry is not None and entry.env else ""


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

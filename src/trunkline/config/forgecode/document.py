"""The ForgeCode bridge as a configuration: its address, the client's own token, and its list of models."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import structs

from trunkline.config.addresses import host_fault
from trunkline.config.ccr.findings import Findings, Imported
from trunkline.config.databricks_login import picks_login, usual_login
from trunkline.config.forgecode.models_file import ModelsFile, built_in, decode_models
from trunkline.config.problems import ConfigurationError, Problem
from trunkline.config.schema import Configuration, ProviderSettings, Server
from trunkline.config.secret import Secret
from trunkline.config.section import Reading

__all__ = ["bridge_settings", "built_in", "decode_forgecode", "lenient_models", "with_models"]

URL: Final = "DATABRICKS_AI_GATEWAY_URL"
TOKEN: Final = "DATABRICKS_TOKEN"  # noqa: S105 - the variable's name
SOURCE: Final = "environment"
PORT: Final = 8080
PROVIDER: Final = "databricks"

NOT_SET: Final = (
    f'is not set. Run: export {URL}="https://<workspace-id>.ai-gateway.azuredatabricks.net",'
    " or: cp .env.example .env && source .env"
)


def decode_forgecode(text: str, file: str, environ: Mapping[str, str]) -> Imported:
    """The configuration of a ``models.json``, which is never written to; the gateway's address is the environment's.

    Raises ConfigurationError with every mistake.
    """
    findings = Findings(Reading(file, environ))
    models = decode_models(findings, text)
    problems = list(findings.reading.problems)
    try:
        settings = bridge_settings(environ, models)
    except ConfigurationError as error:
        raise ConfigurationError((*problems, *error.problems)) from None
    if problems:
        raise ConfigurationError(tuple(sorted(problems, key=lambda problem: problem.line or 0)))
    if settings.credential is not None:
        findings.refer(f"providers.{PROVIDER}.token", TOKEN, TOKEN)
    configuration = Configuration(
        source=file,
        server=Server(port=PORT, own_tokens=settings.client_token),
        providers=((PROVIDER, settings),),
        warnings=findings.warnings,
    )
    return findings.imported(configuration)


def bridge_settings(environ: Mapping[str, str], models: ModelsFile) -> ProviderSettings:
    """The bridge's one provider; without a credential in the environment each client's own token is passed on.

    Raises ConfigurationError for an address or a token that cannot be one.
    """
    host = environ.get(URL, "").strip()
    if fault := host_fault(host) if host else NOT_SET:
        raise _invalid(URL, fault)
    settings = ProviderSettings(kind="databricks", host=host, models=models.models, paths=models.paths)
    token = environ.get(TOKEN, "").strip()
    login = usual_login(environ, host) if not token or picks_login(environ) else None
    if login is not None:
        return structs.replace(settings, login=login)
    if not token:
        return structs.replace(settings, client_token=True)
    if not token.isascii() or not token.isprintable() or " " in token:
        raise _invalid(TOKEN, "holds a blank or a letter that a credential cannot have")
    return structs.replace(settings, credential=Secret(token))


def with_models(configuration: Configuration, path: Path, text: str) -> Configuration:
    """The environment's configuration with the list that its user keeps at ``path``.

    One that cannot be used is left aside with a warning, as the bridge does.
    """
    models, warnings = lenient_models(path, text)
    if models is None:
        return structs.replace(configuration, warnings=(*configuration.warnings, *warnings))
    providers = tuple(
        (name, structs.replace(settings, models=models.models, paths=models.paths))
        if name == PROVIDER
        else (name, settings)
        for name, settings in configuration.providers
    )
    return structs.replace(
        configuration, providers=providers, warnings=(*configuration.warnings, *warnings)
    )


def lenient_models(path: Path, text: str) -> tuple[ModelsFile | None, tuple[str, ...]]:
    """The list, None when it cannot be used, and what is to be said about it."""
    findings = Findings(Reading(str(path), {}))
    try:
        models = decode_models(findings, text)
        if findings.reading.problems:
            raise ConfigurationError(tuple(findings.reading.problems))
    except ConfigurationError as error:
        return None, tuple(
            f"Could not read {path}: {fault.message}; using built-in model list."
            for fault in error.problems
        )
    return models, findings.warnings


def _invalid(name: str, message: str) -> ConfigurationError:
    return ConfigurationError((Problem(file=SOURCE, key=name, message=message),))

"""The settings of claude-code-router 3 as a configuration: through version 2's form, whose reader does the work (ccr.md 8)."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import structs

from trunkline.config.ccr.database import Stored
from trunkline.config.ccr.document import decode_ccr
from trunkline.config.ccr.findings import Findings, Imported
from trunkline.config.ccr.router import target_of
from trunkline.config.ccr.version3_providers import (
    Ported,
    Table,
    as_list,
    as_table,
    port_providers,
    text_in,
)
from trunkline.config.ccr.version3_routes import Routing, port_routing
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration, HeaderRule, ModelName, ProviderSettings
from trunkline.config.section import Reading

TAKEN: Final = ("APIKEY", "HOST", "PORT", "API_TIMEOUT_MS", "CUSTOM_ROUTER_PATH")
UNSERVED: Final = {
    "plugins": "extensions are not run here",
    "providerPlugins": "provider plugins, as accounts that agents are logged in with, are not used here",
    "virtualModelProfiles": "fusion models are not made here",
    "agent": "MCP servers are the agents' own here",
    "toolHub": "there is no tool hub here",
    "mediaTools": "there are no media tools here",
    "botGateway": "chat bots are not connected here",
    "contextArchive": "there is no context archive here",
    "proxy": "there is no proxy mode here: trunkline launch AGENT wires agents",
}
_NO_WORD: Final = re.compile(r"\W+")


def decode_version3(stored: Stored, file: str, environ: Mapping[str, str]) -> Imported:
    """The configuration that the settings mean, with a note on each of them. Raises ConfigurationError."""
    findings = Findings(Reading(file, environ))

    def warn(key: str, text: str) -> None:
        findings.warn(0, key, text)

    providers = port_providers(stored.settings, warn)
    routing = port_routing(stored.settings, providers, warn)
    document = _document(stored, providers, routing, Path(file))
    try:
        imported = decode_ccr(msgspec.json.encode(document).decode(), file, environ)
    except ConfigurationError as error:  # lines would be those of a text that nobody has
        problems = tuple(structs.replace(problem, line=None) for problem in error.problems)
        raise ConfigurationError(problems) from None
    findings.notes += [structs.replace(note, line=0) for note in imported.notes]
    findings.references |= imported.references
    findings.unset += imported.unset
    configuration = _completed(imported.configuration, providers, routing, findings)
    configuration = _with_keys(configuration, stored, findings)
    _note_unserved(stored.settings, findings)
    if stored.archived is not None:
        warn(
            "legacy_storage_backups",
            "holds the config.json that this took the place of: --archived prints that one",
        )
    return structs.replace(
        imported,
        configuration=structs.replace(configuration, warnings=findings.warnings),
        notes=tuple(findings.notes),
        references=findings.references,
        unset=tuple(findings.unset),
    )


def _document(stored: Stored, providers: list[Ported], routing: Routing, file: Path) -> Table:
    settings = stored.settings
    gateway = as_table(settings.get("gateway"))
    document: Table = {key: settings[key] for key in TAKEN if settings.get(key)}
    for key, name in (("PORT", "port"), ("HOST", "host")):
        if gateway.get(name):
            document[key] = gateway[name]
    first = _usable_keys(stored)[:1]
    if first:
        document["APIKEY"] = first[0]
    if isinstance(router := document.get("CUSTOM_ROUTER_PATH"), str) and not router.startswith(("/", "~")):
        document["CUSTOM_ROUTER_PATH"] = str(file.parent / router)
    document["Providers"] = [provider.entry for provider in providers]
    document["Router"] = routing.routes
    if routing.fallback:
        document["fallback"] = {name: list(routing.fallback) for name in routing.routes}
    return document


def _usable_keys(stored: Stored) -> list[str]:
    return [one.key.reveal() for one in stored.keys if one.key is not None and not one.expired]


def _completed(
    configuration: Configuration, providers: list[Ported], routing: Routing, findings: Findings
) -> Configuration:
    """With what version 2 has no words for."""
    called = {
        provider.name: name for provider, (name, _) in zip(providers, configuration.providers, strict=True)
    }
    settings = tuple(
        (name, _with_headers(name, _with_ways(one, provider), provider, findings))
        for provider, (name, one) in zip(providers, configuration.providers, strict=True)
    )
    models = list(configuration.models)
    for pattern, chain in routing.models:
        targets = [target_of(target, called)[0] for target in chain]
        to = tuple(target for target in targets if target is not None)
        models.append(ModelName(pattern, to))
        findings.used(0, "Router.rules", f"models: {pattern} goes to {', '.join(to)}")
    rules: list[HeaderRule] = []
    for rule in routing.rules:
        targets = [target_of(target, called)[0] for target in rule.to]
        to = tuple(target for target in targets if target is not None)
        rules.append(structs.replace(rule, to=to))
        findings.used(0, "Router.rules", f"rules: {rule.header} decides for {', '.join(to)}")
    retry = configuration.retry
    if routing.retries is not None:
        retry = structs.replace(retry, per_target=routing.retries)
    return structs.replace(
        configuration, providers=settings, models=tuple(models), rules=tuple(rules), retry=retry
    )


def _with_ways(settings: ProviderSettings, provider: Ported) -> ProviderSettings:
    """All protocols of a provider that is nobody's we know; of the others we know them."""
    if settings.kind != "custom" or len(provider.ways) < 2:
        return settings
    speaks = dict(settings.speaks) | {
        way.protocol: way.url for way in provider.ways if way.protocol not in dict(settings.speaks)
    }
    return structs.replace(settings, speaks=tuple(speaks.items()))


def _with_headers(
    name: str, settings: ProviderSettings, provider: Ported, findings: Findings
) -> ProviderSettings:
    for header, _ in provider.headers:
        variable = _NO_WORD.sub("_", f"{name}_{header}").upper()
        findings.refer(f"providers.{name}.headers.{header}", None, variable)
    return structs.replace(settings, headers=(*settings.headers, *provider.headers))


def _with_keys(configuration: Configuration, stored: Stored, findings: Findings) -> Configuration:
    """The first client key is in already; the others follow."""
    for one in stored.keys:
        key = f'api_keys "{one.name}"'
        if one.key is None:
            findings.warn(0, key, "is stored in a way that nobody else can read: make a new one")
        elif one.expired:
            findings.warn(0, key, "has expired: it is left out")
        elif one.limited:
            findings.warn(0, key, "is taken without its limits")
    usable = [one.key for one in stored.keys if one.key is not None and not one.expired]
    if not usable:
        return configuration
    for number in range(2, len(usable) + 1):
        findings.refer(f"server.keys[{number - 1}]", None, "TRUNKLINE_KEY")
    return structs.replace(configuration, server=structs.replace(configuration.server, keys=tuple(usable)))


def _note_unserved(settings: Table, findings: Findings) -> None:
    """Everything that is on and is not carried over."""
    for key, why in UNSERVED.items():
        value = settings.get(key)
        table = as_table(value)
        on = table.get("enabled") is True or bool(as_list(value)) or bool(as_list(table.get("mcpServers")))
        if on:
            findings.warn(0, key, why)
    codex = next(
        (
            text_in(one, "model")
            for one in map(as_table, as_list(as_table(settings.get("profile")).get("profiles")))
            if one.get("agent") == "codex" and text_in(one, "model")
        ),
        "",
    )
    if codex:
        findings.warn(0, "profile", f"Codex has its own model here, named when it is started: {codex}")

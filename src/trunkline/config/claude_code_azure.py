"""claude-code-azure's ``config.yaml``: strict, with no defaults and no environment variables (databricks.md 7.2)."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, structs

from trunkline.config.addresses import host_fault, url_fault
from trunkline.config.ccr.findings import Findings, Imported
from trunkline.config.environment import client_key
from trunkline.config.expand import Expanded
from trunkline.config.problems import ConfigurationError
from trunkline.config.schema import Configuration, ModelName, ProviderSettings, RouteRule, Server
from trunkline.config.section import Reading, Section
from trunkline.config.targets import split_target
from trunkline.config.tree import Mapping as MappingNode
from trunkline.config.tree import Node, Scalar
from trunkline.config.yaml_file import decode_yaml

PORT: Final = 8082
PROVIDERS: Final = ("openai", "anthropic", "azure", "databricks")
CATEGORIES: Final[dict[str, tuple[str, ...]]] = {"large": ("large", "big"), "small": ("small",)}
"""Category -> its spellings: the README writes ``large``, the code of its time read ``big``."""
FAMILIES: Final = (("*haiku*", "small"), ("*sonnet*", "large"), ("*opus*", "large"))


class _Category(Struct, frozen=True):
    provider: str
    model: str

    @property
    def target(self) -> str:
        return f"{self.provider}/{self.model}"


def decode_azure(text: str, file: str, environ: Mapping[str, str]) -> Imported:
    """The configuration in such a file, which is never rewritten. Raises ConfigurationError with every mistake.

    ``TRUNKLINE_KEY`` alone is read from the environment: the file has no place for what clients must present.
    """
    reading = Reading(file, {}, _as_written)
    findings = Findings(reading)
    root = Section(reading, decode_yaml(text, file))
    providers = _providers(findings, root)
    found = _categories(findings, root, tuple(providers))
    for name in providers:
        used = tuple(category.model for category in found.values() if category.provider == name)
        _note_provider(findings, root, name, used)
        if name != "databricks":  # the workspace lists its own: a model that was retired there is followed
            providers[name] = structs.replace(providers[name], models=tuple(dict.fromkeys(used)))
    root.finish()
    key = client_key(environ)
    if key is not None:
        findings.references["server.keys"] = "TRUNKLINE_KEY"
    if reading.problems:
        raise ConfigurationError(tuple(sorted(reading.problems, key=lambda problem: problem.line or 0)))
    configuration = Configuration(
        source=file,
        server=Server(port=PORT, keys=() if key is None else (key,)),
        providers=tuple(providers.items()),
        models=_names(found),
        routes=(("default", RouteRule(to=(found["large"].target,))),),
        dialect="claude-code-azure",
        warnings=findings.warnings,
    )
    return findings.imported(configuration)


def _as_written(text: str, environ: Mapping[str, str]) -> Expanded:
    """There are no references in this file: a dollar sign is one."""
    del environ
    return Expanded(text)


def _names(found: Mapping[str, _Category]) -> tuple[ModelName, ...]:
    """What clients ask for: a category by name, and Claude's families by theirs."""
    names = [(name, category) for category, spellings in CATEGORIES.items() for name in spellings]
    return tuple(ModelName(name, (found[category].target,)) for name, category in (*names, *FAMILIES))


# Providers.


def _providers(findings: Findings, root: Section) -> dict[str, ProviderSettings]:
    section = root.section("providers")
    if root.get("providers") is None:
        section.problem("", f"is missing: configure one or more of {', '.join(PROVIDERS)}")
    found: dict[str, ProviderSettings] = {}
    for entry in section.entries():
        if entry.key not in PROVIDERS:
            section.problem(entry.key, f"unknown provider: configure one or more of {', '.join(PROVIDERS)}")
            continue
        read = {"azure": _azure, "databricks": _databricks}.get(entry.key, _keyed)
        below = section.section(entry.key)
        found[entry.key] = read(below, entry.key)
        below.finish()
    for name in found:
        findings.refer(
            f"providers.{name}.token",
            None,
            "DATABRICKS_TOKEN" if name == "databricks" else f"{name.upper()}_API_KEY",
        )
    return found


def _needed(section: Section, *names: str) -> None:
    for name in names:
        if section.usable and section.get(name) is None:
            section.problem(
                name, f"is missing: '{name}' is required for provider '{section.path.rpartition('.')[2]}'"
            )


def _keyed(section: Section, kind: str) -> ProviderSettings:
    _needed(section, "api_key")
    url = section.text("base_url")
    if url is None:
        return ProviderSettings(kind=kind, credential=section.secret("api_key"))
    if fault := url_fault(url):
        section.problem("base_url", fault)
    # Beside OpenAI's own address there are servers that speak Chat alone: that is what the proxy spoke to all.
    protocol = "openai_chat" if kind == "openai" else "anthropic_messages"
    return ProviderSettings(kind=kind, credential=section.secret("api_key"), speaks=((protocol, url),))


def _azure(section: Section, kind: str) -> ProviderSettings:
    _needed(section, "api_key", "endpoint", "api_version")
    endpoint = section.text("endpoint")
    if endpoint is not None:
        endpoint = endpoint if "://" in endpoint else f"https://{endpoint}"
        if fault := url_fault(endpoint):
            section.problem("endpoint", fault)
    return ProviderSettings(
        kind=kind,
        url=endpoint,
        credential=section.secret("api_key"),
        api_version=section.text("api_version"),
    )


def _databricks(section: Section, kind: str) -> ProviderSettings:
    _needed(section, "token", "host")
    host = section.text("host")
    if host is not None and (fault := host_fault(host)):
        section.problem("host", fault)
    return ProviderSettings(kind=kind, host=host, credential=section.secret("token"))


def _note_provider(findings: Findings, root: Section, name: str, models: tuple[str, ...]) -> None:
    section = root.section("providers")
    serves = f"serves {', '.join(models)}" if models else "serves no category: ask for it by provider/model"
    findings.used(section.line_of(name), section.key(name), f"providers.{name}: {serves}")


# Categories.


def _categories(findings: Findings, root: Section, providers: tuple[str, ...]) -> dict[str, _Category]:
    section = root.section("model_categories")
    known = {spelling for spellings in CATEGORIES.values() for spelling in spellings}
    found: dict[str, _Category] = {}
    for entry in section.entries():
        if entry.key not in known:
            available = ", ".join(CATEGORIES)
            section.problem(
                entry.key, f"Unknown model category: {entry.key}. Available categories: [{available}]"
            )
    for category, spellings in CATEGORIES.items():
        written = [name for name in spellings if section.get(name) is not None]
        if not written and section.usable:
            line = root.line_of("model_categories")
            message = f"'{category}' category must be explicitly configured in config.yaml"
            findings.problem(line, section.key(category), message)
        if len(written) > 1:
            section.problem(written[1], f"means the same as {written[0]}: give one of them")
        for name in written[:1]:
            target = _category(findings, section, name, providers)
            if target is not None:
                found[category] = target
    return found


def _category(
    findings: Findings, section: Section, name: str, providers: tuple[str, ...]
) -> _Category | None:
    node = section.get(name)
    assert node is not None
    target = _written(findings, section, name, node)
    if target is None:
        return None
    if target.provider not in providers:
        known = "" if target.provider in PROVIDERS else f": there are {', '.join(PROVIDERS)}"
        section.problem(name, f"Provider '{target.provider}' not configured{known}")
        return None
    aliases = "Claude Haiku" if name == "small" else "Claude Sonnet, Opus and every other Claude"
    findings.used(section.line_of(name), section.key(name), f"{aliases}: {target.target}")
    return target


def _written(findings: Findings, section: Section, name: str, node: Node) -> _Category | None:
    """``provider/model``, or the object that the code of its time took."""
    if isinstance(node, MappingNode):
        return _object(findings, section, name)
    text = section.text(name)
    if text is None:
        return None
    parts = split_target(text) if "/" in text else None
    if parts is None or any(character.isspace() for character in parts[1]):
        message = f"Invalid model format for category '{name}': {text}. Expected format: 'provider/model'"
        section.problem(name, message)
        return None
    return _Category(*parts)


def _object(findings: Findings, section: Section, name: str) -> _Category | None:
    below = section.section(name)
    provider, model = below.text("provider"), below.text("deployment")
    effort = below.get("reasoning_effort")
    if isinstance(effort, Scalar):
        key, message = below.key("reasoning_effort"), "is not used: a client's own effort is passed on"
        findings.warn(effort.line, key, message)
    below.finish()
    if provider is None or model is None:
        message = (
            f"Invalid model configuration for category '{name}'. 'provider' and 'deployment' are required."
        )
        section.problem(name, message)
        return None
    return _Category(provider, model)

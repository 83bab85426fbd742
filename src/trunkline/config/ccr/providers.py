"""The ``Providers`` of a claude-code-router file (reference ccr.md 1.5, aliases of 1.10)."""

import re
from typing import Final

from msgspec import Struct, structs

from trunkline.config.addresses import url_fault
from trunkline.config.ccr.expand import only_reference
from trunkline.config.ccr.findings import Findings
from trunkline.config.ccr.google import Google
from trunkline.config.ccr.places import Place, place_of, without_version
from trunkline.config.ccr.tokenizers import read_tokenizers
from trunkline.config.ccr.transformers import Loaded, Uses, read_uses
from trunkline.config.clouds import pem
from trunkline.config.nearest import did_you_mean
from trunkline.config.schema import ModelName, ProviderSettings, ServiceAccount
from trunkline.config.secret import Secret
from trunkline.config.section import Section
from trunkline.config.targets import PROVIDER_NAME
from trunkline.config.tree import Mapping, Node, Scalar, Sequence

FIELDS: Final = ("name", "api_base_url", "api_key", "models", "transformer", "tokenizer")
ALIASES: Final = {
    "name": "name",
    "apibaseurl": "api_base_url",
    "baseurl": "api_base_url",
    "host": "api_base_url",
    "url": "api_base_url",
    "apikey": "api_key",
    "models": "models",
    "transformer": "transformer",
    "transformers": "transformer",
    "tokenizer": "tokenizer",
}
"""Spellings that guides use, without letter case and signs."""
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Entry(Struct, frozen=True, kw_only=True):
    """One provider. ``written`` is its name in the file, ``name`` what it can be called here."""

    written: str
    name: str
    line: int
    settings: ProviderSettings


class _Fields(Struct, frozen=True):
    """One provider's section, and which of its keys means what."""

    section: Section
    spelled: dict[str, str]

    def key(self, field: str) -> str:
        return self.section.key(self.spelled.get(field, field))

    def line(self, field: str) -> int:
        return self.section.line_of(self.spelled.get(field, field))

    def get(self, field: str) -> Node | None:
        spelled = self.spelled.get(field)
        return None if spelled is None else self.section.get(spelled)

    def text(self, field: str) -> str | None:
        spelled = self.spelled.get(field)
        return None if spelled is None else self.section.text(spelled)


def read_providers(findings: Findings, root: Section, loaded: Loaded, google: Google) -> tuple[Entry, ...]:
    """All usable providers in order; of a name that is there twice the last one, as in CCR."""
    key = "Providers" if root.get("Providers") is not None else "providers"
    if key == "Providers" and root.get("providers") is not None:
        findings.warn(root.line_of("providers"), "providers", "is not read: Providers is there too")
    found: dict[str, Entry] = {}
    for index, node in enumerate(root.items(key)):
        path = f"{key}[{index}]"
        if not isinstance(node, Mapping):
            findings.problem(node.line, path, "must be a provider: {name, api_base_url, api_key, models}")
            continue
        fields = _fields(findings, Section(findings.reading, node, path))
        entry = _provider(findings, fields, index, set(found), loaded, google)
        if entry is None:
            continue
        if entry.written in found:
            findings.warn(
                entry.line, path, f'another provider is called "{entry.written}": this one is used'
            )
        found[entry.written] = entry
    return tuple(found.values())


def renamed(entries: tuple[Entry, ...]) -> tuple[ModelName, ...]:
    """``provider,model`` as it was, for providers that had to be called otherwise."""
    taken = {entry.name.casefold() for entry in entries}
    names = [
        ModelName(f"{entry.written},{model}", (f"{entry.name}/{model}",))
        for entry in entries
        if entry.written.casefold() != entry.name.casefold() and entry.written.casefold() not in taken
        for model in entry.settings.models
    ]
    return tuple(name for name in names if not re.search(r"[\s*?/]", name.pattern.partition(",")[0]))


def _fields(findings: Findings, section: Section) -> _Fields:
    spelled: dict[str, str] = {}
    for entry in section.entries():
        field = ALIASES.get(re.sub(r"[^a-z]", "", entry.key.lower()))
        if field is None:
            hint = did_you_mean(entry.key, FIELDS)
            findings.warn(entry.line, section.key(entry.key), f"unknown key, without effect.{hint}")
        elif field in spelled and entry.key != field:
            findings.warn(entry.line, section.key(entry.key), f"is not read: {spelled[field]} is there too")
        else:
            spelled[field] = entry.key
    return _Fields(section, spelled)


def _provider(
    findings: Findings, fields: _Fields, index: int, before: set[str], loaded: Loaded, google: Google
) -> Entry | None:
    written = fields.text("name")
    if written is None or fields.get("api_base_url") is None:
        lacking = "name" if fields.get("name") is None else "api_base_url"
        if fields.get(lacking) is None:
            findings.warn(fields.section.line, fields.key(lacking), "is missing: this provider is left out")
        return None
    name = _usable_name(findings, fields, written, index, before)
    models = _models(fields)
    uses = read_uses(findings, fields.get("transformer"), fields.key("transformer"), loaded)
    url = _url(findings, fields)
    if url is None:
        return None
    bearer = uses.option("Anthropic", "UseBearer") is True
    place = place_of(url, uses.names, models, google, bearer=bearer)
    keys = _credentials(findings, fields, name, place) if place.vertex is None else ()
    if place.vertex is not None and fields.get("api_key") is not None:
        message = "is not used: Vertex AI is asked with Google's credentials"
        findings.used(fields.line("api_key"), fields.key("api_key"), message)
    _tell(findings, fields, name, place, models, keys)
    return Entry(
        written=written,
        name=name,
        line=fields.section.line,
        settings=structs.replace(
            _settings(place, models, keys, uses, _account(findings, fields, name, uses)),
            tokenizers=read_tokenizers(
                findings, fields.get("tokenizer"), fields.key("tokenizer"), f"providers.{name}.tokenizer"
            ),
        ),
    )


def _url(findings: Findings, fields: _Fields) -> str | None:
    url = fields.text("api_base_url")
    if url is None:
        return None
    try:
        fault = url_fault(without_version(url))
    except ValueError:
        fault = "is not a URL"
    if fault:
        findings.problem(fields.line("api_base_url"), fields.key("api_base_url"), fault)
        return None
    return url


def _settings(
    place: Place,
    models: tuple[str, ...],
    keys: tuple[Secret, ...],
    uses: Uses,
    account: ServiceAccount | None,
) -> ProviderSettings:
    return ProviderSettings(
        kind=place.kind,
        host=place.host,
        url=place.url,
        credential=keys[0] if keys else None,
        spare=keys[1:],
        auth=place.auth,
        speaks=place.speaks,
        models=models,
        api_version=place.api_version,
        surface=place.surface,
        project=None if place.vertex is None else place.vertex.project,
        region=None if place.vertex is None else place.vertex.region,
        credentials_file=None if place.vertex is None or account else place.vertex.credentials_file,
        service_account=account,
        transforms=uses.transforms(),
        model_transforms=uses.model_transforms(),
    )


def _account(findings: Findings, fields: _Fields, name: str, uses: Uses) -> ServiceAccount | None:
    """The service account in the options of ``vertex-openai``."""
    email, key = (uses.option("vertex-openai", option) for option in ("client_email", "private_key"))
    if not isinstance(email, str) or not isinstance(key, str):
        return None
    place = f"providers.{name}.service_account.private_key"
    variable = only_reference(findings.reading.spelled.get(key, ""))
    suggestion = f"{re.sub(r'[^A-Z0-9]+', '_', name.upper()).strip('_')}_PRIVATE_KEY"
    findings.refer(place, variable, suggestion if suggestion[:1].isalpha() else f"PROVIDER_{suggestion}")
    if variable is None:
        findings.reading.literal_secrets.append(f"{fields.key('transformer')}.use")
    return ServiceAccount(client_email=email, private_key=pem(key))


def _usable_name(findings: Findings, fields: _Fields, written: str, index: int, before: set[str]) -> str:
    name = written
    if not PROVIDER_NAME.fullmatch(name):
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", written).strip("-._") or f"provider-{index + 1}"
    folded = {other.casefold() for other in before if other != written}
    base, number = name, 1
    while name.casefold() in folded:
        number += 1
        name = f"{base}-{number}"
    if name != written:
        message = f'this name cannot be told from others in "provider/model": it is called {name} here'
        findings.warn(fields.line("name"), fields.key("name"), message)
    return name


def _models(fields: _Fields) -> tuple[str, ...]:
    spelled = fields.spelled.get("models")
    models = () if spelled is None else tuple(dict.fromkeys(fields.section.texts(spelled)))
    for model in models:
        if any(character.isspace() for character in model):
            fields.section.problem(spelled or "models", "a model id holds no blanks")
    return models


def _credentials(findings: Findings, fields: _Fields, name: str, place: Place) -> tuple[Secret, ...]:
    """The key, or all keys of a list; none with a warning where the variable that should hold one is not there, as CCR
    starts too."""
    node, key = fields.get("api_key"), fields.key("api_key")
    if node is None:
        findings.warn(
            fields.section.line, key, "is missing: requests go without a key, or with the usual variable's"
        )
        return ()
    listed = list(node.items) if isinstance(node, Sequence) else [node]
    several = len(listed) > 1
    found: list[tuple[Secret, str | None]] = []
    for number, item in enumerate(listed):
        variable = only_reference(item.text) if isinstance(item, Scalar) else None
        if variable is not None and not findings.reading.environ.get(variable, "").strip():
            findings.warn(item.line, key, f"the environment variable {variable} is not set: no key is sent")
            continue
        secret = findings.reading.secret(item, f"{key}[{number}]" if several else key)
        if secret is not None:
            found.append(
                (secret, variable if variable is not None and VARIABLE.fullmatch(variable) else None)
            )
    _refer(findings, name, [usable for _, usable in found])
    return tuple(secret for secret, _ in found)


def _refer(findings: Findings, name: str, variables: list[str | None]) -> None:
    """Where Trunkline's own form has the keys, and from which variables."""
    suggestion = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")
    suggestion = f"{suggestion}_API_KEY" if suggestion[:1].isalpha() else f"PROVIDER_{suggestion}_API_KEY"
    for number, variable in enumerate(variables):
        place = "token" if len(variables) == 1 else f"keys[{number}]"
        findings.refer(f"providers.{name}.{place}", variable, suggestion)


def _tell(
    findings: Findings,
    fields: _Fields,
    name: str,
    place: Place,
    models: tuple[str, ...],
    keys: tuple[Secret, ...],
) -> None:
    where = place.host or place.url or (place.speaks[0][1].partition("?")[0] if place.speaks else "")
    if place.vertex is not None:
        where = f"{where or 'Google'}, {place.vertex.region}"
    protocol = f", {place.speaks[0][0]}" if place.speaks else ""
    listed = f"{len(models)} models" if models else "models asked from the provider"
    key = (
        ("without a key", "with its key")[len(keys)] if len(keys) < 2 else f"with {len(keys)} keys in turn"
    )
    key = key if place.vertex is None else "with Google's credentials"
    text = f"providers.{name}: kind {place.kind}{protocol} at {where}, {key}, {listed}"
    findings.used(fields.section.line, fields.section.path, text)
    if place.deployment is not None and set(models) != {place.deployment}:
        message = (
            f'its one deployment "{place.deployment}" is not asked for every model: each asks for its own'
        )
        findings.warn(fields.line("api_base_url"), fields.key("api_base_url"), message)

"""The ``providers`` section of Trunkline's own file."""

import re
from typing import Final, Literal, cast

from trunkline.config.addresses import host_fault, path_fault, url_fault
from trunkline.config.clouds import BEDROCK, VERTEX, decode_account, decode_cloud
from trunkline.config.databricks_login import LOGINS, decode_login, profile_host
from trunkline.config.databrickscfg import ProfileError
from trunkline.config.nearest import did_you_mean
from trunkline.config.schema import Login, ProviderSettings
from trunkline.config.secret import Secret
from trunkline.config.section import Section
from trunkline.config.targets import PROVIDER_NAME
from trunkline.config.tokenizers import decode_tokenizers
from trunkline.config.transforms import decode_model_transforms, decode_transforms
from trunkline.config.tree import Scalar

Auth = Literal["bearer", "basic", "api_key", "both", "none"]

AUTHS: Final = ("bearer", "basic", "api_key", "both", "none")
CLIENT: Final = "client"
"""``auth``: the client's own token is passed on, as the provider's kind has its tokens."""
PROTOCOLS: Final = ("anthropic_messages", "openai_chat", "openai_responses", "gemini")
CARRIED: Final = ("openai_completions", "openai_embeddings")
"""Operations that only pass through; they may have a place of their own."""
OWN_HEADERS: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "content-type", "accept-encoding"}
)
HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def decode_providers(root: Section, *, plugins: bool = False) -> tuple[tuple[str, ProviderSettings], ...]:
    """All providers in the file's order; mistakes are noted in the section's reading.

    ``plugins``: the file loads some, so that transforms may have names that are not known here.
    """
    section = root.section("providers")
    found: dict[str, ProviderSettings] = {}
    for entry in section.entries():
        if not PROVIDER_NAME.fullmatch(entry.key):
            section.problem(
                entry.key, "a provider's name holds letters, digits, dots, dashes and underscores"
            )
        elif entry.key.casefold() in {name.casefold() for name in found}:
            section.problem(entry.key, "another provider has this name in other letter case")
        else:
            found[entry.key] = decode_provider(section.section(entry.key), entry.key, plugins=plugins)
    return tuple(found.items())


def decode_provider(section: Section, name: str, *, plugins: bool = False) -> ProviderSettings:
    """One provider; its kind is its own name unless it says otherwise."""
    kind = section.text("kind") or name
    credential = _credential(section)
    auth = _auth(section, kind)
    client = auth == CLIENT
    if client and credential is not None:
        section.problem("auth", "passes on the client's own token: remove the token")
    login = None
    if kind == "databricks" and not client:
        login = decode_login(section, auth, token=credential is not None)
    cloud = decode_cloud(section, kind)
    settings = ProviderSettings(
        kind=kind,
        host=_host(section) or _profile_host(section, login),
        url=_url(section, "url"),
        credential=credential,
        spare=section.secrets("keys")[1:],
        auth=None if client or auth in LOGINS else cast(Auth | None, auth),
        login=login,
        client_token=client,
        speaks=_speaks(section),
        models=_models(section),
        api_version=section.text("api_version"),
        prefix=section.text("prefix"),
        paths=_paths(section),
        surface=section.text("surface"),
        project=cloud["project"],
        region=cloud["region"],
        credentials_file=cloud["credentials_file"],
        service_account=decode_account(section, kind),
        profile=cloud["profile"],
        headers=_headers(section),
        transforms=decode_transforms(section, plugins=plugins),
        model_transforms=decode_model_transforms(section, plugins=plugins),
        tokenizers=decode_tokenizers(section.section("tokenizer"), section.reading.problem, Section.secret),
    )
    if kind == "custom" and section.get("speaks") is None:
        section.problem("speaks", 'a custom provider needs it: "speaks: {openai_chat: URL}"')
    if settings.auth == "none" and settings.credential is not None:
        section.problem("auth", '"none" sends no credential, but one is given')
    section.finish()
    return settings


def _auth(section: Section, kind: str) -> str | None:
    """How it authenticates; kinds that sign their requests cannot pass on a token."""
    options = AUTHS if kind.lower() in VERTEX | BEDROCK else (*AUTHS, CLIENT)
    return section.choice("auth", options + LOGINS if kind == "databricks" else options)


def _host(section: Section) -> str | None:
    host = section.text("host")
    if host is not None and (fault := host_fault(host)):
        section.problem("host", fault)
    return host


def _profile_host(section: Section, login: Login | None) -> str | None:
    """The workspace of the profile that is used, where the file names none."""
    if login is None or login.kind != "profile" or section.get("host") or section.get("url"):
        return None
    try:
        return profile_host(section.reading.environ, login.profile)
    except ProfileError as error:
        section.problem("profile" if login.profile else "auth", str(error))
        return None


def _url(section: Section, name: str) -> str | None:
    url = section.text(name)
    if url is not None and (fault := url_fault(url)):
        section.problem(name, fault)
    return url


def _credential(section: Section) -> Secret | None:
    token, key = section.secret("token"), section.secret("key")
    keys = section.secrets("keys")
    if section.get("keys") is not None and (
        section.get("token") is not None or section.get("key") is not None
    ):
        section.problem("keys", "gives several keys in place of token or key: give one of them")
    if section.is_empty_list("keys"):
        section.problem("keys", "is empty: list keys, or remove it")
    if keys:
        return keys[0]
    if section.get("token") is not None and section.get("key") is not None:
        section.problem("key", "token and key mean the same: give one of them")
    return token or key


def _speaks(section: Section) -> tuple[tuple[str, str], ...]:
    if section.get("speaks") is None:
        return ()
    speaks = section.section("speaks")
    found: list[tuple[str, str]] = []
    for entry in speaks.entries():
        if entry.key not in (*PROTOCOLS, *CARRIED):
            hint = did_you_mean(entry.key, (*PROTOCOLS, *CARRIED))
            speaks.problem(entry.key, f"there is no protocol of this name.{hint}")
        elif (url := _url(speaks, entry.key)) is not None:
            found.append((entry.key, url))
    if speaks.usable and not speaks.entries():
        section.problem("speaks", f"names no protocol: one or more of {', '.join(PROTOCOLS)}")
    return tuple(found)


def _paths(section: Section) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Paths on a gateway by model, each one or a list of them."""
    if section.get("paths") is None:
        return ()
    paths = section.section("paths")
    found: list[tuple[str, tuple[str, ...]]] = []
    for entry in paths.entries():
        alone = isinstance(entry.node, Scalar)
        text = paths.text(entry.key) if alone else None
        chain = (text,) if text is not None else () if alone else paths.texts(entry.key)
        if any(path_fault(path) for path in chain):
            paths.problem(entry.key, 'a path begins with "/" and holds no blank, "?" or "#"')
        elif chain:
            found.append((entry.key, chain))
        elif not alone and paths.is_empty_list(entry.key):
            paths.problem(entry.key, "is empty: name a path")
    return tuple(found)


def _models(section: Section) -> tuple[str, ...]:
    models = section.texts("models")
    if section.is_empty_list("models"):
        section.problem("models", "is empty: list models, or remove the key to have them discovered")
    for model in models:
        if any(character.isspace() for character in model):
            section.problem("models", "a model id holds no blanks")
    if len(set(models)) != len(models):
        section.problem("models", "names a model twice")
    return models


def _headers(section: Section) -> tuple[tuple[str, str], ...]:
    headers = section.section("headers")
    found: list[tuple[str, str]] = []
    for entry in headers.entries():
        value = headers.text(entry.key)
        if not HEADER_NAME.fullmatch(entry.key):
            headers.problem(entry.key, "is not a header name")
        elif entry.key.lower() in OWN_HEADERS:
            headers.problem(entry.key, "this header is set by the gateway itself")
        elif value is not None and not value.isascii():
            headers.problem(entry.key, "a header value holds plain ASCII only")
        elif value is not None:
            found.append((entry.key.lower(), value))
    return tuple(found)

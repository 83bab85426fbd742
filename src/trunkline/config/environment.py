"""A configuration from environment variables alone: what most people have set already."""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct, structs

from trunkline.config.addresses import host_fault, url_fault
from trunkline.config.clouds import cloud_providers, missing_for_clouds
from trunkline.config.databricks_app import app_server, app_timeouts, wants_app
from trunkline.config.databricks_login import PRINCIPAL, picks_login, profile_host, usual_login
from trunkline.config.databrickscfg import ProfileError, profile_file
from trunkline.config.problems import ConfigurationError, CredentialMissing, Problem
from trunkline.config.schema import Configuration, ProviderSettings, Server, Timeouts
from trunkline.config.secret import Secret

SOURCE: Final = "environment"
BRIDGE: Final = "DATABRICKS_AI_GATEWAY_URL"
"""What sets up the ForgeCode bridge; with a PROXY_BACKEND it is just another spelling of the host."""
BRIDGE_PORT: Final = 8080


class KeyVariable(Struct, frozen=True):
    """A provider that needs its key and nothing more: any of ``variables``, the first one first."""

    kind: str
    variables: tuple[str, ...]


KEY_VARIABLES: Final = (
    KeyVariable("anthropic", ("ANTHROPIC_API_KEY",)),
    KeyVariable("openai", ("OPENAI_API_KEY",)),
    KeyVariable("openrouter", ("OPENROUTER_API_KEY",)),
    KeyVariable("groq", ("GROQ_API_KEY",)),
    KeyVariable("deepseek", ("DEEPSEEK_API_KEY",)),
    KeyVariable("mistral", ("MISTRAL_API_KEY",)),
    KeyVariable("xai", ("XAI_API_KEY",)),
    KeyVariable("together", ("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY")),
    KeyVariable("fireworks", ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY")),
    KeyVariable("cerebras", ("CEREBRAS_API_KEY",)),
    KeyVariable("moonshot", ("MOONSHOT_API_KEY", "KIMI_API_KEY")),
    KeyVariable("zhipu", ("ZAI_API_KEY", "ZHIPU_API_KEY", "ZHIPUAI_API_KEY")),
    KeyVariable("qwen", ("DASHSCOPE_API_KEY",)),
    KeyVariable("nvidia", ("NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY")),
    KeyVariable("github_models", ("GITHUB_MODELS_TOKEN",)),
    KeyVariable("huggingface", ("HUGGINGFACE_API_KEY",)),
    KeyVariable("gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY")),
    KeyVariable("perplexity", ("PERPLEXITY_API_KEY", "PPLX_API_KEY")),
)
"""As in the catalog (a test compares), but for variables that are usually set for other reasons
(``GITHUB_TOKEN``, ``HF_TOKEN``): those are used by a provider that is configured, and start none."""


def from_environment(environ: Mapping[str, str]) -> Configuration | None:
    """Every provider whose variables are set, Databricks first; None when there is none.

    Raises ConfigurationError for a bad address; CredentialMissing when what is set is not enough for any
    provider.
    """
    bridge = _bridge(environ) if is_bridge(environ) else None
    found, missing = _providers(environ, bridge), _missing(environ, bridge)
    if not found and missing:
        raise _incomplete(missing)
    if not found:
        return None
    key = client_key(environ)
    own_tokens = all(settings.client_token for settings in found.values())
    app = wants_app(environ)
    server = app_server(environ) if app else Server(port=BRIDGE_PORT if bridge else Server().port)
    return Configuration(
        source=SOURCE,
        server=structs.replace(server, keys=() if key is None else (key,), own_tokens=own_tokens),
        timeouts=app_timeouts() if app else Timeouts(),
        providers=tuple(found.items()),
        warnings=tuple(f"{name} is not set: its provider is not used" for name in missing),
    )


def is_bridge(environ: Mapping[str, str]) -> bool:
    """Whether the environment sets up the ForgeCode bridge."""
    return bool(_value(environ, BRIDGE)) and not _value(environ, "PROXY_BACKEND")


def _bridge(environ: Mapping[str, str]) -> ProviderSettings:
    """The ForgeCode bridge's gateway, with the client's own token where the environment has no credential."""
    from trunkline.config.forgecode.document import bridge_settings, built_in

    return bridge_settings(environ, built_in())


def _providers(environ: Mapping[str, str], bridge: ProviderSettings | None) -> dict[str, ProviderSettings]:
    found: dict[str, ProviderSettings] = {}
    if databricks := bridge or databricks_settings(environ):
        found["databricks"] = databricks
    for entry in KEY_VARIABLES:
        variable = next((name for name in entry.variables if _value(environ, name)), None)
        if variable is not None:
            key = _secret(variable, _value(environ, variable))
            found[entry.kind] = ProviderSettings(kind=entry.kind, credential=key)
    if azure := _azure(environ):
        found["azure"] = azure
    return found | cloud_providers(environ)


def _missing(environ: Mapping[str, str], bridge: ProviderSettings | None) -> tuple[str, ...]:
    """The other half of variables that only work together."""
    host = _value(environ, "DATABRICKS_AI_GATEWAY_URL") or _value(environ, "DATABRICKS_HOST")
    found: list[str] = []
    if host and not (bridge or _value(environ, "DATABRICKS_TOKEN") or usual_login(environ, host)):
        half = [name for name in PRINCIPAL["oauth"] if not _value(environ, name)]
        found = half if len(half) == 1 else ["DATABRICKS_TOKEN"]
    azure = {name: _value(environ, name) for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY")}
    if any(azure.values()):
        found += [name for name, value in azure.items() if not value]
    return (*found, *missing_for_clouds(environ))


def client_key(environ: Mapping[str, str]) -> Secret | None:
    """What clients must present, where the environment says it. Raises ConfigurationError."""
    key = _value(environ, "TRUNKLINE_KEY")
    return _secret("TRUNKLINE_KEY", key) if key else None


def databricks_settings(environ: Mapping[str, str]) -> ProviderSettings | None:
    """The workspace whose host and credential are set, None without either. Raises ConfigurationError."""
    name = (
        "DATABRICKS_AI_GATEWAY_URL" if _value(environ, "DATABRICKS_AI_GATEWAY_URL") else "DATABRICKS_HOST"
    )
    host, token = _value(environ, name), _value(environ, "DATABRICKS_TOKEN")
    login = None if token and not picks_login(environ) else usual_login(environ, host)
    if not host and login is not None and login.kind == "profile":
        host = _profile_host(environ, login.profile)
    if not host or not (token or login):
        return None
    if fault := host_fault(host):
        raise _invalid(name, fault)
    if login is not None:
        return ProviderSettings(kind="databricks", host=host, login=login)
    return ProviderSettings(kind="databricks", host=host, credential=_secret("DATABRICKS_TOKEN", token))


def _profile_host(environ: Mapping[str, str], profile: str | None) -> str:
    try:
        return profile_host(environ, profile)
    except ProfileError as error:
        problem = Problem(
            file=str(profile_file(environ)), key="DATABRICKS_CONFIG_PROFILE", message=str(error)
        )
        raise ConfigurationError((problem,)) from None


def _azure(environ: Mapping[str, str]) -> ProviderSettings | None:
    url, key = _value(environ, "AZURE_OPENAI_ENDPOINT"), _value(environ, "AZURE_OPENAI_API_KEY")
    if not url or not key:
        return None
    if fault := url_fault(url):
        raise _invalid("AZURE_OPENAI_ENDPOINT", fault)
    deployment = _value(environ, "AZURE_OPENAI_DEPLOYMENT")
    return ProviderSettings(
        kind="azure",
        url=url,
        credential=_secret("AZURE_OPENAI_API_KEY", key),
        api_version=_value(environ, "AZURE_OPENAI_API_VERSION") or None,
        models=(deployment,) if deployment else (),
    )


def _value(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip()


def _secret(name: str, value: str) -> Secret:
    if not value.isascii() or not value.isprintable() or " " in value:
        raise _invalid(name, "holds a blank or a letter that a credential cannot have")
    return Secret(value)


def _invalid(name: str, message: str) -> ConfigurationError:
    return ConfigurationError((Problem(file=SOURCE, key=name, message=message),))


def _incomplete(names: Iterable[str]) -> CredentialMissing:
    message = f"Missing required environment variables: {', '.join(names)}"
    return CredentialMissing((Problem(file=SOURCE, message=message),))

"""``PROXY_BACKEND`` and what goes with it as a configuration (databricks.md 7.3)."""

from collections.abc import Mapping
from typing import Final

from msgspec import structs

from trunkline.config.addresses import host_fault, is_loopback
from trunkline.config.ccr.findings import Imported, Note
from trunkline.config.env_file import Variable
from trunkline.config.environment import databricks_settings, from_environment
from trunkline.config.problems import CredentialMissing, Problem
from trunkline.config.proxy_backend.names import DEFAULT, SONNET_3_7, SONNET_4, names_of
from trunkline.config.proxy_backend.variables import HOST, TOKEN, Variables, workspace_name
from trunkline.config.schema import (
    Configuration,
    ModelName,
    ProviderSettings,
    ProxyBackend,
    Retry,
    RouteRule,
    Server,
    Timeouts,
)

AZURE: Final = "AZURE_DATABRICKS"
ROUTED: Final = ("OPENROUTER", "LITELLM_OPENROUTER")
BACKENDS: Final = (AZURE, *ROUTED, "LITELLM_MESSAGES")
"""``LITELLM_MESSAGES``: every provider whose key is set."""
PORT: Final = 4000
LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
KEY: Final = "OPENROUTER_API_KEY"
ENDPOINTS: Final = {
    SONNET_4: ("DATABRICKS_CLAUDE_SONNET_4_ENDPOINT", "databricks-claude-sonnet-4"),
    SONNET_3_7: ("DATABRICKS_CLAUDE_3_7_SONNET_ENDPOINT", "databricks-claude-3-7-sonnet"),
}
BIG_ROUTED: Final = "anthropic/claude-sonnet-4"
SMALL_ROUTED: Final = "anthropic/claude-3.7-sonnet"
TOOLS: Final = "anthropic/claude-sonnet-4.5"
"""OpenRouter's model for requests with tools that the workspace cannot do, where none is named."""
MISSING: Final = (
    "Azure Databricks host and token must be configured. Set DATABRICKS_HOST and DATABRICKS_TOKEN in"
    " environment."
)

PLACES: Final = ("DATABRICKS_AI_GATEWAY_URL", "DATABRICKS_HOST", "AZURE_OPENAI_ENDPOINT")
"""Variables that would say where credentials of the environment go, where every provider is used."""
MIXED: Final = (
    "would get a credential of the environment, because this file lies in the working directory: put"
    " DATABRICKS_TOKEN beside it, or name the file with --config"
)


def read_proxy(
    source: str,
    variables: Mapping[str, Variable],
    environ: Mapping[str, str],
    *,
    folder: str | None = None,
    named: bool = True,
) -> Imported:
    """The configuration that the variables say; ``variables`` are those of the file ``source``, if there is one.

    ``folder`` is where ``logs/`` go. ``named``: the user named the file; one that just lies in the working
    directory may not say where a credential of the environment goes. A workspace without host or token is no
    error: the proxy answers such requests with 503. Raises ConfigurationError for a value that cannot be,
    CredentialMissing without OpenRouter's key where it is the backend.
    """
    return _Reader(Variables(source, variables, environ), folder, named).read()


class _Reader:
    def __init__(self, values: Variables, folder: str | None, named: bool) -> None:
        self._values = values
        self._folder = folder
        self._named = named
        self._notes: list[Note] = []

    def read(self) -> Imported:
        backend = self._backend()
        parts = {AZURE: self._azure}.get(backend) or (self._routed if backend in ROUTED else self._litellm)
        configuration = parts(backend)
        server = self._server()
        configuration = structs.replace(
            configuration, source=self._values.file, server=server, warnings=self._warnings()
        )
        self._unread()
        references = {
            f"providers.{name}.token": TOKEN if name == "databricks" else KEY
            for name, settings in configuration.providers
            if settings.credential is not None
        }
        if server.keys:
            references["server.keys"] = "TRUNKLINE_KEY"
        return Imported(
            configuration=configuration,
            notes=tuple(sorted(self._notes, key=lambda note: note.line)),
            references=references,
            unset=tuple(variable for variable in references.values() if self._values.is_in_file(variable)),
            literal_secrets=tuple(
                name for name in (KEY, TOKEN, "TRUNKLINE_KEY") if self._values.is_in_file(name)
            ),
        )

    def _backend(self) -> str:
        written = self._values.text("PROXY_BACKEND")
        if written.upper() not in BACKENDS:
            choices = ", ".join(BACKENDS)
            message = f"Invalid PROXY_BACKEND value: {written}. Must be one of: {choices}"
            raise self._values.invalid("PROXY_BACKEND", message)
        return written.upper()

    # What serves.

    def _azure(self, backend: str) -> Configuration:
        values = self._values
        self._used("PROXY_BACKEND", "requests go to Azure Databricks")
        settings = self._workspace()
        endpoints = {name: values.text(variable) or usual for name, (variable, usual) in ENDPOINTS.items()}
        providers: list[tuple[str, ProviderSettings]] = []
        models: tuple[ModelName, ...] = ()
        routes: tuple[tuple[str, RouteRule], ...] = ()
        if settings is not None:
            providers.append(("databricks", settings))
            models = names_of(endpoints, "databricks")
            routes = (("default", RouteRule(to=(f"databricks/{endpoints[DEFAULT]}",))),)
        big, _ = self._routed_models()
        fallback = big or TOOLS
        if key := values.secret(KEY):
            providers.append(
                ("openrouter", ProviderSettings(kind="openrouter", credential=key, models=(fallback,)))
            )
            self._used(KEY, f"requests with tools that the workspace cannot do go to openrouter/{fallback}")
        for name, (variable, _) in ENDPOINTS.items():
            self._used(variable, f"what {name} is called in the workspace")
        return Configuration(
            source="",
            providers=tuple(providers),
            models=models,
            routes=routes,
            any_name=True,
            listed_first=True,
            timeouts=self._timeouts(),
            retry=self._retry(),
            proxy=ProxyBackend(
                backend=backend,
                workspace=workspace_name(values.text(HOST)),
                endpoints=tuple((name, f"databricks/{endpoint}") for name, endpoint in endpoints.items()),
                tools=f"openrouter/{fallback}" if key is not None else None,
                environment=values.text("ENVIRONMENT"),
                log_level=self._level(),
                folder=self._folder,
            ),
        )

    def _workspace(self) -> ProviderSettings | None:
        """The workspace; None with a warning where host or credential are not there."""
        values = self._values
        if (host := values.text(HOST)) and (fault := host_fault(values.merged()[HOST])):
            raise values.invalid(HOST, fault)
        token = values.secret(TOKEN)
        environ = {name: text for name, text in values.merged().items() if "AI_GATEWAY" not in name}
        settings = databricks_settings(environ)
        if settings is None:
            self._warn(HOST if not host else TOKEN, f"requests are answered with 503: {MISSING}")
            return None
        if not self._named and values.is_in_file(HOST) and not values.is_in_file(TOKEN):
            raise values.invalid(HOST, MIXED)
        self._used(HOST, f"providers.databricks.host: {settings.host}")
        if token is None or settings.login is not None:
            return settings
        self._used(TOKEN, "providers.databricks.token, sent as Basic token:...")
        return structs.replace(settings, auth="basic")

    def _routed(self, backend: str) -> Configuration:
        """OpenRouter alone; with and without LiteLLM is the same here."""
        self._used("PROXY_BACKEND", "requests go to OpenRouter")
        key = self._values.secret(KEY)
        if key is None:
            message = f"Missing required environment variables: {KEY}"
            raise CredentialMissing((Problem(file=self._values.file, message=message),))
        self._used(KEY, "providers.openrouter.token")
        big, small = self._routed_models()
        targets = {"big": big or BIG_ROUTED, "small": small or SMALL_ROUTED}
        return Configuration(
            source="",
            providers=(("openrouter", ProviderSettings(kind="openrouter", credential=key)),),
            models=tuple(ModelName(name, (f"openrouter/{model}",)) for name, model in targets.items()),
            routes=(
                ("default", RouteRule(to=(f"openrouter/{targets['big']}",))),
                ("background", RouteRule(to=(f"openrouter/{targets['small']}",))),
            ),
            any_name=True,
            listed_first=True,
            proxy=self._plain(backend),
        )

    def _litellm(self, backend: str) -> Configuration:
        for place in PLACES:
            if not self._named and self._values.is_in_file(place):
                raise self._values.invalid(place, MIXED)
        self._used("PROXY_BACKEND", "requests go to every provider whose key is set")
        found = from_environment(self._values.merged())
        if found is None:
            message = "Missing required environment variables: none of a provider is set"
            raise CredentialMissing((Problem(file=self._values.file, message=message),))
        return structs.replace(found, proxy=self._plain(backend))

    def _plain(self, backend: str) -> ProxyBackend:
        return ProxyBackend(
            backend=backend,
            environment=self._values.text("ENVIRONMENT"),
            log_level=self._level(),
            folder=self._folder,
        )

    def _routed_models(self) -> tuple[str, str]:
        """Models as OpenRouter names them; Claude Code reads variables of the same names, with other values."""
        found: list[str] = []
        for variable, alias in (("ANTHROPIC_MODEL", "big"), ("ANTHROPIC_SMALL_FAST_MODEL", "small")):
            model = self._values.text(variable)
            found.append(model if "/" in model else "")
            if found[-1]:
                self._used(variable, f"OpenRouter's model for {alias}")
        return found[0], found[1]

    # How it serves.

    def _server(self) -> Server:
        values = self._values
        port = values.whole("PORT", PORT, 0, 65_535)
        self._used("PORT", f"server.port: {port}")
        key, host = values.secret("TRUNKLINE_KEY"), values.text("HOST") or "127.0.0.1"
        self._used("TRUNKLINE_KEY", "server.keys: what clients must present")
        if key is None and not is_loopback(host):
            self._warn("HOST", "without TRUNKLINE_KEY only this machine is served: listening on 127.0.0.1")
            host = "127.0.0.1"
        else:
            self._used("HOST", f"server.host: {host}")
        return Server(host=host, port=port, keys=() if key is None else (key,))

    def _timeouts(self) -> Timeouts:
        """``DATABRICKS_TIMEOUT`` where it is set: how long the workspace may be silent (httpx's meaning)."""
        seconds = self._values.number("DATABRICKS_TIMEOUT", 0.0, 0.0, 86_400.0)
        if not seconds:
            return Timeouts()
        self._used("DATABRICKS_TIMEOUT", f"timeouts: {seconds:g} s of silence from the workspace")
        usual = Timeouts()
        return Timeouts(
            up_connect=min(seconds, usual.up_connect),
            up_headers_stream=seconds,
            up_headers_whole=seconds,
            up_first_event=seconds,
            up_idle=seconds,
        )

    def _retry(self) -> Retry:
        usual = Retry().per_target
        tries = self._values.whole("DATABRICKS_MAX_RETRIES", usual, 0, 10)
        self._used("DATABRICKS_MAX_RETRIES", f"retry.per_target: {tries}")
        return Retry(per_target=tries)

    def _level(self) -> str:
        written = self._values.text("LOG_LEVEL").upper() or "INFO"
        if written not in LEVELS:
            raise self._values.invalid("LOG_LEVEL", f"must be one of {', '.join(LEVELS)}")
        self._used("LOG_LEVEL", f"of logs/server.log: {written}")
        return written

    # What is said of it.

    def _used(self, name: str, text: str) -> None:
        if self._values.text(name):
            self._notes.append(Note(line=self._values.line(name), key=name, kind="used", text=text))

    def _warn(self, name: str, text: str) -> None:
        self._notes.append(Note(line=self._values.line(name), key=name, kind="warning", text=text))

    def _warnings(self) -> tuple[str, ...]:
        found = [note for note in self._notes if note.kind == "warning"]
        return tuple(f"{self._values.place(note.key)}: {note}" for note in found)

    def _unread(self) -> None:
        """The file's other variables: the proxy has dozens that mean nothing here."""
        read = {note.key for note in self._notes}
        for name in self._values.names:
            if name not in read:
                line = self._values.line(name)
                text = (
                    "is shown by /health/detailed"
                    if name == "ENVIRONMENT"
                    else "without effect on Trunkline"
                )
                self._notes.append(Note(line=line, key=name, kind="used", text=text))

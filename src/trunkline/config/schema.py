"""The configuration as values: frozen, complete, with every default in one place.

This is what a user's file is read into, whatever form it came in. Secrets are :class:`Secret`.
"""

from typing import Final, Literal

from msgspec import Struct

from trunkline.config.secret import Secret

MEBIBYTE = 1024 * 1024
FAMILIES: Final = ("opus", "sonnet", "haiku", "fable")
"""Claude's; a route of such a name takes what no route by purpose wants."""

Agent = Literal["off", "older", "always"]
HeaderTest = Literal["is", "is_not", "begins", "contains", "lacks"]
CountForm = Literal["standard", "openai", "anthropic", "custom"]


class Server(Struct, frozen=True, kw_only=True):
    """Where the gateway listens and who may use it. Without keys it only listens on loopback."""

    host: str = "127.0.0.1"
    port: int = 3456
    keys: tuple[Secret, ...] = ()
    admin_key: Secret | None = None
    """What administration over HTTP wants; None: it is for programs on this machine."""
    own_tokens: bool = False
    """Other machines may call without a key of ours: each client brings the token that providers are asked with."""
    databricks_app: bool = False
    """It runs as a Databricks App: only the platform's front door reaches it, and says who each caller is."""
    max_body: int = 32 * MEBIBYTE
    """Bytes; a larger request body is a 413."""
    max_concurrent: int = 1024
    """Requests served at once by one worker; more wait for ``queue_wait``."""
    strict: bool = False
    """A request that would lose anything in translation is a 400."""
    ping: float = 15.0
    """Seconds of upstream silence after which a streaming client gets a sign of life."""


class Timeouts(Struct, frozen=True, kw_only=True):
    """Seconds, by the names of reliability_ux.md A2; an expiry carries its name everywhere."""

    client_header: float = 10.0
    client_body_idle: float = 30.0
    client_body_total: float = 120.0
    client_keepalive: float = 75.0
    client_write_stall: float = 120.0
    queue_wait: float = 5.0
    up_pool: float = 5.0
    up_connect: float = 10.0
    up_headers_stream: float = 120.0
    up_headers_whole: float = 600.0
    up_first_event: float = 240.0
    up_idle: float = 270.0
    up_total_whole: float = 600.0
    drain: float = 300.0
    plugin_hook: float = 60.0
    """One hook of a plugin, or one answer of a custom router."""


class Retry(Struct, frozen=True, kw_only=True):
    """How failures before the first byte are answered (reliability_ux.md A3)."""

    per_target: int = 1
    """Retries on the same target."""
    targets: int = 3
    """Targets tried for one request at the most."""
    base: float = 0.25
    cap: float = 4.0
    max_retry_after: float = 60.0
    """A longer ``Retry-After`` is not waited for but passed to the client."""
    bucket: int = 500
    """Tokens that a provider's retries are paid from, as in AWS' SDKs; a sick provider is soon not retried at all."""
    cost: int = 5
    """Tokens of one retry; ``timeout_cost`` after a timeout."""
    timeout_cost: int = 10
    refund: int = 1
    """Tokens that come back with each answer of the provider."""
    live_share: float = 0.2
    """Of the requests under way, as many may be retries at the same time."""
    floor: int = 3
    """Retries at the same time that are always allowed."""


class Breaker(Struct, frozen=True, kw_only=True):
    """When a target is no longer asked, and for how long (reliability_ux.md A3)."""

    failures: int = 5
    """In a row."""
    rate: float = 0.5
    """Or such a share of ``calls`` or more within ``window`` seconds."""
    calls: int = 20
    window: float = 30.0
    open: float = 30.0
    """Seconds, times how often it opened since it last worked, up to ``cap``; then one request is let through."""
    cap: float = 300.0


class Login(Struct, frozen=True, kw_only=True):
    """How to get tokens for Databricks where the credential is more than one fixed token."""

    kind: Literal["oauth", "entra", "profile", "azure_cli", "cli", "sdk"]
    """``oauth``: a service principal of the workspace; ``entra``: one of Azure; ``profile``: of
    ``.databrickscfg``; ``azure_cli``, ``cli``: what ``az`` or ``databricks`` is logged in with;
    ``sdk``: whatever Databricks' own library finds."""
    client_id: str | None = None
    client_secret: Secret | None = None
    tenant: str | None = None
    profile: str | None = None
    """None with ``profile``: the file's default one."""
    workspace: str | None = None
    """Who issues the tokens; None: the provider's own host."""


class ServiceAccount(Struct, frozen=True, kw_only=True):
    """A service account of Google's, as two lines of its key file say it."""

    client_email: str
    private_key: Secret
    """As PEM."""


class CloudLogin(Struct, frozen=True, kw_only=True):
    """Credentials that a cloud's own library finds where its users keep them."""

    kind: Literal["google", "aws"]
    file: str | None = None
    """Google: a service account's key file; None: application default credentials."""
    account: ServiceAccount | None = None
    """Google: the service account itself, in place of its file."""
    profile: str | None = None
    """AWS: the profile; None: whatever the usual chain finds first."""
    region: str = ""
    """AWS: what requests are signed for."""


class Transform(Struct, frozen=True, kw_only=True):
    """One edit of a provider's requests and answers: a built-in (:mod:`trunkline.config.transforms`) or a plugin.

    A built-in's name is in its own spelling, a plugin's as the file has it. ``options`` may hold secrets.
    """

    name: str
    options: dict[str, object] = {}

    def __repr__(self) -> str:
        return f"Transform(name={self.name!r}, options={sorted(self.options)})"


class Plugin(Struct, frozen=True, kw_only=True):
    """A file with a transform of the user's, which providers name in ``transforms``. ``options`` may hold secrets."""

    path: str
    """``file.js``, ``file.py``, ``file.py:Class`` or ``module:Class``; a relative one is the configuration's neighbour."""
    name: str | None = None
    """What providers call it; None: what it calls itself."""
    options: dict[str, object] = {}

    def __repr__(self) -> str:
        return f"Plugin(path={self.path!r}, name={self.name!r}, options={sorted(self.options)})"


class CustomRouter(Struct, frozen=True, kw_only=True):
    """A script that chooses the model of a request before the routes do."""

    path: str
    """``file.js``, ``file.py``, ``file.py:function`` or ``module:function``."""
    settings: Secret
    """The configuration that it is given, as JSON, keys and all."""


class Tokenizer(Struct, frozen=True, kw_only=True):
    """What requests of a provider's model are counted with."""

    kind: Literal["tiktoken", "api"]
    encoding: str = ""
    """tiktoken: the vocabulary."""
    url: str = ""
    """api: the service that counts."""
    key: Secret | None = None
    form: CountForm = "standard"
    """api: what the service is sent, see :mod:`trunkline.app.counting_service`."""
    field: str = "token_count"
    """api: where its answer has the number, names with dots between them."""
    headers: tuple[tuple[str, Secret], ...] = ()


class ClientToken(Struct, frozen=True):
    """In place of a credential: the client's own token."""


class ProviderSettings(Struct, frozen=True, kw_only=True):
    """One provider as configured. ``kind`` names a catalog entry; ``speaks`` overrides its URLs."""

    kind: str
    host: str | None = None
    url: str | None = None
    """Base URL for catalog kinds with one (``ollama``, ``vllm``, ``azure``)."""
    credential: Secret | None = None
    spare: tuple[Secret, ...] = ()
    """Further keys: requests take them in turn with ``credential``, and one that is refused rests."""
    auth: Literal["bearer", "basic", "api_key", "both", "none"] | None = None
    """How the credential is sent; None: as the catalog says. ``both``: as bearer and in ``x-api-key``."""
    login: Login | None = None
    """Databricks: how to get tokens, in place of a credential. The file spells it ``auth`` too."""
    client_token: bool = False
    """Each client's own token is sent on, in place of a credential. The file spells it ``auth: client``."""
    speaks: tuple[tuple[str, str], ...] = ()
    """(protocol, base or endpoint URL) in order of preference."""
    models: tuple[str, ...] = ()
    api_version: str | None = None
    prefix: str | None = None
    """Databricks: a customised path prefix in place of ``ai-gateway``."""
    project: str | None = None
    """Vertex: the Google Cloud project."""
    region: str | None = None
    """Vertex and Bedrock: where the models are."""
    credentials_file: str | None = None
    """Vertex: the key file of a service account."""
    service_account: ServiceAccount | None = None
    """Vertex: a service account without its file."""
    profile: str | None = None
    """Bedrock: the profile of AWS' own files."""
    paths: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Databricks: (glob over model ids, paths on the gateway in order); the first that fits is where to ask."""
    surface: str | None = None
    """The only surface to use, by name."""
    headers: tuple[tuple[str, str], ...] = ()
    """Extra headers on every request to it; their values may be secret and are not shown."""
    transforms: tuple[Transform, ...] = ()
    """Built-ins and plugins in the order in which a request goes through them; answers take the way back."""
    model_transforms: tuple[tuple[str, tuple[Transform, ...]], ...] = ()
    """(deployment, more of them for it alone); see :func:`trunkline.config.transforms.transforms_for`."""
    tokenizers: tuple[tuple[str, Tokenizer], ...] = ()
    """(deployment, ``""`` for all others; what counts its requests). The file spells it ``tokenizer``."""

    def __repr__(self) -> str:
        names = [name for name, _ in self.headers]
        return f"ProviderSettings(kind={self.kind!r}, host={self.host!r}, models={self.models!r}, headers={names})"


class RouteRule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Targets of one route, in order of fallback, as ``provider/model``."""

    to: tuple[str, ...]
    above: int | None = None
    """longContext: the input tokens above which the rule applies."""
    adaptive: bool = False
    """think: also where the client only allows the model to think (adaptive, of medium effort or less)."""
    agent: Agent = "off"
    """image: which pictures the route's target describes to another model, in place of taking over the conversation:
    none, those of earlier turns, all."""


class HeaderRule(Struct, frozen=True, kw_only=True):
    """Where requests go whose ``header`` (in lower case) stands the test, before their model's name is looked at."""

    header: str
    test: HeaderTest
    value: str
    to: tuple[str, ...]


class ModelName(Struct, frozen=True):
    """A name (globs allowed) that clients may use, and the chain it stands for."""

    pattern: str
    to: tuple[str, ...]


class Search(Struct, frozen=True, kw_only=True):
    """A search service of the user's, for clients whose provider does not search."""

    backend: Literal["searxng", "brave", "tavily"]
    url: str | None = None
    """Where the service is; None: its public address."""
    key: Secret | None = None
    max_uses: int = 8
    """Searches and pages for one request, at the most."""
    results: int = 10
    """Pages of one search that the model and the client are shown."""
    fetch: bool = True
    """Pages are read for clients that ask for it."""
    timeout: float = 15.0
    """Seconds for one search, or for one page with all its redirections."""


class ProxyBackend(Struct, frozen=True, kw_only=True):
    """What users of the ``PROXY_BACKEND`` proxy know beside models: its health, its words, its log."""

    backend: str
    """The value of ``PROXY_BACKEND``."""
    workspace: str = ""
    """The workspace as its users write it: without the zone."""
    endpoints: tuple[tuple[str, str], ...] = ()
    """(the name that ``/health/detailed`` and the deprecated routes have for it, its target)."""
    tools: str | None = None
    """The target of requests with tools that the backend cannot do."""
    environment: str = ""
    log_level: str = "INFO"
    folder: str | None = None
    """Where its ``logs/`` are; None: it keeps none."""


class Prompt(Struct, frozen=True, kw_only=True):
    """What becomes of the system prompt of Messages clients."""

    file: str | None = None
    """Words that stand before the client's environment, in place of its own."""
    attribution: bool = True
    """False: the line that says who called goes; it changes by session and spoils prompt caches."""


class Configuration(Struct, frozen=True, kw_only=True):
    """Everything the gateway runs on. ``source`` says where it was read from, for people."""

    source: str
    server: Server = Server()
    providers: tuple[tuple[str, ProviderSettings], ...] = ()
    models: tuple[ModelName, ...] = ()
    routes: tuple[tuple[str, RouteRule], ...] = ()
    """By CCR's keys: default, background, think, longContext, webSearch, image; and by Claude family."""
    rules: tuple[HeaderRule, ...] = ()
    prompt: Prompt = Prompt()
    project_routers: bool = False
    """A project's own router is looked for beside claude-code-router's file."""
    any_name: bool = False
    """A model name that nobody knows goes by the routes too, as in CCR; otherwise it is a 404."""
    listed_first: bool = False
    """A Claude model that a provider lists under the very name asked for comes before the routes."""
    fallback: tuple[str, ...] = ()
    """Targets appended to every plan."""
    proxy: ProxyBackend | None = None
    """Set where the variables of the ``PROXY_BACKEND`` proxy are the configuration."""
    dialect: Literal["trunkline", "claude-code-azure"] = "trunkline"
    """Whose words errors are in."""
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    upstream_proxy: Secret | None = None
    """The URL of a proxy for requests that leave this machine, before what the environment says."""
    search: Search | None = None
    plugins: tuple[Plugin, ...] = ()
    endpoints: tuple[tuple[str, tuple[Transform, ...]], ...] = ()
    """(protocol of clients, the plugins for what they say and hear)."""
    custom_router: CustomRouter | None = None
    token_speed: bool = False
    """The speed of answers is written down for status lines."""
    environment: tuple[tuple[str, Secret], ...] = ()
    """What JavaScript plugins find in their environment beside the gateway's own (ccr.md 1.3)."""
    warnings: tuple[str, ...] = ()

"""From an ``api_base_url`` and its transformers to a kind of provider, a protocol and a URL."""

from collections.abc import Collection
from typing import Final, Literal
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from trunkline.config.addresses import DATABRICKS_ZONES, is_private
from trunkline.config.ccr.google import REGIONS, Google, VertexPlace, vertex_place
from trunkline.config.ccr.transformers import DATABRICKS

Auth = Literal["bearer", "api_key", "both"]

HOSTS: Final = {
    "openrouter.ai": "openrouter",
    "deepseek.com": "deepseek",
    "groq.com": "groq",
    "api.openai.com": "openai",
    "anthropic.com": "anthropic",
    "ollama.com": "ollama",
}
"""Ends of host names, and the kind in the catalog."""
LOCAL_PORTS: Final = {11434: "ollama", 1234: "lmstudio"}
DATABRICKS_PATHS: Final = ("/serving-endpoints", "/ai-gateway")
AZURE_ZONES: Final = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
BARE_PATHS: Final = {"openrouter": "/api/v1", "groq": "/openai/v1", "deepseek": ""}
"""Where chat is, below a URL without a path; elsewhere below ``/v1``."""
ENDINGS: Final = (
    ("/chat/completions", "openai_chat"),
    ("/responses", "openai_responses"),
    ("/v1/messages", "anthropic_messages"),
    ("/v1beta/models", "gemini"),
)
BY_TRANSFORMER: Final = (
    ("openai-responses", "openai_responses"),
    ("gemini", "gemini"),
)


class Place(Struct, frozen=True, kw_only=True):
    """Where a provider is, in the terms of Trunkline's own file."""

    kind: str
    host: str | None = None
    url: str | None = None
    speaks: tuple[tuple[str, str], ...] = ()
    api_version: str | None = None
    surface: str | None = None
    auth: Auth | None = None
    vertex: VertexPlace | None = None
    """On Vertex AI, which signs in with Google's credentials and takes no key."""
    deployment: str | None = None
    """The only deployment that the URL asks, whatever the model."""


def place_of(
    url: str, uses: Collection[str], models: Collection[str], google: Google, *, bearer: bool
) -> Place:
    """The place of a provider whose URL is checked; ``uses`` are its transformers, folded.

    Vertex AI by its transformers; Databricks by its host, its paths or its transformer; other kinds by their hosts; all else is
    ``custom``. The URL decides the protocol, and where it does not, the transformers.
    """
    for name in sorted(REGIONS.keys() & set(uses)):
        vertex = vertex_place(url, name, google)
        return Place(kind="vertex", url=vertex.url, vertex=vertex)
    parts = urlsplit(url)
    host, path = (parts.hostname or "").lower(), parts.path.rstrip("/")
    known_path = path.startswith(DATABRICKS_PATHS)
    if host.endswith(DATABRICKS_ZONES) or known_path or (DATABRICKS in uses and not path):
        return _databricks(url, models)
    if host.endswith(AZURE_ZONES) and path.startswith("/openai"):
        return _azure(url)
    kind = _kind(host, parts.port)
    protocol = _protocol(kind, path, uses)
    if not path and protocol == "openai_chat":
        url = url.rstrip("/") + BARE_PATHS.get(kind, "/v1")
    if protocol == "gemini":
        base = f"{parts.scheme}://{parts.netloc}" + path.partition("/v1beta")[0]
        return Place(
            kind=kind,
            speaks=((protocol, f"{base}/v1beta/models"),),
            auth="api_key",
        )
    speaks = ((protocol, url),)
    if kind == "anthropic":
        return Place(
            kind=kind,
            speaks=speaks,
            auth="bearer" if bearer or protocol != "anthropic_messages" else "api_key",
        )
    # CCR sends a key in both headers here; what works with it may read either.
    both = kind == "custom" and protocol == "anthropic_messages" and not bearer
    return Place(kind=kind, speaks=speaks, auth="both" if both else None)


def _kind(host: str, port: int | None) -> str:
    for end, kind in HOSTS.items():
        if host == end or host.endswith("." + end):
            return kind
    return LOCAL_PORTS.get(port or 0, "custom") if is_private(host) else "custom"


def _protocol(kind: str, path: str, uses: Collection[str]) -> str:
    for ending, protocol in ENDINGS:
        if path.endswith(ending):
            return protocol
    for name, protocol in BY_TRANSFORMER:
        if name in uses:
            return protocol
    alone = set(uses) == {"anthropic"}  # CCR passes through only where nothing else edits
    return "anthropic_messages" if alone or (kind == "anthropic" and not uses) else "openai_chat"


def _databricks(url: str, models: Collection[str]) -> Place:
    """Its own reader of addresses takes the URL. One that names an endpoint is only for that model:
    with more models each is asked at its own."""
    parts = urlsplit(url)
    pieces = parts.path.strip("/").split("/")
    if pieces[0] != "serving-endpoints" or pieces[-1] != "invocations" or set(models) <= {pieces[1]}:
        return Place(kind="databricks", host=url)
    return Place(kind="databricks", host=f"{parts.scheme}://{parts.netloc}", surface="serving_invocations")


def _azure(url: str) -> Place:
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}"
    pieces = parts.path.strip("/").split("/")
    if pieces[1:2] != ["deployments"] or len(pieces) < 3:
        return Place(kind="azure", url=base)
    version = parse_qs(parts.query).get("api-version", [None])[0]
    return Place(kind="azure", url=base, api_version=version, deployment=pieces[2])


def without_version(url: str) -> str:
    """The URL without Azure's API version, the one query that has a meaning here."""
    base, _, query = url.partition("?")
    host = urlsplit(base).hostname or ""
    only_version = bool(query) and set(parse_qs(query)) == {"api-version"}
    return base if only_version and host.lower().endswith(AZURE_ZONES) else url

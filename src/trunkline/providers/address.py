"""Addresses of upstreams: which are allowed, and how a base becomes an endpoint."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from trunkline.core.errors import GatewayError, Kind
from trunkline.providers.problems import SettingsError

ENDPOINTS: Final[Mapping[str, str]] = {
    "openai_chat": "/chat/completions",
    "openai_responses": "/responses",
    "anthropic_messages": "/v1/messages",
    "gemini": "/v1beta/models",
    "openai_completions": "/completions",
    "openai_embeddings": "/embeddings",
}
"""What is added to a base URL; ``gemini`` goes on with the model and the method."""

CARRIED_NAMES: Final[Mapping[str, str]] = {
    "openai_completions": "completions",
    "openai_embeddings": "embeddings",
}
"""What the surface of an operation that only passes through is called, by protocol."""

_PRIVATE_SUFFIXES: Final = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


def endpoint_url(protocol: str, configured: str) -> str:
    """The URL to post to. A URL that already ends with the endpoint is taken as it is.

    A base whose last part is the version (``.../v1``) is not given it a second time.
    """
    base, question, query = configured.strip().partition("?")
    base = base.rstrip("/")
    path = ENDPOINTS[protocol]
    if not base.endswith(path):
        version, _, rest = path.removeprefix("/").partition("/")
        base += f"/{rest}" if rest and base.endswith(f"/{version}") else path
    return f"{base}{question}{query}"


def beside_chat(protocol: str, chat_url: str) -> str:
    """Where an operation is asked at a provider whose chat is at ``chat_url``, an endpoint or its base."""
    base, question, query = endpoint_url("openai_chat", chat_url).partition("?")
    return base.removesuffix(ENDPOINTS["openai_chat"]) + ENDPOINTS[protocol] + question + query


def gemini_models(configured: str) -> str:
    """Where a base, a list of models (``.../models``) or a whole endpoint URL has its models, without a query."""
    base = configured.strip().partition("?")[0]
    listed, below, _ = base.partition("/models/")
    base = listed + "/models" if below else base.rstrip("/")
    return base if base.endswith("/models") else endpoint_url("gemini", base)


def in_path(model: str) -> str:
    """A model's name as a piece of a URL's path; slashes stay, all that could end the path is escaped.

    Raises GatewayError (NOT_FOUND) for a name that leads out of its place: a client may ask for any.
    """
    if not {".", ".."}.isdisjoint(model.replace("\\", "/").split("/")):
        raise GatewayError(
            Kind.NOT_FOUND, f"there is no model {model[:200]!r}", field="model", should_retry=False
        )
    return quote(model, safe="/:@,")


class GeminiUrls(NamedTuple):
    """The methods of one model."""

    whole: str
    stream: str
    counting: str


def gemini_urls(configured: str, deployment: str) -> GeminiUrls:
    """The URLs of ``deployment``, see :func:`gemini_models`; a query that was configured stays.

    Streams are always asked for as events (protocols.md E99).
    """
    query = configured.strip().partition("?")[2]
    model = f"{gemini_models(configured)}/{in_path(deployment.removeprefix('models/'))}"
    plain, more = (f"?{query}", f"&{query}") if query else ("", "")
    return GeminiUrls(
        f"{model}:generateContent{plain}",
        f"{model}:streamGenerateContent?alt=sse{more}",
        f"{model}:countTokens{plain}",
    )


def is_private(host: str) -> bool:
    """Loopback, private or link-local addresses, and names that only a private network can resolve."""
    name = host.lower().strip("[]").rstrip(".")
    try:
        address = ip_address(name)
    except ValueError:
        return "." not in name or name.endswith(_PRIVATE_SUFFIXES)
    return address.is_private or address.is_loopback or address.is_link_local


def check_url(where: str, url: str) -> str:
    """``url`` without a trailing slash. Raises SettingsError unless it is https, or http to a private host."""
    text = url.strip()
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as cause:
        raise SettingsError(f"{where}: {text!r} is not a URL: {cause}") from cause
    if parts.scheme not in ("http", "https") or not host:
        raise SettingsError(f"{where}: {text!r} is not a URL; write it as https://host/path")
    if parts.username or parts.password:
        raise SettingsError(
            f"{where}: the URL holds a user name or password; put the credential under 'key'"
        )
    if parts.scheme == "http" and not is_private(host):
        raise SettingsError(
            f"{where}: plain http:// is only allowed toward loopback and private addresses, and {host} is"
            f" neither; write https://{text.removeprefix('http://')}"
        )
    return text.rstrip("/")

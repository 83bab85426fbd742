"""Every route of the gateway, as one table: path, methods, who may call it, and what it is.

Paths are matched raw, as the client sent them: no decoding, no query, no Host. What is not in the table
does not exist. The operation is a name; the application has one endpoint for each.
"""

from typing import Final, Literal
from urllib.parse import unquote

from msgspec import Struct

from trunkline.config.nearest import nearest
from trunkline.core.http import Headers
from trunkline.protocols.gemini import Called, read_path
from trunkline.relay.inbound import Added

Role = Literal["public", "client", "admin"]
"""``public``: whoever may reach the gateway at all; ``client``: with a client key where keys are set;
``admin``: with the admin key, see :class:`trunkline.server.admin.AdminDesk`."""

What = Literal[
    "generate",
    "count_tokens",
    "compact",
    "kept",
    "kept_input",
    "kept_cancel",
    "models",
    "model",
    "hello",
    "health",
    "health_detailed",
    "alive",
    "ready",
    "metrics",
    "page",
    "session",
    "administer",
    "preset",
]


class Route(Struct, frozen=True, kw_only=True):
    """One row. The ``*`` of a ``path`` stands for anything; the first row that fits is the one."""

    path: str
    methods: tuple[str, ...]
    role: Role
    what: What
    protocol: str = "openai_chat"
    """Whose envelope errors come in, and for model operations, who decodes the request."""
    direct: str | None = None
    """Set on the deprecated routes straight to Databricks: the model that is asked there, ``""`` for the body's."""


class Match(Struct, frozen=True):
    """A route and what the ``*`` of its path stood for, percent-decoded."""

    route: Route
    rest: str = ""
    called: Called | None = None
    """What the path itself asks for, where model and method stand in it (gemini)."""
    added: Added | None = None
    """Set on the routes that plugins add."""


_READ: Final = ("GET", "HEAD")
_MODEL_ROUTES: Final[tuple[tuple[str, What, str], ...]] = (
    ("/messages", "generate", "anthropic_messages"),
    ("/messages/count_tokens", "count_tokens", "anthropic_messages"),
    ("/chat/completions", "generate", "openai_chat"),
    ("/completions", "generate", "openai_completions"),
    ("/responses", "generate", "openai_responses"),
    ("/responses/compact", "compact", "openai_responses"),
    ("/responses/*/cancel", "kept_cancel", "openai_responses"),
    ("/embeddings", "generate", "openai_embeddings"),
)
_KEPT_ROUTES: Final[tuple[tuple[str, tuple[str, ...], What], ...]] = (
    ("/responses/*/input_items", ("GET",), "kept_input"),
    ("/responses/*", ("GET", "DELETE"), "kept"),
)
PREFIXES: Final = ("", "/v1")
DIRECT: Final = ("", "claude-sonnet-4", "claude-3-7-sonnet")
"""The models of the ``PROXY_BACKEND`` proxy's routes straight to Databricks (databricks.md 7.3)."""
DEPRECATED: Final[Headers] = (
    ("deprecation", "@1795824000"),
    ("link", '</v1/messages>; rel="successor-version"'),
)
"""What those routes say of themselves (RFC 9745): since 2026-11-28, the day they came here."""
_ADMIN_ROUTES: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("/api/config", ("GET", "HEAD", "POST")),
    ("/api/config/text", ("GET", "HEAD", "POST")),
    ("/api/transformers", _READ),
    ("/api/restart", ("POST",)),
    ("/api/reload", ("POST",)),
    ("/api/logs", ("GET", "HEAD", "DELETE")),
    ("/api/logs/files", _READ),
    ("/api/update/check", _READ),
    ("/api/update/perform", ("POST",)),
    ("/api/presets", _READ),
    ("/api/presets/market", _READ),
    ("/api/presets/install", ("POST",)),
    ("/api/presets/install/github", ("POST",)),
    ("/api/presets/*/apply", ("POST",)),
    ("/api/presets/*", ("GET", "HEAD", "DELETE")),
    ("/api/status", _READ),
    ("/api/requests", _READ),
    ("/api/requests/*", ("GET", "HEAD", "DELETE")),
    ("/api/feed", ("GET",)),
    ("/api/totals", _READ),
    ("/api/targets", _READ),
    ("/api/models", _READ),
    ("/api/explain", ("POST",)),
    ("/providers", ("GET", "HEAD", "POST")),
    ("/providers/*", ("GET", "HEAD", "PUT", "DELETE", "PATCH")),
)
"""claude-code-router's (ccr.md 4.1), the reload and the dashboard's; the longer one of two that fit comes first."""
_ANY: Final = ("GET", "HEAD", "POST", "DELETE")
"""What the routes below a preset's name may be asked."""
_SESSION: Final = ("GET", "HEAD", "POST", "DELETE")
_PAGES: Final = ("/ui", "/ui/", "/ui/*")
_GEMINI_METHODS: Final[tuple[tuple[str, What], ...]] = (
    ("generateContent", "generate"),
    ("streamGenerateContent", "generate"),
    ("countTokens", "count_tokens"),
)
_GEMINI_PLACES: Final = (
    "/v1beta/models/",
    "/v1/models/",
    "/models/",
    "/v1beta1/projects/",
    "/v1/projects/",
)
"""Where the Developer API has its models, and where Vertex has them: ``projects/P/locations/L/publishers/...``."""


def _rows() -> list[Route]:
    rows = [
        Route(path="/", methods=_READ, role="public", what="hello"),
        Route(path="/api/hello", methods=_READ, role="public", what="hello"),
        Route(path="/health", methods=_READ, role="public", what="health"),
        Route(path="/health/detailed", methods=_READ, role="client", what="health_detailed"),
        Route(path="/metrics", methods=_READ, role="client", what="metrics"),
        Route(path="/livez", methods=_READ, role="public", what="alive"),
        Route(path="/readyz", methods=_READ, role="public", what="ready"),
        Route(path="/v1beta/models", methods=_READ, role="client", what="models", protocol="gemini"),
    ]
    rows.extend(
        Route(
            path="/v1/databricks/messages" + (f"/{model}" if model else ""),
            methods=("POST",),
            role="client",
            what="generate",
            protocol="anthropic_messages",
            direct=model,
        )
        for model in DIRECT
    )
    for place in _GEMINI_PLACES:
        rows.extend(
            Route(path=f"{place}*:{method}", methods=("POST",), role="client", what=what, protocol="gemini")
            for method, what in _GEMINI_METHODS
        )
    rows.append(
        Route(path="/v1beta/models/*", methods=_READ, role="client", what="model", protocol="gemini")
    )
    for prefix in PREFIXES:
        rows.append(Route(path=f"{prefix}/models", methods=_READ, role="client", what="models"))
        rows.append(Route(path=f"{prefix}/models/*", methods=_READ, role="client", what="model"))
        rows.extend(
            Route(path=prefix + path, methods=("POST",), role="client", what=what, protocol=protocol)
            for path, what, protocol in _MODEL_ROUTES
        )
        rows.extend(
            Route(
                path=prefix + path, methods=methods, role="client", what=what, protocol="openai_responses"
            )
            for path, methods, what in _KEPT_ROUTES
        )
    rows.extend(
        Route(path=path, methods=methods, role="admin", what="administer")
        for path, methods in _ADMIN_ROUTES
    )
    rows.append(Route(path="/api/session", methods=_SESSION, role="public", what="session"))
    rows.extend(Route(path=path, methods=_READ, role="public", what="page") for path in _PAGES)
    rows.append(Route(path="/preset/*", methods=_ANY, role="client", what="preset"))
    return rows


ROUTES: Final[tuple[Route, ...]] = tuple(_rows())

_EXACT: Final[dict[bytes, Match]] = {
    route.path.encode(): Match(route) for route in ROUTES if "*" not in route.path
}
_BELOW: Final[tuple[tuple[str, str, Route], ...]] = tuple(
    (before, after, route)
    for route in ROUTES
    for before, star, after in (route.path.partition("*"),)
    if star
)


def match(raw_path: bytes, query: bytes = b"") -> Match | None:
    """The route of a path as it stands in the request line, without its query.

    ``query`` says how Gemini's streams are framed; nothing else is read from it.
    """
    found = _EXACT.get(raw_path)
    return _match_below(raw_path, query) if found is None else found


def _match_below(raw_path: bytes, query: bytes) -> Match | None:
    path = unquote(raw_path.decode("latin-1"), errors="replace")
    for before, after, route in _BELOW:
        if len(path) > len(before) + len(after) and path.startswith(before) and path.endswith(after):
            rest = path[len(before) : len(path) - len(after)]
            if not after or route.protocol != "gemini":
                return Match(route, rest)
            called = read_path(raw_path.decode("latin-1") + "?" + query.decode("latin-1"))
            return Match(route, rest, called)
    return None


def unknown_path(raw_path: bytes) -> str:
    """The message for a path that is no route, naming the one that was probably meant."""
    path = raw_path.decode("latin-1")[:200]
    shown = "".join(c if c.isascii() and c.isprintable() else "?" for c in path)
    collapsed = "/" + "/".join(part for part in shown.split("/") if part)
    while collapsed.startswith("/v1/v1/"):
        collapsed = collapsed.removeprefix("/v1")
    if match(collapsed.encode()) is not None:
        return f"There is no {shown} here; use {collapsed}: the client's base URL ends in a part too many."
    closest = nearest(collapsed, [route.path for route in ROUTES], limit=1)
    meant = f"; the nearest route is {closest[0]}" if closest else ""
    return f"There is no {shown} here{meant}."

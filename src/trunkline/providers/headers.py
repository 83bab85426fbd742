"""Headers toward an upstream: authentication, the protocol's own, and what of the client's goes along."""

import base64
from collections.abc import Mapping
from typing import Final, Literal

from trunkline import __version__
from trunkline.catalog.providers import Auth
from trunkline.core.facts import Facts
from trunkline.core.http import Headers

USER_AGENT: Final = f"trunkline/{__version__}"
ANTHROPIC_VERSION: Final = "2023-06-01"

_ALWAYS: Final[Headers] = (
    ("content-type", "application/json"),
    ("accept", "application/json"),
    ("user-agent", USER_AGENT),
)
# The vendors' SDKs ask with this accept value for streams too; "stream" in the body decides.

# Of a client's headers only those named here go on, so host, cookies, credentials and framing never can.
_VERBATIM_PREFIXES: Final = ("anthropic-", "x-claude-code-")
# Codex's own: a turn's state that an answer set, and how its body is to be read (clients.md 3.1).
_CODEX_PREFIXES: Final = ("x-codex-", "x-openai-")
_CODEX_NAMES: Final = frozenset({"originator", "session-id", "session_id", "thread-id", "conversation_id"})

Forward = Literal["none", "messages", "verbatim", "codex"]
"""Of the client's headers: nothing; version and filtered betas; all that are Anthropic's, unfiltered; Codex's own."""


def auth_headers(auth: Auth, credential: str | None) -> Headers:
    """The credential as ``auth`` spells it; nothing without one."""
    if credential is None:
        return ()
    match auth:
        case "bearer":
            return (("authorization", f"Bearer {credential}"),)
        case "basic":
            pair = base64.b64encode(f"token:{credential}".encode()).decode("ascii")
            return (("authorization", f"Basic {pair}"),)
        case "api_key":
            return (("x-api-key", credential),)
        case "azure_key":
            return (("api-key", credential),)
        case "goog_key":
            return (("x-goog-api-key", credential),)
        case "both":
            return (("authorization", f"Bearer {credential}"), ("x-api-key", credential))
        case "none":
            return ()


def request_headers(
    auth: Headers, client: Headers, facts: Facts, forward: Forward, extra: Headers
) -> Headers:
    """All headers of a generation request. ``extra`` are configured ones and win over the fixed ones."""
    headers = _ALWAYS + auth
    match forward:
        case "messages":
            headers += _messages_headers(client, facts)
        case "verbatim":
            headers += _verbatim_headers(client, facts)
        case "codex":
            headers += tuple(
                pair for pair in client if pair[0] in _CODEX_NAMES or pair[0].startswith(_CODEX_PREFIXES)
            )
        case "none":
            pass
    if not extra:
        return headers
    named = {key for key, _ in extra}
    return tuple(pair for pair in headers if pair[0] not in named) + extra


def _messages_headers(client: Headers, facts: Facts) -> Headers:
    version = ANTHROPIC_VERSION
    betas: list[str] = []
    for key, value in client:
        if key == "anthropic-version":
            version = value
        elif key == "anthropic-beta":
            betas.extend(beta for beta in split_betas(value) if beta_allowed(beta, facts))
    headers: Headers = (("anthropic-version", version),)
    return (*headers, ("anthropic-beta", ",".join(betas))) if betas else headers


def _verbatim_headers(client: Headers, facts: Facts) -> Headers:
    if facts.drop_betas:  # something was refused: from now on the betas are filtered after all
        betas = _messages_headers(client, facts)
        return betas + tuple(pair for pair in client if pair[0].startswith("x-claude-code-"))
    kept = tuple(pair for pair in client if pair[0].startswith(_VERBATIM_PREFIXES))
    if any(key == "anthropic-version" for key, _ in kept):
        return kept
    return (("anthropic-version", ANTHROPIC_VERSION), *kept)


def split_betas(value: str) -> list[str]:
    """The values of an ``anthropic-beta`` header."""
    return [beta for piece in value.split(",") if (beta := piece.strip())]


def beta_allowed(beta: str, facts: Facts) -> bool:
    """Whether the upstream takes this beta."""
    return beta not in facts.drop_betas and (facts.betas is None or beta in facts.betas)


BETA_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "context-management-": frozenset({"context_management"}),
    "compact-": frozenset({"context_management"}),
    "mcp-client-": frozenset({"mcp_servers"}),
    "skills-": frozenset({"container"}),
    "code-execution-": frozenset({"container"}),
    "fast-mode-": frozenset({"speed"}),
    "effort-": frozenset({"output_config.effort"}),
    "structured-outputs-": frozenset({"output_config.format", "output_format", "tools.strict"}),
    "task-budgets-": frozenset({"output_config.task_budget"}),
    "fine-grained-tool-streaming-": frozenset({"tools.eager_input_streaming"}),
    "tool-search-tool-": frozenset({"tools.defer_loading"}),
    "advanced-tool-use-": frozenset(
        {"tools.defer_loading", "tools.input_examples", "tools.allowed_callers"}
    ),
    "tool-examples-": frozenset({"tools.input_examples"}),
    "prompt-caching-scope-": frozenset(
        {"system.cache_control.scope", "messages.content.cache_control.scope"}
    ),
}
"""Body fields that exist only with a beta, by the beta's name without its date: both go or both stay (E110, E111)."""


def fields_of_beta(beta: str) -> frozenset[str]:
    """The body fields that have to go when ``beta`` goes."""
    for prefix, paired in BETA_FIELDS.items():
        if beta.startswith(prefix):
            return paired
    return frozenset()

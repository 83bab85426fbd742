"""What kind of workspace the stand-in is."""

from dataclasses import dataclass
from typing import Literal

BETAS = frozenset(
    [
        "claude-code-20250219",
        "interleaved-thinking-2025-05-14",
        "effort-2025-11-24",
        "context-1m-2025-08-07",
        "fine-grained-tool-streaming-2025-05-14",
        "extended-cache-ttl-2025-04-11",
        "output-128k-2025-02-19",
        "token-efficient-tools-2025-02-19",
        "prompt-caching-2024-07-31",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What kind of workspace this is. The defaults: both surfaces on, native Messages there, strict."""

    token: str = "dapi-stand-in"
    expired: frozenset[str] = frozenset()
    """Tokens that are about to expire."""
    basic: bool = True
    """Takes the Basic form ``token:PAT`` too."""
    wrong_token: Literal["numeric", "text"] = "numeric"
    address_blocked: bool = False
    """The workspace's IP access list does not have this machine."""
    audience: frozenset[str] = frozenset()
    """Entra tokens that are for another resource."""
    client: tuple[str, str] | None = None
    """(id, secret) of a service principal; ``/oidc/v1/token`` issues further tokens for it."""
    gateway: Literal["on", "off", "refused"] = "on"
    serving: Literal["on", "enforced_off"] = "on"
    native: Literal["on", "absent", "unsupported"] = "on"
    """Messages: there, 404 as an unknown path, or 400 as an unsupported one."""
    responses: Literal["on", "absent"] = "on"
    gemini: Literal["on", "absent"] = "on"
    """The other two native routes: there, or 404 as an unknown path."""
    cache_inside: bool = True
    """Chat: ``prompt_tokens`` counts what the cache had, as measured on the gateway, or leaves it out."""
    v3_only: bool = False
    """The gateway knows service names alone."""
    account: bool = False
    """An account's address: every call is a redirect to its log-in page."""
    listing: Literal["on", "forbidden", "recorded"] = "on"
    page: int = 8
    """Services in a page of the catalog listing; the first page comes empty."""
    slow_above: int | None = None
    """Pages of the catalog larger than this are too slow: 499."""
    null_pages: bool = False
    """A list of services without any says null."""
    zero_limit: frozenset[str] = frozenset()
    """Models with a rate limit of 0, by their plain names."""
    endpoints: tuple[str, ...] = ()
    """Custom endpoints: any name, with the behaviour of the default Claude."""
    strict: bool = True
    """False: takes any body, as a lenient server would."""
    plain: bool = False
    """Also serves ``/v1/chat/completions`` and ``/v1/messages`` as ordinary servers do, without any check."""
    betas: frozenset[str] = BETAS
    beta_words: Literal["named", "unnamed"] = "named"
    cache_ttl: bool = True
    tool_extras: bool = False
    """Native tools may carry defer_loading and the like, and results tool references."""
    native_errors: bool = False
    """Native Messages words its refusals as Anthropic does, not as JSON in a string."""
    context: int | None = None
    """Overrides every model's context, in tokens of four bytes of the request."""
    max_body: int = 4 * 1024 * 1024
    input_per_minute: int | None = None
    output_per_minute: int | None = None
    retry_after: str | None = None
    """What the limits above say in ``Retry-After``."""
    limit_status: Literal[429, 400] = 429
    """The same words come with either."""

"""The headers of an answer: what we say about it, and what the upstream said that clients read."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from trunkline.core.http import Headers
from trunkline.core.losses import Loss

MAX_LOSSES: Final = 2000
"""Characters of the losses header; proxies refuse heads much above 8 kB in all."""

STREAM: Final[Headers] = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache"),
    ("x-accel-buffering", "no"),
)

_UNSAFE: Final = re.compile(r"[^\x20-\x7e]+")
_PASSED: Final = frozenset(
    {
        "request-id", "x-request-id", "openai-model", "openai-processing-ms", "openai-version",
        "x-codex-turn-state", "x-models-etag", "x-reasoning-included", "retry-after", "retry-after-ms",
    }
)  # fmt: skip
_PASSED_PREFIXES: Final = ("anthropic-ratelimit-", "x-ratelimit-", "x-codex-")


def header_safe(text: str) -> str:
    """``text`` with everything replaced that a header value may not hold."""
    return _UNSAFE.sub("?", text)


def losses_header(losses: Iterable[Loss]) -> str:
    """The losses as ``field: why; field: why``, cut at whole entries; the rest is counted."""
    out: list[str] = []
    size = left = 0
    for loss in dict.fromkeys(losses):
        entry = header_safe(f"{loss.field}: {loss.why}").replace(";", ",")
        if size + len(entry) + 2 > MAX_LOSSES:
            left += 1
            continue
        out.append(entry)
        size += len(entry) + 2
    if left:
        out.append(f"and {left} more")
    return "; ".join(out)


@lru_cache(maxsize=512)
def trunkline_headers(
    provider: str, model: str, route: str, losses: tuple[Loss, ...], attempts: int
) -> Headers:  # the same for most requests
    """The ``x-trunkline-`` headers but for the request's id; the one for losses only when there are any."""
    headers = (
        ("x-trunkline-provider", header_safe(provider)),
        ("x-trunkline-model", header_safe(model)),
        ("x-trunkline-route", header_safe(route)[:200]),
        ("x-trunkline-attempts", str(attempts)),
    )
    return (*headers, ("x-trunkline-losses", losses_header(losses))) if losses else headers


@lru_cache(maxsize=512)
def whole_headers(
    provider: str, model: str, route: str, losses: tuple[Loss, ...], attempts: int
) -> Headers:
    """As :func:`trunkline_headers`, with what a whole answer is; all it needs but its length."""
    about = trunkline_headers(provider, model, route, losses, attempts)
    return (("content-type", "application/json"), *about)


def request_id_header(protocol: str, request_id: str, passed: Headers) -> Headers:
    """The request's id under the name that the protocol's libraries read; the upstream's stands.

    Qwen Code 0.24 repeats a request whose stream broke off only when the answer had an id.
    """
    name = "request-id" if protocol == "anthropic_messages" else "x-request-id"
    if passed and any(header == name for header, _ in passed):
        return ()
    return ((name, request_id),)


def passed_on(upstream: Headers) -> Headers:
    """Headers of an upstream that speaks the client's protocol and that its clients read."""
    return tuple(pair for pair in upstream if pair[0] in _PASSED or pair[0].startswith(_PASSED_PREFIXES))

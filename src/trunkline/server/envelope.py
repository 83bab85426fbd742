"""In whose words a client is told what went wrong, where the route does not say it."""

from typing import Final

from trunkline.server.heads import Head, speaks
from trunkline.server.routes import Match

_TELLING: Final = (
    (b"/messages", "anthropic_messages"),
    (b"/responses", "openai_responses"),
    (b"/v1beta", "gemini"),
    (b"enerateContent", "gemini"),
)
"""Parts of paths that are no route and still tell who is asking."""


def spoken(found: Match | None, head: Head, raw_path: bytes) -> str:
    """The protocol of a client on a route that is no model operation, or on none."""
    if found is not None:
        return "gemini" if found.route.protocol == "gemini" else speaks(head.headers)
    for part, protocol in _TELLING:
        if part in raw_path:
            return protocol
    return speaks(head.headers)

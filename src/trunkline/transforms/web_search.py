"""Web search done for a client, the pure half: what the model is offered, what it asked, what the client sees.

The vendor's search tool becomes a function. Its calls are taken out of the answer; what was found goes back
to the model as the function's results and to the client as searches, with citations where the answer names a page.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from trunkline.core.search import Citation, SearchTool, Source, WebSearch
from trunkline.core.types import Opaque, Request, Tool, ToolCall

NAME: Final = "trunkline"
"""The protocol that parts of ours come from, and how the ids of our searches begin."""
MAX_QUERY: Final = 400
"""Characters of a query, a backend's limit (Brave and Tavily, 2026)."""
MAX_URL: Final = 2048

_NOTHING: Final = Raw(b"{}")
_SEARCH: Final = Raw(
    b'{"type":"object","properties":{"query":{"type":"string","description":"What to search for."}},'
    b'"required":["query"]}'
)
_FETCH: Final = Raw(
    b'{"type":"object","properties":{"url":{"type":"string","description":"The address of the page."}},'
    b'"required":["url"]}'
)
_DESCRIPTIONS: Final = {
    "search": "Search the web. Returns titles, addresses and excerpts of pages. Where your answer rests on a"
    " page, name it as a Markdown link to its address.",
    "fetch": "Read a page of the web as text. Only addresses that came up in this conversation can be read.",
}


class _Arguments(Struct):
    query: str | None = None
    url: str | None = None


_ARGUMENTS: Final = msgspec.json.Decoder(_Arguments)


def offered(request: Request, tools: Mapping[str, SearchTool]) -> Request:
    """The request as the model gets it: functions in place of ``tools``."""
    return replace(request, tools=tuple(_function(tool, tools.get(tool.name)) for tool in request.tools))


def _function(tool: Tool, search: SearchTool | None) -> Tool:
    if search is None or tool.search is None:
        return tool
    schema = _SEARCH if search.deed == "search" else _FETCH
    return Tool(name=tool.name, description=_DESCRIPTIONS[search.deed], schema=schema, cache=tool.cache)


def asked(call: ToolCall, search: SearchTool) -> str:
    """The query or address of a call; empty when the model gave none."""
    try:
        given = _ARGUMENTS.decode(call.arguments)
    except (msgspec.DecodeError, UnicodeError):
        return ""
    text = given.query if search.deed == "search" else given.url
    return (text or "").strip()


def shown(search: WebSearch) -> Opaque:
    """A search as a part of the answer, which every protocol shows in its own way or not at all."""
    return Opaque(NAME, f"web_{search.deed}", _NOTHING, means=search)


def told(search: WebSearch) -> str:
    """The outcome as the model reads it."""
    if search.error is not None:
        return f"The {search.deed} failed: {search.error}. Go on without it."
    if search.deed == "fetch":
        page = search.sources[0]
        return f"{page.title}\n{page.url}\n\n{page.text}".lstrip()
    if not search.sources:
        return "Nothing was found."
    return "\n\n".join(
        "\n".join(line for line in (f"[{place}] {one.title}", one.url, one.age or "", one.text) if line)
        for place, one in enumerate(search.sources, 1)
    )


def permitted(url: str, search: SearchTool) -> bool:
    """Whether the tool's domains let a page in. A domain stands for its subdomains, and may go on with a path."""
    if search.allowed_domains:
        return any(_within(url, domain) for domain in search.allowed_domains)
    return not any(_within(url, domain) for domain in search.blocked_domains)


def _within(url: str, domain: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    host = (parts.hostname or "").lower().rstrip(".")
    name, slash, path = domain.strip().lower().removeprefix("*.").partition("/")
    if host != name and not host.endswith(f".{name}"):
        return False
    return not slash or parts.path.lower().startswith(f"/{path}")


def citations(text: str, sources: Mapping[str, Source]) -> list[Opaque]:
    """The pages that a text names by their address, each once, where it stands."""
    found: list[Opaque] = []
    for url, source in sources.items():
        if url not in text:
            continue
        linked = re.search(r"\[[^\]\n]*\]\(" + re.escape(url) + r"\)", text)
        start, end = linked.span() if linked else (text.index(url), text.index(url) + len(url))
        cited = Citation(url=url, title=source.title, text=source.text, start=start, end=end)
        found.append(Opaque(NAME, "citation", _NOTHING, means=cited))
    return found

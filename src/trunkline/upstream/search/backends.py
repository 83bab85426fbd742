"""The search services: how each is asked, and what its answer says.

Sources, read 2026-11: docs.searxng.org (search API), api-dashboard.search.brave.com (web search), docs.tavily.com (search).
"""

from collections.abc import Callable, Iterable, Sequence
from html import unescape
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from trunkline.core.http import Headers, HttpRequest
from trunkline.core.search import SearchTool, Source

BRAVE: Final = "https://api.search.brave.com/res/v1/web/search"
BRAVE_MOST: Final = 20
TAVILY: Final = "https://api.tavily.com/search"
TAVILY_MOST: Final = 20
MAX_SITES: Final = 8
"""Domains that are put into a query; the rest is only filtered afterwards."""
_MARKS: Final = ("<strong>", "</strong>", "<em>", "</em>", "<b>", "</b>")


class Backend(Struct, frozen=True):
    """One service. ``ask`` takes query, tool, number of results and key."""

    url: str
    ask: Callable[[str, str, SearchTool, int, str | None], HttpRequest]
    read: Callable[[bytes], tuple[Source, ...]]


class _SearxResult(Struct):
    url: str | None = None
    title: str | None = None
    content: str | None = None
    published: str | None = msgspec.field(name="publishedDate", default=None)


class _Searx(Struct):
    results: list[_SearxResult]


class _BraveResult(Struct):
    url: str | None = None
    title: str | None = None
    description: str | None = None
    extra_snippets: list[str] | None = None
    page_age: str | None = None
    age: str | None = None


class _BraveWeb(Struct):
    results: list[_BraveResult] | None = None


class _Brave(Struct):
    web: _BraveWeb | None = None


class _TavilyResult(Struct):
    url: str | None = None
    title: str | None = None
    content: str | None = None
    published_date: str | None = None


class _Tavily(Struct):
    results: list[_TavilyResult]


_SEARX: Final = msgspec.json.Decoder(_Searx)
_BRAVE: Final = msgspec.json.Decoder(_Brave)
_TAVILY: Final = msgspec.json.Decoder(_Tavily)
_JSON: Final[Headers] = (("accept", "application/json"), ("user-agent", "trunkline"))


def _with_sites(query: str, tool: SearchTool) -> str:
    """The query with the domains in the engines' own words."""
    if tool.allowed_domains:
        sites = " OR ".join(f"site:{domain}" for domain in tool.allowed_domains[:MAX_SITES])
        return f"{query} ({sites})" if len(tool.allowed_domains) > 1 else f"{query} {sites}"
    return " ".join((query, *(f"-site:{domain}" for domain in tool.blocked_domains[:MAX_SITES])))


def _ask_searxng(url: str, query: str, tool: SearchTool, most: int, key: str | None) -> HttpRequest:
    del most  # the instance decides
    headers = _JSON if key is None else (*_JSON, ("authorization", f"Bearer {key}"))
    asked = urlencode({"q": _with_sites(query, tool), "format": "json"})
    return HttpRequest("GET", f"{url.rstrip('/').removesuffix('/search')}/search?{asked}", headers)


def _ask_brave(url: str, query: str, tool: SearchTool, most: int, key: str | None) -> HttpRequest:
    asked = {"q": _with_sites(query, tool), "count": str(min(most, BRAVE_MOST)), "extra_snippets": "true"}
    if tool.location is not None and tool.location.country:
        asked["country"] = tool.location.country.upper()
    headers: Headers = (*_JSON, ("x-subscription-token", key or ""))
    return HttpRequest("GET", f"{url}?{urlencode(asked)}", headers)


def _ask_tavily(url: str, query: str, tool: SearchTool, most: int, key: str | None) -> HttpRequest:
    asked: dict[str, object] = {"query": query, "max_results": min(most, TAVILY_MOST)}
    if tool.allowed_domains:
        asked["include_domains"] = list(tool.allowed_domains)
    if tool.blocked_domains:
        asked["exclude_domains"] = list(tool.blocked_domains)
    headers: Headers = (
        *_JSON,
        ("content-type", "application/json"),
        ("authorization", f"Bearer {key or ''}"),
    )
    return HttpRequest("POST", url, headers, msgspec.json.encode(asked))


def _read_searxng(body: bytes) -> tuple[Source, ...]:
    return _sources(
        (one.url, one.title, (one.content,), one.published) for one in _SEARX.decode(body).results
    )


def _read_brave(body: bytes) -> tuple[Source, ...]:
    web = _BRAVE.decode(body).web or _BraveWeb()
    return _sources(
        (one.url, one.title, (one.description, *(one.extra_snippets or ())), one.page_age or one.age)
        for one in web.results or ()
    )


def _read_tavily(body: bytes) -> tuple[Source, ...]:
    return _sources(
        (one.url, one.title, (one.content,), one.published_date) for one in _TAVILY.decode(body).results
    )


_Found = tuple[str | None, str | None, Sequence[str | None], str | None]


def _sources(found: Iterable[_Found]) -> tuple[Source, ...]:
    """Each page once, texts without the engines' own marks."""
    sources: dict[str, Source] = {}
    for url, title, texts, age in found:
        if url and url.startswith(("https://", "http://")):
            text = "\n".join(_plain(text) for text in texts if text)
            sources.setdefault(url, Source(url=url, title=_plain(title or ""), text=text, age=age))
    return tuple(sources.values())


def _plain(text: str) -> str:
    for mark in _MARKS:
        text = text.replace(mark, "")
    return unescape(text).strip()


BACKENDS: Final = {
    "searxng": Backend("", _ask_searxng, _read_searxng),
    "brave": Backend(BRAVE, _ask_brave, _read_brave),
    "tavily": Backend(TAVILY, _ask_tavily, _read_tavily),
}

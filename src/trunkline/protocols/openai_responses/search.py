"""Web search in this protocol's tool, items and annotations, both ways (API reference, 2026-09)."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from trunkline.core.search import Citation, Location, Meaning, SearchTool, Source, WebSearch
from trunkline.core.types import Tool
from trunkline.protocols.openai_responses.ledger import Ledger
from trunkline.protocols.openai_responses.wire import encode


class _Location(Struct, omit_defaults=True):
    type: str = ""
    city: str | None = None
    region: str | None = None
    country: str | None = None
    timezone: str | None = None


class _Filters(Struct):
    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None


class _Tool(Struct):
    filters: _Filters | None = None
    user_location: _Location | None = None
    search_context_size: str | None = None


class _Page(Struct):
    url: str | None = None
    title: str | None = None


class _Action(Struct):
    type: str = "search"
    query: str | None = None
    queries: list[str] | None = None
    url: str | None = None
    sources: list[_Page] | None = None


class _Call(Struct):
    id: str = ""
    status: str | None = None
    action: _Action | None = None


class _Cited(Struct):
    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


_TOOL: Final = msgspec.json.Decoder(_Tool)
_CALL: Final = msgspec.json.Decoder(_Call)
_CITED: Final = msgspec.json.Decoder(_Cited)


def search_tool(kind: str, raw: Raw) -> SearchTool | None:
    """What a declared tool searches; None for other tools and for settings we cannot read."""
    if not kind.startswith("web_search"):
        return None
    try:
        wire = _TOOL.decode(raw)
    except msgspec.DecodeError:
        return None
    filters, place = wire.filters or _Filters(), wire.user_location
    return SearchTool(
        allowed_domains=tuple(filters.allowed_domains or ()),
        blocked_domains=tuple(filters.blocked_domains or ()),
        context_size=wire.search_context_size,
        location=None
        if place is None
        else Location(city=place.city, region=place.region, country=place.country, timezone=place.timezone),
    )


def encode_search_tool(tool: Tool, search: SearchTool, ledger: Ledger) -> dict[str, object]:
    """A search tool of another protocol as OpenAI's own."""
    wire: dict[str, object] = {"type": "web_search"}
    if search.allowed_domains:
        wire["filters"] = {"allowed_domains": list(search.allowed_domains)}
    if search.blocked_domains:
        ledger.lose(f"tools.{tool.name}.blocked_domains", "only allowed domains can be named here")
    if search.max_uses is not None:
        ledger.lose(f"tools.{tool.name}.max_uses", "searches are not counted here")
    if search.context_size is not None:
        wire["search_context_size"] = search.context_size
    place = search.location
    if place is not None:
        wire["user_location"] = _Location(
            "approximate", place.city, place.region, place.country, place.timezone
        )
    return wire


def meaning(kind: str, raw: Raw) -> Meaning | None:
    """What an item or annotation says of a search; None when it is about something else."""
    try:
        if kind == "url_citation":
            cited = _CITED.decode(raw)
            return Citation(
                url=cited.url or "", title=cited.title or "", start=cited.start_index, end=cited.end_index
            )
        return _search(_CALL.decode(raw)) if kind == "web_search_call" else None
    except msgspec.DecodeError:
        return None


def _search(call: _Call) -> WebSearch:
    action = call.action or _Action()
    failed = "unavailable" if call.status == "failed" else None
    if action.type != "search":
        opened = () if action.url is None else (action.url,)
        return WebSearch(id=call.id, deed="fetch", queries=opened, error=failed)
    asked = tuple(action.queries or ()) or (() if action.query is None else (action.query,))
    sources = tuple(Source(url=one.url, title=one.title or "") for one in action.sources or () if one.url)
    return WebSearch(id=call.id, queries=asked, sources=sources, error=failed)


def item_of(search: WebSearch) -> Raw | None:
    """The item that shows a search; None for the second half of one that was shown already."""
    if search.step == "result":
        return None
    said = search.queries[0] if search.queries else ""
    action: dict[str, object]
    if search.deed == "fetch":
        action = {"type": "open_page", "url": said}
    else:
        action = {"type": "search", "query": said, "queries": list(search.queries)}
        if search.sources:
            action["sources"] = [{"type": "url", "url": source.url} for source in search.sources]
    ident = search.id if search.id.startswith("ws_") else f"ws_{search.id.removeprefix('srvtoolu_')}"
    status = "completed" if search.error is None else "failed"
    return Raw(encode({"id": ident[:64], "type": "web_search_call", "status": status, "action": action}))
